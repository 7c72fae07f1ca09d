/* Where accounts run: adoption, first assignment, failover, moves and draining; see private.h. Invariant: an account leaves an instance only
 * when its session there was seen stopped, or has certainly ended. */
#include "cleanup/accounts/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"

#define ARRIVING_MAX 5 /* at an instance, of accounts that move or are not started yet: no further one leaves for it */

/* Deleted, and its instance needs no room for it. */
static bool account_has_left(const struct account *a, int64_t now_us)
{
	return account_is_deleted(a) && (a->row.control.gone_us != PG_NO_TIME || account_is_given_up(a, now_us));
}

void accounts_count(struct accounts *all)
{
	int64_t now_us = clock_now_us();
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(all->options.fleet, &i)))
		at->assigned = 0;
	for (i = 0; i < all->n; i++) {
		const struct account *a = all->list[i];

		at = account_instance(a);
		if (at && !account_has_left(a, now_us))
			at->assigned++;
		at = fleet_find(all->options.fleet, a->assign_to >= 0 ? a->assign_to : a->leaves_for);
		if (at)
			at->assigned++;
	}
	all->rooms_changed = true;
}

static void assign(struct account *a, const struct instance *to, const char *why)
{
	struct instance *at = fleet_find(a->all->options.fleet, to->row.index);

	(void)failpoint("assignment_decided");
	a->assign_to = to->row.index;
	a->migrates = a->row.instance_index >= 0;
	a->migrate_why = why;
	a->all->pending = true;
	at->assigned += a->leaves_for != to->row.index;
	a->leaves_for = -1;
}

/* Whether no other live account has a session of its name there. */
static bool name_is_free(const struct account *a, int64_t index)
{
	const struct account *b = accounts_find_session(a->all, a->row.bridge, index, account_session_name(a));

	return !b || b == a || account_is_deleted(b);
}

static size_t rooms_with_free_name(const struct account *a, struct instance_room **rooms)
{
	size_t n = fleet_rooms(a->all->options.fleet, rooms), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (name_is_free(a, (*rooms)[i].index))
			(*rooms)[kept++] = (*rooms)[i];
	return kept;
}

/* The instance with the most room; NULL: none. */
static const struct instance *choose(const struct account *a, const struct str *group)
{
	const struct fleet *fleet = a->all->options.fleet;
	struct instance_room *rooms;
	size_t n = rooms_with_free_name(a, &rooms);
	const struct instance_room *room = assignment_choose(rooms, n, a->row.bridge, group, a->row.instance_index);
	const struct instance *at = room ? fleet_find(fleet, room->index) : NULL;

	free(rooms);
	return at;
}

/* Whether instances of the kind are registered, and each was probed: before that nothing is known of their room. */
static bool is_full(const struct fleet *f, enum bridge_kind kind)
{
	struct instance *at;
	size_t i = 0;
	bool any = false;

	while ((at = fleet_each(f, &i))) {
		if (at->row.kind != kind)
			continue;
		if (at->probe.state == INSTANCE_UNKNOWN)
			return false;
		any = true;
	}
	return any;
}

/* The instance that was asked for, while it has room. */
static const struct instance *asked_for(const struct account *a)
{
	const struct instance *to = a->row.move_to < 0 ? NULL : fleet_find(a->all->options.fleet, a->row.move_to);

	return to && to->row.kind == a->row.bridge && instance_is_usable(to) && to->assigned < to->row.capacity &&
			name_is_free(a, to->row.index)
		? to
		: NULL;
}

/* An account with a URL belongs to the instance that is registered with it, if there is one. */
static const struct instance *first_choice(const struct account *a)
{
	const struct instance *asked = asked_for(a);

	if (a->row.instance_url.n > 0)
		return fleet_find_url(a->all->options.fleet, a->row.bridge, a->row.instance_url);
	if (account_desired(a) != DESIRED_CONNECTED)
		return NULL;
	return asked ? asked : choose(a, NULL);
}

static void first(struct account *a)
{
	const struct fleet *fleet = a->all->options.fleet;
	const struct instance *to = first_choice(a);

	if (to)
		assign(a, to, "assigned");
	else if (a->row.instance_url.n == 0 && account_desired(a) == DESIRED_CONNECTED && is_full(fleet, a->row.bridge))
		account_notice(a, NOTICE_NO_CAPACITY);
}

/* Its instance is gone: the session's files must be where the next one finds them. */
static void fail_over(struct account *a, struct instance *from)
{
	const struct instance *to;

	(void)failpoint("instance_fenced");
	from->changed |= from->row.fenced_us == PG_NO_TIME;
	if (from->row.fenced_us == PG_NO_TIME)
		from->row.fenced_us = clock_now_us();
	to = from->row.storage_group.n > 0 ? choose(a, &from->row.storage_group) : NULL;
	if (!to) {
		account_notice(a, NOTICE_NO_CAPACITY);
		return;
	}
	assign(a, to, "instance_down");
	a->lost_instance = true;
}

/* Where the account is to be moved while both instances work; NULL: nowhere. A bridge without stop (Evolution) would have to log the session
 * out, which only a move with a new login may do. The same stands in libs/store/account_wishes.c, places. */
static bool keeps_files(const struct instance *from)
{
	return from->row.storage_group.n > 0 && bridge_has(from->row.kind, BRIDGE_STOP);
}

