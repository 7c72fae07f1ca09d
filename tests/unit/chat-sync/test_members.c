/* services/chat-sync/members: deltas and snapshots of several accounts, in any order, give one list. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat-sync/members.h"
#include "permutation.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct arena *arena;
static struct map *names;

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 16);
	names = map_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	map_free(names);
	return 0;
}

static struct members members_new(void)
{
	struct members m;

	map_clear(names);
	members_read(&m, STR("[]"), 0, names, arena);
	return m;
}

/* Through the database and back, as between two batches. */
static void members_reread(struct members *m)
{
	struct str log = members_log(m);

	map_clear(names);
	members_read(m, log, m->snapshot_ms, names, arena);
}

static struct participant named(const char *phone, const char *lid, bool admin)
{
	return (struct participant){ .party = { .phone = str_of(phone), .lid = str_of(lid) }, .admin = admin };
}

static const char *list_of(const struct members *m)
{
	return arena_cstr(arena, members_list(m));
}

/* One change at a time */

static const struct {
	const char *name;
	enum group_action action;
	bool in, admin; /* before, at 10 */
	int64_t at_ms;
	bool changed, want_in, want_admin;
} changes[] = {
	{ "added", GROUP_ADD, false, false, 20, true, true, false },
	{ "joined", GROUP_JOIN, false, false, 20, true, true, false },
	{ "there since the group was made", GROUP_CREATE, false, false, 20, true, true, false },
	{ "added again", GROUP_ADD, true, false, 20, false, true, false },
	{ "an admin who is added again stays one", GROUP_ADD, true, true, 20, false, true, true },
	{ "removed", GROUP_REMOVE, true, true, 20, true, false, false },
	{ "left", GROUP_LEAVE, true, false, 20, true, false, false },
	{ "promoted", GROUP_PROMOTE, true, false, 20, true, true, true },
	{ "demoted", GROUP_DEMOTE, true, true, 20, true, true, false },
	{ "a promoted member must be in the group", GROUP_PROMOTE, false, false, 20, true, true, true },
	{ "an older removal", GROUP_REMOVE, true, false, 5, false, true, false },
	{ "an older promotion", GROUP_PROMOTE, true, false, 5, false, true, false },
	{ "an older addition of one who left", GROUP_ADD, false, false, 5, false, false, false },
	{ "a subject changes no member", GROUP_SUBJECT, true, false, 20, false, true, false },
};

static void each_change_means_one_thing(void **state)
{
	const struct participant ann = named("+15550001", NULL, false);

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct members m = members_new();
		bool changed;

		members_change(&m, changes[i].in ? changes[i].admin ? GROUP_PROMOTE : GROUP_ADD : GROUP_REMOVE, &ann,
			10);
		changed = members_change(&m, changes[i].action, &ann, changes[i].at_ms);
		if (changed != changes[i].changed || m.at[0]->in != changes[i].want_in ||
			m.at[0]->admin != changes[i].want_admin)
			fail_msg("%s: %s", changes[i].name, list_of(&m));
	}
}

/* Any order */

struct delta {
	enum group_action action;
	const char *phone, *lid;
	int64_t at_ms;
};

static void apply_in_order(struct members *m, const struct delta *deltas, const size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct delta *d = &deltas[order[i]];
		const struct participant who = named(d->phone, d->lid, false);

		members_change(m, d->action, &who, d->at_ms);
		members_reread(m);
	}
}

/* As a set: the order of first sight is not part of what is known. */
static void assert_has(const struct members *m, const char *phone, bool in, bool admin, int64_t joined_ms)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_is(m->at[i]->phone, phone)) {
			assert_int_equal(m->at[i]->in, in);
			assert_int_equal(m->at[i]->admin, admin);
			assert_int_equal(m->at[i]->joined_ms, joined_ms);
			return;
		}
	fail_msg("%s is not in the log", phone);
}

