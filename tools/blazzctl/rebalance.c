/* See rebalance.h. Each move is from the instance with the greatest surplus to the one with the least. Invariant: the greatest never
 * grows and the least never shrinks, so no instance both loses and gets accounts, and a set of fewer moves would leave an instance
 * above the one or below the other. */
#include "rebalance.h"

struct rebalance {
	struct rebalance_room *rooms;
	size_t n_rooms;
	struct rebalance_account *accounts;
	size_t n_accounts;
	/* of the group that is evened out */
	const struct rebalance_room *first;
	int64_t capacity, assigned;
};

static bool shares_files(const struct rebalance_room *a, const struct rebalance_room *b)
{
	return a->usable && b->usable && a->kind == b->kind && a->kind != BRIDGE_EVOLUTION && a->storage_group.n > 0 &&
		str_eq(a->storage_group, b->storage_group);
}

/* Accounts beyond the instance's share, in units of 1 / r->capacity. */
static int64_t surplus(const struct rebalance *r, const struct rebalance_room *room)
{
	return room->accounts * r->capacity - r->assigned * room->capacity;
}

static struct rebalance_room *fullest(const struct rebalance *r)
{
	struct rebalance_room *best = NULL;

	for (size_t i = 0; i < r->n_rooms; i++)
		if (shares_files(&r->rooms[i], r->first) && r->rooms[i].movable > 0 &&
			(!best || surplus(r, &r->rooms[i]) > surplus(r, best)))
			best = &r->rooms[i];
	return best;
}

static struct rebalance_room *emptiest(const struct rebalance *r)
{
	struct rebalance_room *best = NULL;

	for (size_t i = 0; i < r->n_rooms; i++)
		if (shares_files(&r->rooms[i], r->first) && r->rooms[i].accounts < r->rooms[i].capacity &&
			(!best || surplus(r, &r->rooms[i]) < surplus(r, best)))
			best = &r->rooms[i];
	return best;
}

static bool can_move(const struct rebalance_account *a, const struct rebalance_room *from)
{
	return a->at == from->index && a->movable && a->to < 0;
}

static bool moves_before(const struct rebalance_account *a, const struct rebalance_account *b)
{
	return a->connected != b->connected ? !a->connected : a->active_us < b->active_us;
}

static struct rebalance_account *account_choose(const struct rebalance *r, const struct rebalance_room *from)
{
	struct rebalance_account *best = NULL;

	for (size_t i = 0; i < r->n_accounts; i++)
		if (can_move(&r->accounts[i], from) && (!best || moves_before(&r->accounts[i], best)))
			best = &r->accounts[i];
	return best;
}

/* False: the group is even, or cannot become more so. */
static bool move_one(const struct rebalance *r)
{
	struct rebalance_room *from = fullest(r), *to = emptiest(r);

	if (!from || !to || surplus(r, from) - surplus(r, to) <= r->capacity)
		return false;
	account_choose(r, from)->to = to->index;
	from->accounts--;
	from->movable--;
	to->accounts++;
	return true;
}

static void group_even_out(struct rebalance *r)
{
	r->capacity = r->assigned = 0;
	for (size_t i = 0; i < r->n_rooms; i++) {
		if (!shares_files(&r->rooms[i], r->first))
			continue;
		if (&r->rooms[i] < r->first)
			return; /* done with the group's first instance */
		r->capacity += r->rooms[i].capacity;
		r->assigned += r->rooms[i].accounts;
	}
	while (move_one(r))
		;
}

static void accounts_count(struct rebalance_room *room, const struct rebalance_account *accounts, size_t n)
{
	room->accounts = room->movable = 0;
	for (size_t i = 0; i < n; i++)
		if (accounts[i].at == room->index) {
			room->accounts++;
			room->movable += accounts[i].movable;
		}
}

void rebalance_choose(struct rebalance_room *rooms, size_t n_rooms, struct rebalance_account *accounts,
	size_t n_accounts)
{
	struct rebalance r = { .rooms = rooms, .n_rooms = n_rooms, .accounts = accounts, .n_accounts = n_accounts };

	for (size_t i = 0; i < n_accounts; i++)
		accounts[i].to = -1;
	for (size_t i = 0; i < n_rooms; i++)
		accounts_count(&rooms[i], accounts, n_accounts);
	for (size_t i = 0; i < n_rooms; i++) {
		r.first = &rooms[i];
		group_even_out(&r);
	}
}
