/* Instances become equally full with the fewest moves, and stay so. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "pg/pg.h"
#include "rebalance.h"

#define MAX_ROOMS    4
#define MAX_ACCOUNTS 64

#define TEXT(literal) { (literal), sizeof(literal) - 1 }
#define ROOM(i, group, n) \
	{ .index = (i), .kind = BRIDGE_WAHA, .storage_group = TEXT(group), .capacity = (n), .usable = true }
#define EVEN { ROOM(0, "a", 10), ROOM(1, "a", 10), ROOM(2, "a", 10) }

/* Accounts are words: where it is; c: connected, d: not, x: stays where it is; its last activity, none: never. Moves name accounts by
 * their position, from 0. */
static const struct {
	const char *name;
	struct rebalance_room rooms[MAX_ROOMS];
	const char *accounts, *moves;
} cases[] = {
	{ "no account", EVEN, "", "" },
	{ "no instance", { { 0 } }, "0c1", "" },
	{ "one more than another is even", EVEN, "0c1 0c1 1c1 2c1", "" },
	{ "two more are not", EVEN, "0c1 0c1 0c1 1c1 2c1 2c1", "0>1 " },
	{ "a new instance gets its share", EVEN, "0c1 0c2 0c3 1c1 1c2 1c3", "0>2 3>2 " },
	{ "the lowest index of two that are equally empty", EVEN, "0c1 0c2 0c3", "0>1 1>2 " },
	{ "those that are not connected first", EVEN, "0c1 0c2 0d9 1c1", "2>2 " },
	{ "of those the longest without activity", EVEN, "0d9 0d8 0c1 1c1", "1>2 " },
	{ "one that never was active before others", EVEN, "0c2 0c 0c1 1c1", "1>2 " },
	{ "one that cannot move stays", EVEN, "0x1 0x1 0c9 1c1", "2>2 " },
	{ "none can move", EVEN, "0x1 0x1 0x1", "" },
	{ "the next fullest gives when the fullest cannot", EVEN, "0x1 0x1 0x1 1c1 1c2", "3>2 " },
	{ "accounts elsewhere do not count", EVEN, "7c1 7c1 7c1 7c1 7c1 0c1", "" },
	{ "shares are of the capacity", { ROOM(0, "a", 30), ROOM(1, "a", 10) }, "0c1 0c2 0c3 0c4 0c5 0c6", "0>1 " },
	{ "in proportion is even", { ROOM(0, "a", 30), ROOM(1, "a", 10) }, "0c1 0c2 0c3 1c4", "" },
	{ "an instance of no capacity is emptied", { ROOM(0, "a", 0), ROOM(1, "a", 10) }, "0c1 0c2", "0>1 1>1 " },
	{ "none is overfilled", { ROOM(0, "a", 1), ROOM(1, "a", 1) }, "0c1 0c2 0c3 0c4", "0>1 " },
	{ "no capacity at all", { ROOM(0, "a", 0), ROOM(1, "a", 0) }, "0c1 0c2 0c3", "" },
	{ "each group by itself", { ROOM(0, "a", 9), ROOM(1, "b", 9), ROOM(2, "b", 9), ROOM(3, "a", 9) },
		"0c1 0c2 1c1 1c2 1c3 1c4", "0>3 2>2 3>2 " },
	{ "none without a group", { ROOM(0, "", 9), ROOM(1, "", 9) }, "0c1 0c2 0c3", "" },
	{ "no Evolution server",
		{ { .index = 0, .kind = BRIDGE_EVOLUTION, .storage_group = TEXT("a"), .capacity = 9, .usable = true },
			{ .index = 1,
				.kind = BRIDGE_EVOLUTION,
				.storage_group = TEXT("a"),
				.capacity = 9,
				.usable = true } },
		"0c1 0c2 0c3", "" },
	{ "none of another kind",
		{ ROOM(0, "a", 9),
			{ .index = 1,
				.kind = BRIDGE_WWEBJS,
				.storage_group = TEXT("a"),
				.capacity = 9,
				.usable = true } },
		"0c1 0c2 0c3", "" },
	{ "none to one that is not usable",
		{ ROOM(0, "a", 9), { .index = 1, .kind = BRIDGE_WAHA, .storage_group = TEXT("a"), .capacity = 9 } },
		"0c1 0c2 0c3", "" },
	{ "none from one that is not usable",
		{ { .index = 0, .kind = BRIDGE_WAHA, .storage_group = TEXT("a"), .capacity = 9 }, ROOM(1, "a", 9) },
		"0c1 0c2 0c3", "" },
};