static void deltas_of_two_accounts_end_the_same_in_every_order(void **state)
{
	/* The first account sees all, the second repeats some. */
	static const struct delta deltas[] = {
		{ GROUP_ADD, "1", NULL, 10 },
		{ GROUP_PROMOTE, "1", NULL, 20 },
		{ GROUP_ADD, "2", NULL, 10 },
		{ GROUP_REMOVE, "2", NULL, 30 },
		{ GROUP_ADD, "1", NULL, 10 },
		{ GROUP_JOIN, "2", NULL, 40 },
		{ GROUP_REMOVE, "2", NULL, 30 },
	};
	size_t order[] = { 0, 1, 2, 3, 4, 5, 6 };

	(void)state;
	do {
		struct members m = members_new();

		apply_in_order(&m, deltas, order, COUNT(order));
		assert_has(&m, "1", true, true, 10);
		assert_has(&m, "2", true, false, 40);
		assert_int_equal(members_count(&m), 2);
		arena_reset(arena);
	} while (permutation_next(order, COUNT(order)));
}

static void a_snapshot_and_deltas_end_the_same_in_every_order(void **state)
{
	static const struct delta deltas[] = {
		{ GROUP_ADD, "1", NULL, 10 },   /* before the snapshot, which has them */
		{ GROUP_ADD, "2", NULL, 15 },   /* before the snapshot, which does not */
		{ GROUP_ADD, "3", NULL, 40 },   /* after it */
		{ GROUP_REMOVE, "4", NULL, 50 },  /* the snapshot has them still */
	};
	const struct participant list[] = { named("1", NULL, true), named("4", NULL, false) };
	size_t order[] = { 0, 1, 2, 3, 4 }; /* 4: the snapshot, at 30 */

	(void)state;
	do {
		struct members m = members_new();

		for (size_t i = 0; i < COUNT(order); i++) {
			if (order[i] < 4)
				apply_in_order(&m, deltas, &order[i], 1);
			else
				members_snapshot(&m, list, COUNT(list), 30);
			members_reread(&m);
		}
		assert_has(&m, "1", true, true, 10);
		assert_has(&m, "3", true, false, 40);
		assert_has(&m, "4", false, false, 0);
		assert_int_equal(members_count(&m), 2);
		for (size_t i = 0; i < m.n; i++)
			if (str_is(m.at[i]->phone, "2"))
				assert_false(m.at[i]->in);
		arena_reset(arena);
	} while (permutation_next(order, COUNT(order)));
}

/* Snapshots */

static void a_member_missing_in_a_snapshot_has_left(void **state)
{
	const struct participant first[] = { named("1", NULL, false), named("2", NULL, true) };
	const struct participant second[] = { named("2", NULL, false), named("3", NULL, false) };
	struct members m = members_new();

	(void)state;
	assert_true(members_snapshot(&m, first, COUNT(first), 10));
	assert_true(members_snapshot(&m, second, COUNT(second), 20));
	assert_has(&m, "1", false, false, 0);
	assert_has(&m, "2", true, false, 0);
	assert_has(&m, "3", true, false, 0);
	assert_int_equal(members_count(&m), 2);
}

static void the_same_list_again_changes_nothing(void **state)
{
	const struct participant list[] = { named("1", NULL, false), named("2", NULL, true) };
	struct members m = members_new();

	(void)state;
	assert_true(members_snapshot(&m, list, COUNT(list), 10));
	members_reread(&m);
	assert_false(members_snapshot(&m, list, COUNT(list), 10));
	assert_false(members_snapshot(&m, list, COUNT(list), 20));
}

static void an_older_list_changes_nothing_that_is_newer(void **state)
{
	const struct participant list[] = { named("1", NULL, true) };
	const struct participant two = named("2", NULL, false), one = named("1", NULL, false);
	struct members m = members_new();

	(void)state;
	members_change(&m, GROUP_ADD, &two, 50);
	members_change(&m, GROUP_REMOVE, &one, 50);
	assert_false(members_snapshot(&m, list, COUNT(list), 10));
	assert_has(&m, "1", false, false, 0);
	assert_has(&m, "2", true, false, 50);
}

/* One person, two names */

