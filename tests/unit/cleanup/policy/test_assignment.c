/* services/cleanup/policy/assignment: which instance of a fleet an account gets. */
#include "cleanup/policy/assignment.h"

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define GROUP    "rack-1"

#define ROOM(i, kind, state, active, group, capacity, assigned) \
	{ i, kind, state, active, { group, sizeof(group) - 1 }, capacity, assigned }
#define UP_ROOM(i, group, capacity, assigned) ROOM(i, BRIDGE_WAHA, INSTANCE_UP, true, group, capacity, assigned)

#define ROOMS 4
struct assignment_case {
	const char *name;
	struct instance_room rooms[ROOMS];
	size_t n;
	const char *group;
	int64_t except, want; /* -1: none */
};

static const struct assignment_case cases[] = {
	{ "no instance", { UP_ROOM(0, "", 9, 0) }, 0, NULL, -1, -1 },
	{ "the only one", { UP_ROOM(7, "", 9, 0) }, 1, NULL, -1, 7 },
	{ "the most free room", { UP_ROOM(0, "", 9, 5), UP_ROOM(1, "", 9, 3), UP_ROOM(2, "", 9, 4) }, 3, NULL, -1, 1 },
	{ "free room, not few accounts", { UP_ROOM(0, "", 300, 250), UP_ROOM(1, "", 20, 0) }, 2, NULL, -1, 0 },
	{ "ties go to the lowest index", { UP_ROOM(5, "", 9, 1), UP_ROOM(2, "", 9, 1), UP_ROOM(3, "", 10, 2) }, 3, NULL,
		-1, 2 },
	{ "the last place", { UP_ROOM(0, "", 9, 8) }, 1, NULL, -1, 0 },
	{ "full", { UP_ROOM(0, "", 9, 9) }, 1, NULL, -1, -1 },
	{ "beyond its capacity", { UP_ROOM(0, "", 9, 10), UP_ROOM(1, "", 0, 0) }, 2, NULL, -1, -1 },
	{ "not active", { ROOM(0, BRIDGE_WAHA, INSTANCE_UP, false, "", 9, 0), UP_ROOM(1, "", 9, 8) }, 2, NULL, -1, 1 },
	{ "of another kind", { ROOM(0, BRIDGE_BLAZZ, INSTANCE_UP, true, "", 9, 0), UP_ROOM(1, "", 9, 8) }, 2, NULL, -1,
		1 },
	{ "down, misconfigured, unknown",
		{ ROOM(0, BRIDGE_WAHA, INSTANCE_DOWN, true, "", 9, 0),
			ROOM(1, BRIDGE_WAHA, INSTANCE_MISCONFIGURED, true, "", 9, 0),
			ROOM(2, BRIDGE_WAHA, INSTANCE_UNKNOWN, true, "", 9, 0), UP_ROOM(3, "", 9, 8) },
		4, NULL, -1, 3 },
	{ "but this", { UP_ROOM(0, "", 9, 0), UP_ROOM(1, "", 9, 8) }, 2, NULL, 0, 1 },
	{ "but the only one", { UP_ROOM(0, "", 9, 0) }, 1, NULL, 0, -1 },
	{ "any group", { UP_ROOM(0, "rack-2", 9, 1), UP_ROOM(1, GROUP, 9, 0) }, 2, NULL, -1, 1 },
	{ "within its group", { UP_ROOM(0, "", 9, 0), UP_ROOM(1, "rack-2", 9, 0), UP_ROOM(2, GROUP, 9, 8) }, 3, GROUP,
		-1, 2 },
	{ "within its group but this", { UP_ROOM(0, GROUP, 9, 0), UP_ROOM(1, "rack-2", 9, 0), UP_ROOM(2, GROUP, 9, 8) },
		3, GROUP, 0, 2 },
	{ "the rest of its group is full", { UP_ROOM(0, GROUP, 9, 0), UP_ROOM(1, GROUP, 9, 9), UP_ROOM(2, "", 9, 0) },
		3, GROUP, 0, -1 },
	{ "an instance that shares its files with no other", { UP_ROOM(0, "", 9, 0), UP_ROOM(1, "", 9, 0) }, 2, "", 0,
		-1 },
};

static void the_instance_with_the_most_free_room_that_may_have_the_session_gets_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct assignment_case *c = &cases[i];
		const struct str group = str_of(c->group);
		const struct instance_room *got =
			assignment_choose(c->rooms, c->n, BRIDGE_WAHA, c->group ? &group : NULL, c->except);

		if ((got ? got->index : -1) != c->want)
			fail_msg("%s: %ld", c->name, (long)(got ? got->index : -1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_instance_with_the_most_free_room_that_may_have_the_session_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