static size_t accounts_read(const char *words, struct rebalance_account *out)
{
	size_t n = 0;

	for (const char *w = words; *w; w += strcspn(w, " "), w += strspn(w, " "))
		out[n++] = (struct rebalance_account){
			.at = w[0] - '0',
			.movable = w[1] != 'x',
			.connected = w[1] != 'd',
			.active_us = w[2] >= '0' ? w[2] - '0' : PG_NO_TIME,
		};
	return n;
}

static size_t rooms_count(const struct rebalance_room *rooms)
{
	size_t n = 0;

	while (n < MAX_ROOMS && rooms[n].kind != BRIDGE_NONE)
		n++;
	return n;
}

static void as_few_accounts_move_as_are_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rebalance_account accounts[MAX_ACCOUNTS];
		struct rebalance_room rooms[MAX_ROOMS];
		struct buf moves = BUF_INIT;
		size_t n = accounts_read(cases[i].accounts, accounts);

		memcpy(rooms, cases[i].rooms, sizeof(rooms));
		rebalance_choose(rooms, rooms_count(rooms), accounts, n);
		for (size_t k = 0; k < n; k++)
			if (accounts[k].to >= 0)
				buf_printf(&moves, "%zu>%lld ", k, (long long)accounts[k].to);
		if (!str_eq(buf_str(&moves), str_of(cases[i].moves)))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(buf_str(&moves)));
		buf_fini(&moves);
	}
}

static uint32_t drawn(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

/* The difference of the greatest and the least surplus, in accounts times the whole capacity. */
static int64_t spread(const struct rebalance_room *rooms, size_t n, int64_t capacity, int64_t assigned)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		int64_t surplus = rooms[i].accounts * capacity - assigned * rooms[i].capacity;

		least = surplus < least ? surplus : least;
		most = surplus > most ? surplus : most;
	}
	return most - least;
}

/* Whatever the capacities, and it takes no account both from and to an instance. */
static void a_second_run_has_nothing_to_do(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct rebalance_account accounts[MAX_ACCOUNTS] = { 0 };
		struct rebalance_room rooms[MAX_ROOMS];
		size_t n = drawn(&seed, MAX_ACCOUNTS);
		int64_t capacity = 0;

		for (int64_t i = 0; i < MAX_ROOMS; i++) {
			rooms[i] = (struct rebalance_room)ROOM(i, "a", MAX_ACCOUNTS / MAX_ROOMS + drawn(&seed, 50));
			capacity += rooms[i].capacity;
		}
		for (size_t i = 0; i < n; i++)
			accounts[i] = (struct rebalance_account){ .at = drawn(&seed, MAX_ROOMS), .movable = true };
		rebalance_choose(rooms, MAX_ROOMS, accounts, n);
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < n; k++)
				assert_true(accounts[i].to < 0 || accounts[k].to != accounts[i].at);
		for (size_t i = 0; i < n; i++)
			accounts[i].at = accounts[i].to < 0 ? accounts[i].at : accounts[i].to;
		rebalance_choose(rooms, MAX_ROOMS, accounts, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(accounts[i].to, -1);
		assert_true(spread(rooms, MAX_ROOMS, capacity, (int64_t)n) <= capacity);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_few_accounts_move_as_are_needed),
		cmocka_unit_test(a_second_run_has_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
