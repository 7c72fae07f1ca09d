/* Decides about one account, and makes its calls one at a time; see private.h. Invariant: a call that changes a session follows a look that
 * is no older than LOOK_FRESH_US, and is followed by another look; one about a session that was given up follows a list. */
#include "cleanup/accounts/private.h"

#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "cleanup/policy/retry.h"
#include "cleanup/stats.h"
#include "store/secrets.h"

static void error_keep(struct account *a, struct str text)
{
	size_t n = text.n < sizeof(a->error) ? text.n : sizeof(a->error) - 1;

	if (n > 0)
		memcpy(a->error, text.p, n);
	a->error[n] = '\0';
	a->row.control.error = (struct str){ n > 0 ? a->error : NULL, n };
}

static bool ends_session(enum bridge_action action)
{
	return action == BRIDGE_STOP || action == BRIDGE_LOGOUT || action == BRIDGE_RESTART || action == BRIDGE_DELETE;
}

static bool starts_session(enum bridge_action action)
{
	return action == BRIDGE_CREATE || action == BRIDGE_START || action == BRIDGE_RESTART;
}

/* Whether the session was to end, and not only its failure. */
static bool was_requested(const struct account *a, const struct decision *d)
{
	return d->restarts || d->relinks || account_desired(a) != DESIRED_CONNECTED || account_is_deleted(a) ||
		account_moves(a);
}

/* A bridge that acknowledges a call and does nothing is asked again as one that is busy: at once, and then after 1 s, 2 s ... */
static void effect_expect(struct account *a, int64_t now_us)
{
	struct account_control *c = &a->row.control;
	bool again = a->calling.action == a->done && a->observed == a->done_at;

	a->done = a->calling.action;
	a->done_at = a->observed;
	c->attempt = again ? c->attempt + 1 : 0;
	c->next_us = again ? now_us + 1000 * call_retry_ms(BRIDGE_BUSY, c->attempt, -1, account_jitter(a)) : PG_NO_TIME;
}

static void start_count(struct account *a, int64_t since_us, int64_t now_us)
{
	struct account_control *c = &a->row.control;
	struct restarts done = { c->starts, c->starts_since_us, c->started_us };

	done = restarts_add(&done, since_us, now_us);
	c->starts = done.n;
	c->starts_since_us = done.since_us;
	c->started_us = done.last_us;
}

/* wwebjs-api deletes a login with a session that runs, and of one that has ended says that it is gone. */
static bool ends_login(const struct account *a, const struct bridge_answer *answer)
{
	return a->row.bridge != BRIDGE_WWEBJS || a->calling.action != BRIDGE_LOGOUT || answer->outcome == BRIDGE_OK;
}

/* What follows from a call that succeeded. */
static void succeeded(struct account *a, const struct bridge_answer *answer, int64_t now_us)
{
	const struct decision *d = &a->calling;
	struct account_control *c = &a->row.control;

	effect_expect(a, now_us);
	error_keep(a, STR_NONE);
	a->updates = d->action == BRIDGE_CREATE && answer->outcome == BRIDGE_ALREADY_DONE &&
		bridge_has(a->row.bridge, BRIDGE_UPDATE);
	if (d->restarts)
		c->restarted_us = a->call_restart_us;
	if (d->relinks && ends_login(a, answer))
		c->relinked_us = a->call_relink_us;
	if (d->by_itself || d->clears)
		start_count(a, d->clears ? account_cleared_since(a) : a->row.desired_us, now_us);
	if (ends_session(d->action) && was_requested(a, d))
		a->ended_us = now_us;
	if (starts_session(d->action))
		c->observed_us = now_us; /* as starting, if it was already */
	a->restored |= starts_session(d->action) && !d->clears && a->row.first_connected_us != PG_NO_TIME;
}

static void failed(struct account *a, const struct bridge_answer *answer, int64_t now_us)
{
	struct account_control *c = &a->row.control;
	struct instance *at = account_instance(a);

	c->attempt++;
	c->next_us =
		now_us + 1000 * call_retry_ms(answer->outcome, c->attempt, answer->retry_after_ms, account_jitter(a));
	error_keep(a, answer->error);
	if (answer->outcome == BRIDGE_BAD_KEY && at)
		instance_reject_key(at);
}