static void a_phone_and_a_lid_are_one_member_once_an_event_names_both(void **state)
{
	static const struct delta deltas[] = {
		{ GROUP_ADD, "1", NULL, 10 },
		{ GROUP_PROMOTE, NULL, "901", 20 },
		{ GROUP_ADD, "1", "901", 10 },
	};
	size_t order[] = { 0, 1, 2 };

	(void)state;
	do {
		struct members m = members_new();

		apply_in_order(&m, deltas, order, COUNT(order));
		assert_int_equal(m.n, 1);
		assert_int_equal(members_count(&m), 1);
		assert_has(&m, "1", true, true, 10);
		assert_true(str_is(m.at[0]->lid, "901"));
	} while (permutation_next(order, COUNT(order)));
}

static void one_list_may_name_a_member_twice(void **state)
{
	const struct participant list[] = { named("1", NULL, false), named(NULL, "901", false), named("1", "901", true),
		named("2", NULL, false) };
	struct members m = members_new();

	(void)state;
	members_snapshot(&m, list, COUNT(list), 10);
	assert_int_equal(members_count(&m), 2);
	assert_has(&m, "1", true, true, 0);
}

static void a_member_without_phone_and_lid_has_another_id(void **state)
{
	const struct participant odd = { .party = { .jid = STR("77@c.us") } },
				 user = { .party = { .bsuid = STR("US.1") } };
	const struct participant nobody = { .party = { .name = STR("Ann") } };
	struct members m = members_new();

	(void)state;
	for (int i = 0; i < 2; i++) {
		members_change(&m, GROUP_ADD, &odd, 10);
		members_change(&m, GROUP_ADD, &user, 10);
		assert_false(members_change(&m, GROUP_ADD, &nobody, 10));
		members_reread(&m);
	}
	assert_int_equal(members_count(&m), 2);
}

static void a_plus_sign_makes_no_other_member(void **state)
{
	const struct participant plus = named("+1", NULL, false), digits = named("1", NULL, false);
	struct members m = members_new();

	(void)state;
	members_change(&m, GROUP_ADD, &plus, 10);
	assert_false(members_change(&m, GROUP_ADD, &digits, 10));
	assert_int_equal(members_count(&m), 1);
}

static void an_older_name_does_not_replace_a_newer_one(void **state)
{
	struct participant ann = named("1", NULL, false);
	struct members m = members_new();

	(void)state;
	ann.party.name = STR("Anna");
	members_change(&m, GROUP_ADD, &ann, 20);
	ann.party.name = STR("Ann");
	members_change(&m, GROUP_ADD, &ann, 10);
	assert_true(str_is(m.at[0]->name, "Anna"));
}

/* What is written */

static void the_list_shows_present_members(void **state)
{
	struct participant ann = named("+1", "901", false);
	const struct participant bob = named("2", NULL, false), eve = named(NULL, "903", false);
	struct members m = members_new();

	(void)state;
	ann.party.name = STR("Ann \"A\"");
	members_change(&m, GROUP_ADD, &ann, 10);
	members_change(&m, GROUP_ADD, &bob, 10);
	members_change(&m, GROUP_REMOVE, &bob, 20);
	members_change(&m, GROUP_PROMOTE, &eve, 30);
	assert_string_equal(list_of(&m),
		"[{\"phone\":\"1\",\"lid\":\"901\",\"name\":\"Ann \\\"A\\\"\",\"isAdmin\":false,\"joinedAt\":10},"
		"{\"lid\":\"903\",\"isAdmin\":true}]");
}

static void what_cannot_be_read_is_an_empty_log(void **state)
{
	struct members m;

	(void)state;
	members_read(&m, STR("[{"), 0, names, arena);
	assert_int_equal(m.n, 0);
	members_read(&m, STR_NONE, 0, names, arena);
	assert_int_equal(m.n, 0);
	assert_string_equal(list_of(&m), "[]");
}

/* Bounds */

static const char *phone_no(int i)
{
	return arena_cstr(arena, arena_printf(arena, "%d", 100000 + i));
}