static bool is_asked_to_move(const struct account *a)
{
	return a->row.move_us != PG_NO_TIME && a->row.move_us > a->row.control.moved_us && a->row.move_to >= 0;
}

static bool drains(const struct instance *from)
{
	return str_is(from->row.desired, "draining") && keeps_files(from);
}

/* Where it was asked to move; NULL: nowhere, or not there. */
static const struct instance *asked_target(const struct account *a, const struct instance *from)
{
	const struct instance *to = is_asked_to_move(a) ? fleet_find(a->all->options.fleet, a->row.move_to) : NULL;

	if (!to || to == from || to->row.kind != from->row.kind || !instance_is_usable(to) ||
		!name_is_free(a, to->row.index))
		return NULL;
	return (keeps_files(from) && str_eq(from->row.storage_group, to->row.storage_group)) ||
			a->row.relink_us >= a->row.move_us
		? to
		: NULL;
}

static const struct instance *move_target(const struct account *a, const struct instance *from)
{
	const struct instance *to = asked_target(a, from);

	return to || !drains(from) ? to : choose(a, &from->row.storage_group);
}

bool account_moves(const struct account *a)
{
	return a->leaves_for >= 0 && account_desired(a) == DESIRED_CONNECTED && !account_is_deleted(a);
}

/* Whether its session is still to be started where it is assigned. */
static bool is_arriving(const struct account *a)
{
	return a->reason == PENDING_LOOK || a->reason == PENDING_CALL || a->reason == PENDING_STARTING ||
		a->reason == PENDING_RECONNECT;
}

static void arriving_count(struct accounts *all)
{
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(all->options.fleet, &i)))
		at->arriving = 0;
	for (i = 0; i < all->n; i++) {
		const struct account *a = all->list[i];

		at = account_moves(a)    ? fleet_find(all->options.fleet, a->leaves_for)
			: is_arriving(a) ? account_instance(a)
					 : NULL;
		if (at)
			at->arriving++;
	}
}

static void stay(struct account *a)
{
	struct instance *to = a->leaves_for < 0 ? NULL : fleet_find(a->all->options.fleet, a->leaves_for);

	if (to)
		to->assigned--;
	a->leaves_for = -1;
}

/* A place is kept for each account that leaves, and few leave at a time: no session stops long before it can be started. */
static const struct instance *leave(struct account *a, const struct instance *from)
{
	struct instance *to = a->leaves_for < 0 ? NULL : fleet_find(a->all->options.fleet, a->leaves_for);
	const struct instance *target = asked_target(a, from);

	if (to && instance_is_usable(to) && (target ? target == to : drains(from)))
		return to;
	stay(a);
	target = move_target(a, from);
	if (!target || target->arriving >= ARRIVING_MAX)
		return NULL;
	to = fleet_find(a->all->options.fleet, target->row.index);
	a->leaves_for = to->row.index;
	to->assigned++;
	to->arriving++;
	return to;
}

static void move(struct account *a, const struct instance *from)
{
	const struct instance *to = leave(a, from);
	bool ended = a->observed == OBSERVED_STOPPED || a->observed == OBSERVED_ABSENT;
	bool fresh = a->looked_us != PG_NO_TIME && clock_now_us() - a->looked_us <= LOOK_FRESH_US;

	if (!to)
		return;
	if (ended && fresh)
		assign(a, to, str_is(from->row.desired, "draining") ? "draining" : "moved");
	else if (ended)
		a->looked_us = PG_NO_TIME; /* an older look may have missed its start */
	account_wake(a);
}

/* Once an outage, which is known by when it began: a new leader reads that, and publishes the same notice again. One that the operator has
 * switched off is no outage. */
static void outage_notice(struct account *a, const struct instance *at)
{
	if (str_is(at->row.desired, "off"))
		return;
	if (at->probe.state != INSTANCE_DOWN || at->state_since_us == PG_NO_TIME || at->state_since_us == a->outage_us)
		return;
	a->outage_us = at->state_since_us;
	a->noticed &= ~(unsigned)NOTICE_INSTANCE_DOWN;
	account_notice(a, NOTICE_INSTANCE_DOWN);
}

static void place(struct account *a, bool suspect, int64_t now_mono_ms)
{
	struct instance *at = account_instance(a);

	if (at && !suspect && account_desired(a) == DESIRED_CONNECTED)
		outage_notice(a, at);
	if (a->row.instance_index < 0)
		first(a);
	else if (!at || account_desired(a) != DESIRED_CONNECTED)
		stay(a);
	else if (instance_is_fenced(at, now_mono_ms)) {
		stay(a);
		if (!suspect)
			fail_over(a, at);
	} else if (instance_is_usable(at)) {
		move(a, at);
	}
}

#define ASSIGN_MS 1000 /* at least, between two rounds over all accounts */

void accounts_assign(struct accounts *all)
{
	int64_t now = clock_mono_ms();
	bool suspect;

	if (!all->rooms_changed && now < all->assign_mono_ms)
		return;
	all->rooms_changed = false;
	all->assign_mono_ms = now + ASSIGN_MS;
	suspect = fleet_is_suspect(all->options.fleet);
	arriving_count(all);
	for (size_t i = 0; i < all->n; i++) {
		struct account *a = all->list[i];

		if (account_has_session(a) && !account_is_deleted(a) && !a->in_call && a->assign_to < 0 &&
			now >= a->assign_mono_ms)
			place(a, suspect, now);
	}
}