/* A login that its bridge cannot start is not tried for a week. With a key that is rejected, nothing was tried. */
static bool clearing_counts(const struct account *a, const struct bridge_answer *answer, int64_t now_us)
{
	return a->calling.clears && answer->outcome != BRIDGE_BAD_KEY &&
		a->row.control.next_us - now_us >= CLEARING_WAIT_US;
}

static void on_called(void *ctx, const struct bridge_answer *answer)
{
	struct account *a = ctx;
	int64_t now_us = clock_now_us();
	bool good = call_succeeded(answer->outcome);

	(void)failpoint("call_recorded");
	a->in_call = false;
	a->row.control.action = str_of(bridge_action_word(a->calling.action));
	a->row.control.outcome = str_of(bridge_outcome_word(answer->outcome));
	if (good)
		succeeded(a, answer, now_us);
	else
		failed(a, answer, now_us);
	if (!good && clearing_counts(a, answer, now_us))
		start_count(a, account_cleared_since(a), now_us);
	a->called_us = now_us; /* what was asked for before says nothing any more */
	a->looked_us = PG_NO_TIME;
	account_mark(a);
	account_wake(a);
}

static void on_looked(void *ctx, const struct bridge_answer *answer)
{
	struct account *a = ctx;
	int64_t asked_us = a->called_us;

	a->in_call = false;
	if (call_succeeded(answer->outcome) && answer->observed != OBSERVED_NONE) {
		account_observe(a, answer->observed, answer->phone, asked_us);
	} else {
		failed(a, answer, clock_now_us());
		account_mark(a);
	}
	account_wake(a);
}

/* Calls */

static const char *route_of(enum bridge_kind kind)
{
	switch (kind) {
	case BRIDGE_WAHA:
		return "/webhooks/waha/";
	case BRIDGE_EVOLUTION:
		return "/webhooks/evolution/";
	case BRIDGE_NONE:
	case BRIDGE_BLAZZ:
	case BRIDGE_WWEBJS:
		break;
	}
	return "/webhooks/wwebjs/";
}

static struct str webhook_url(const struct account *a, struct arena *arena)
{
	char id[37];

	if (a->all->options.webhook_base.n == 0)
		return STR_NONE;
	uuid_format(&a->row.uuid, id);
	return arena_printf(arena, "%.*s%s%s", STR_ARG(a->all->options.webhook_base), route_of(a->row.bridge), id);
}

/* What a bridge needs to create a session: where it posts, with which secrets, and with which key campaign-sender will send. */
static int creation_fill(const struct account *a, struct bridge_session *s, struct arena *arena, struct err *err)
{
	struct secrets secrets;

	if (store_secrets_open(&secrets, a->all->options.keyring, SEALED_ACCOUNT, &a->row.uuid, a->row.secrets,
		    SECRETS_SEND, arena, err) < 0)
		return -1;
	s->webhook_url = webhook_url(a, arena);
	s->token = secrets.access_token;
	s->signing_keys = secrets.signing_keys.items;
	s->n_signing_keys = secrets.signing_keys.n;
	if (a->row.bridge == BRIDGE_EVOLUTION && secrets.tokens.n > 0)
		s->webhook_secret = secrets.tokens.items[0];
	else if (secrets.signing_keys.n > 0)
		s->webhook_secret = secrets.signing_keys.items[0];
	return 0;
}

static bool is_creation(const struct account *a, enum bridge_action action)
{
	return action == BRIDGE_CREATE || action == BRIDGE_UPDATE ||
		(a->row.bridge == BRIDGE_BLAZZ && action == BRIDGE_START);
}

static void cannot_call(struct account *a, const struct err *err)
{
	log_error("session cannot be created", LOG_I("account_id", a->row.id), LOG_ERR(err));
	failed(a,
		&(struct bridge_answer){ .outcome = BRIDGE_REJECTED,
			.retry_after_ms = -1,
			.error = STR("the account's secrets cannot be opened") },
		clock_now_us());
	account_mark(a);
}