static void everybody(struct members *m, enum group_action action, int from, int to, int64_t at_ms)
{
	for (int i = from; i < to; i++) {
		const struct participant who = named(phone_no(i), NULL, false);

		members_change(m, action, &who, at_ms);
	}
}

static void a_full_group_has_no_room_until_a_member_leaves(void **state)
{
	struct members m = members_new();

	(void)state;
	everybody(&m, GROUP_ADD, 0, MEMBERS_MAX + 3, 10);
	assert_int_equal(members_count(&m), MEMBERS_MAX);
	assert_int_equal(m.over_limit, 3);
	everybody(&m, GROUP_PROMOTE, 0, 1, 20); /* a member who is in already needs no room */
	assert_has(&m, phone_no(0), true, true, 10);
	everybody(&m, GROUP_REMOVE, 0, 1, 30);
	everybody(&m, GROUP_ADD, MEMBERS_MAX, MEMBERS_MAX + 1, 40);
	assert_has(&m, phone_no(MEMBERS_MAX), true, false, 40);
	assert_int_equal(members_count(&m), MEMBERS_MAX);
	members_reread(&m);
	assert_int_equal(members_count(&m), MEMBERS_MAX);
}

static void a_list_of_as_many_others_replaces_a_full_group(void **state)
{
	struct participant *others = mem_calloc(MEMBERS_MAX, sizeof(*others));
	struct members m = members_new();

	(void)state;
	for (int i = 0; i < MEMBERS_MAX; i++)
		others[i] = named(phone_no(MEMBERS_MAX + i), NULL, false);
	everybody(&m, GROUP_ADD, 0, MEMBERS_MAX, 10);
	assert_true(members_snapshot(&m, others, MEMBERS_MAX, 20));
	assert_int_equal(members_count(&m), MEMBERS_MAX);
	assert_int_equal(m.over_limit, 0);
	assert_has(&m, phone_no(0), false, false, 10);
	assert_has(&m, phone_no(MEMBERS_MAX), true, false, 0);
	free(others);
}

static void the_log_keeps_the_members_who_left_last(void **state)
{
	struct members m = members_new();

	(void)state;
	everybody(&m, GROUP_ADD, 0, MEMBERS_LEFT_MAX + 5, 1);
	for (int i = 0; i < MEMBERS_LEFT_MAX + 4; i++) /* the last one stays */
		everybody(&m, GROUP_LEAVE, i, i + 1, 10 + i);
	members_reread(&m);
	assert_int_equal(m.n, MEMBERS_LEFT_MAX + 1);
	assert_int_equal(members_count(&m), 1);
	for (int i = 0; i < 4; i++)
		for (size_t k = 0; k < m.n; k++)
			assert_false(str_is(m.at[k]->phone, phone_no(i)));
	assert_has(&m, phone_no(4), false, false, 1);
	assert_has(&m, phone_no(MEMBERS_LEFT_MAX + 4), true, false, 1);
}

static void a_long_name_is_cut(void **state)
{
	struct participant ann = named("1", NULL, false);
	struct members m = members_new();
	char name[1001] = { 0 };

	(void)state;
	ann.party.name = str_of(memset(name, 'a', 1000));
	members_change(&m, GROUP_ADD, &ann, 10);
	assert_int_equal(m.at[0]->name.n, MEMBER_NAME_BYTES);
}

/* Different for each i, of n bytes. */
static const char *lid_no(int i, size_t n)
{
	return arena_cstr(arena, arena_printf(arena, "%0*d", (int)n, i));
}

static void a_member_with_too_long_an_id_is_left_out(void **state)
{
	const struct participant list[] = { named(NULL, lid_no(1, MEMBER_ID_BYTES), false),
		named(NULL, lid_no(2, MEMBER_ID_BYTES + 1), false),
		named(lid_no(3, MEMBER_ID_BYTES + 1), NULL, false) };
	struct members m = members_new();

	(void)state;
	assert_true(members_snapshot(&m, list, COUNT(list), 10));
	assert_int_equal(members_count(&m), 1);
	assert_int_equal(m.over_limit, 2);
	assert_false(members_change(&m, GROUP_ADD, &list[1], 20));
	assert_int_equal(m.n, 1);
}