static void call_begin(struct account *a, const struct instance *at, const struct decision *d)
{
	struct arena *arena = arena_new(4096);
	struct bridge_call call = { .action = d->action,
		.session = { .name = account_session_name(a),
			.workspace = a->row.workspace,
			.epoch = a->row.control.epoch } };
	struct err err;

	if (is_creation(a, call.action) && creation_fill(a, &call.session, arena, &err) < 0) {
		cannot_call(a, &err);
	} else {
		a->in_call = true;
		a->calling = *d;
		a->called_us = clock_now_us();
		a->call_restart_us = a->row.restart_us;
		a->call_relink_us = a->row.relink_us;
		calls_add(a->all->options.calls, at->row.index, &at->bridge, &call,
			call.action == BRIDGE_LOOK ? on_looked : on_called, a);
	}
	arena_free(arena);
}

/* Deciding */

static const struct decision update = { .call = true, .action = BRIDGE_UPDATE, .reason = PENDING_CALL };
static const struct decision look = { .call = true, .action = BRIDGE_LOOK, .reason = PENDING_LOOK };

/* When it is decided again, unless something changes before. */
static void wait_for(struct account *a, enum pending_reason reason, int64_t until_us)
{
	bool is_pursued = account_is_deleted(a) && reason != PENDING_NOTHING && reason != PENDING_GIVEN_UP;
	struct str word = reason == PENDING_NOTHING ? STR_NONE : str_of(pending_reason_word(reason));

	a->due_us = is_pursued && until_us > a->row.deleted_us + GIVE_UP_US ? a->row.deleted_us + GIVE_UP_US : until_us;
	a->reason = reason;
	if (str_eq(a->row.control.reason, word))
		return;
	a->row.control.reason = word;
	account_mark(a);
}

static void suspension_notice(struct account *a, enum suspension s)
{
	if (s == SUSPENDED_GAVE_UP)
		account_notice(a, NOTICE_RECONNECT_GAVE_UP);
	else if (s == SUSPENDED_BLOCKED)
		account_notice(a, NOTICE_SESSION_BLOCKED);
}

/* Deleted, and the bridge has no session of it. */
static void account_gone(struct account *a, int64_t now_us)
{
	wait_for(a, PENDING_NOTHING, INT64_MAX);
	if (a->row.control.gone_us != PG_NO_TIME)
		return;
	a->row.control.gone_us = now_us;
	account_mark(a);
}

/* That was seen before, and nothing was seen since: no other leader would finish what this one begins about it, as it does not load the row. */
static bool account_has_gone(const struct account *a)
{
	return account_is_deleted(a) && a->row.control.gone_us != PG_NO_TIME &&
		(a->observed == OBSERVED_NONE || a->observed == OBSERVED_ABSENT);
}

static bool look_is_fresh(const struct account *a, int64_t now_us)
{
	return a->looked_us != PG_NO_TIME && now_us - a->looked_us <= LOOK_FRESH_US;
}

/* Leaves its instance: stopped there, and with a new login also logged out. */
static struct decision move_decide(const struct account *a)
{
	bool ended = a->observed == OBSERVED_STOPPED || a->observed == OBSERVED_ABSENT;
	bool logs_out = !bridge_has(a->row.bridge, BRIDGE_STOP);

	return (struct decision){ .call = !ended,
		.action = logs_out ? BRIDGE_LOGOUT : BRIDGE_STOP,
		.reason = PENDING_CALL,
		.at_us = ended ? INT64_MAX : 0 };
}

static void reached(struct account *a, int64_t now_us)
{
	a->done = BRIDGE_LOOK;
	if (a->reconciles)
		stats_reconciled(now_us - a->row.desired_us);
	a->reconciles = false;
}

static struct session_view view_at(const struct account *a, const struct instance *at, int64_t now_us)
{
	struct session_view view = account_view(a, now_us);

	view.files_used = account_files_are_used(a, at);
	return view;
}

static void step_at(struct account *a, const struct instance *at, int64_t now_us)
{
	const struct account_control *c = &a->row.control;
	struct session_view view = view_at(a, at, now_us);
	bool unsure = a->looked_us == PG_NO_TIME;
	struct decision d = unsure ? look
		: a->updates       ? update
		: account_moves(a) ? move_decide(a)
				   : session_decide(&view, now_us);

	if (d.reason == PENDING_NOTHING)
		reached(a, now_us);
	if (d.reason == PENDING_SUSPENDED)
		suspension_notice(a, view.reconnect.suspension);
	if (c->next_us != PG_NO_TIME && now_us < c->next_us && (d.call || unsure)) {
		wait_for(a, PENDING_RETRY, c->next_us);
		return;
	}
	if (account_is_deleted(a) && (account_name_is_taken(a, at) || (!unsure && !d.call))) {
		account_gone(a, now_us);
		return;
	}
	if (!d.call || d.at_us > now_us || (a->all->options.observe_only && d.action != BRIDGE_LOOK)) {
		wait_for(a, d.reason, d.call ? d.at_us > now_us ? d.at_us : INT64_MAX : d.at_us);
		return;
	}
	wait_for(a, d.reason, INT64_MAX);
	call_begin(a, at, look_is_fresh(a, now_us) ? &d : &look);
}