/* However they are brought in: with long ids and names, or with short ones that grow. */
static void a_group_of_long_ids_and_names_has_a_bound_in_bytes(void **state)
{
	struct participant *list = mem_calloc(MEMBERS_MAX, sizeof(*list));
	const char *name = lid_no(0, MEMBER_NAME_BYTES);
	struct members m;

	(void)state;
	for (int grown = 0; grown < 2; grown++) {
		m = members_new();
		if (grown)
			everybody(&m, GROUP_ADD, 0, MEMBERS_MAX, 1);
		for (int i = 0; i < MEMBERS_MAX; i++) {
			list[i] = named(grown ? phone_no(i) : NULL, lid_no(i, MEMBER_ID_BYTES), false);
			list[i].party.name = str_of(name);
		}
		members_snapshot(&m, list, MEMBERS_MAX, 10);
		assert_in_range(m.bytes_in, MEMBERS_MAX_BYTES / 2, MEMBERS_MAX_BYTES);
		assert_in_range(members_list(&m).n, 1, 2 * MEMBERS_MAX_BYTES);
		assert_int_equal(m.over_limit > 0, !grown);
		members_reread(&m);
		assert_in_range(m.bytes_in, MEMBERS_MAX_BYTES / 2, MEMBERS_MAX_BYTES);
	}
	free(list);
}

static void bytes_of_members_equal_a_recount(void **state)
{
	struct participant ann = named("1", NULL, false), both = named("1", "77", true), bob = named(NULL, "77", false);
	struct members m = members_new();
	size_t bytes = 0;

	(void)state;
	ann.party.name = STR("Ann");
	bob.party.name = STR("Bob");
	members_change(&m, GROUP_ADD, &ann, 10);
	members_change(&m, GROUP_ADD, &bob, 20);
	members_change(&m, GROUP_PROMOTE, &both, 30); /* they are one */
	everybody(&m, GROUP_ADD, 0, 5, 40);
	everybody(&m, GROUP_REMOVE, 0, 2, 50);
	for (size_t i = 0; i < m.n; i++)
		if (m.at[i]->in)
			bytes += m.at[i]->phone.n + m.at[i]->lid.n + m.at[i]->name.n;
	assert_int_equal(members_count(&m), 4);
	assert_int_equal(m.bytes_in, bytes);
	members_reread(&m);
	assert_int_equal(m.bytes_in, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_means_one_thing),
		cmocka_unit_test(deltas_of_two_accounts_end_the_same_in_every_order),
		cmocka_unit_test(a_snapshot_and_deltas_end_the_same_in_every_order),
		cmocka_unit_test(a_member_missing_in_a_snapshot_has_left),
		cmocka_unit_test(the_same_list_again_changes_nothing),
		cmocka_unit_test(an_older_list_changes_nothing_that_is_newer),
		cmocka_unit_test(a_phone_and_a_lid_are_one_member_once_an_event_names_both),
		cmocka_unit_test(one_list_may_name_a_member_twice),
		cmocka_unit_test(a_member_without_phone_and_lid_has_another_id),
		cmocka_unit_test(a_plus_sign_makes_no_other_member),
		cmocka_unit_test(an_older_name_does_not_replace_a_newer_one),
		cmocka_unit_test(the_list_shows_present_members),
		cmocka_unit_test(what_cannot_be_read_is_an_empty_log),
		cmocka_unit_test(a_full_group_has_no_room_until_a_member_leaves),
		cmocka_unit_test(a_list_of_as_many_others_replaces_a_full_group),
		cmocka_unit_test(the_log_keeps_the_members_who_left_last),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(a_member_with_too_long_an_id_is_left_out),
		cmocka_unit_test(a_group_of_long_ids_and_names_has_a_bound_in_bytes),
		cmocka_unit_test(bytes_of_members_equal_a_recount),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