static void give_up(struct account *a)
{
	if (str_is(a->row.control.reason, pending_reason_word(PENDING_GIVEN_UP)))
		return;
	log_warn("session of a deleted account given up", LOG_I("account_id", a->row.id),
		LOG_I("instance", a->row.instance_index));
	accounts_count(a->all);
}

/* Nothing is asked of its instance any more. But a session that the instance lists is a stray: it gets one call after each list, which may
 * have waited for long behind other calls. */
static void step_given_up(struct account *a, const struct instance *at, int64_t now_us)
{
	bool listed = instance_is_usable(at) && at->listed && a->looked_us != PG_NO_TIME;
	struct session_view view = view_at(a, at, now_us);
	struct decision d = session_decide(&view, now_us);

	if (a->row.control.gone_us != PG_NO_TIME ||
		(listed && (a->observed == OBSERVED_ABSENT || !d.call || account_name_is_taken(a, at)))) {
		account_gone(a, now_us);
		return;
	}
	give_up(a);
	wait_for(a, PENDING_GIVEN_UP, INT64_MAX);
	if (!listed || a->all->options.observe_only)
		return;
	account_stray(a, at);
	call_begin(a, at, &d);
}

/* Whether the row itself must change first; accounts_flush() does it. */
static bool row_changes(struct account *a)
{
	bool deleted = account_is_deleted(a);

	if (deleted && account_desired(a) == DESIRED_CONNECTED && a->row.desired_us > a->row.deleted_us)
		return true;
	return !deleted && account_desired(a) == DESIRED_DELETED;
}

void account_step(struct account *a, int64_t now_us)
{
	struct instance *at = account_instance(a);

	if (a->in_call || a->assign_to >= 0)
		return;
	if (row_changes(a)) {
		wait_for(a, PENDING_CALL, INT64_MAX);
		a->all->pending |= !a->all->options.observe_only;
	} else if (!at || !account_has_session(a)) {
		bool waits = account_has_session(a) && account_desired(a) == DESIRED_CONNECTED &&
			!a->row.instance_url.n && !account_is_deleted(a);

		if (account_is_deleted(a))
			account_gone(a, now_us);
		else
			wait_for(a, waits ? PENDING_UNASSIGNED : PENDING_NOTHING, INT64_MAX);
	} else if (account_has_gone(a)) {
		account_gone(a, now_us);
	} else if (account_is_given_up(a, now_us)) {
		step_given_up(a, at, now_us);
	} else if (!instance_is_usable(at) || !at->listed) {
		wait_for(a, PENDING_INSTANCE, INT64_MAX);
	} else {
		step_at(a, at, now_us);
	}
}

static void report_follow(struct account *a, int64_t now_us)
{
	if (a->look_due_us == PG_NO_TIME || now_us < a->look_due_us || a->in_call)
		return;
	a->look_due_us = a->looked_us = PG_NO_TIME;
	a->report_looked_us = now_us;
	account_wake(a);
}

void accounts_turn(struct accounts *all)
{
	int64_t now_us = clock_now_us();

	if (!all->options.observe_only)
		accounts_assign(all);
	for (size_t i = 0; i < all->n; i++) {
		struct account *a = all->list[i];

		report_follow(a, now_us);
		if (a->differs_us != PG_NO_TIME && a->due_us > a->differs_us + DIFFERS_US &&
			now_us >= a->differs_us + DIFFERS_US && !a->publish && !a->in_call &&
			!look_is_fresh(a, now_us)) {
			a->looked_us = PG_NO_TIME; /* looks again, and then publishes what it finds */
			account_wake(a);
		}
		if (now_us >= a->due_us)
			account_step(a, now_us);
	}
}
