/* services/chat-sync/group_settings: what a notification changes, member by member, and that order does not matter. */
#include "unit.h"

#include "chat-sync/group_settings.h"
#include "permutation.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 16);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#define HAVE  "{\"messagesAdminsOnly\":true}"
#define TIMES "{\"messagesAdminsOnly\":20}"

static const struct {
	const char *name, *got;
	int64_t at_us;
	const char *want, *times; /* NULL: nothing moves */
} merges[] = {
	{ "a newer value", "{\"messagesAdminsOnly\":false}", 30, "{\"messagesAdminsOnly\":false}",
		"{\"messagesAdminsOnly\":30}" },
	{ "the same value, later", HAVE, 30, HAVE, "{\"messagesAdminsOnly\":30}" },
	{ "an older value", "{\"messagesAdminsOnly\":false}", 10, NULL, NULL },
	{ "at the same time the lesser value", "{\"messagesAdminsOnly\":false}", 20, NULL, NULL },
	{ "another member, although older", "{\"ephemeralSeconds\":60}", 10,
		"{\"messagesAdminsOnly\":true,\"ephemeralSeconds\":60}",
		"{\"messagesAdminsOnly\":20,\"ephemeralSeconds\":10}" },
	{ "a disappearing timer that is switched off", "{\"ephemeralSeconds\":0}", 30,
		"{\"messagesAdminsOnly\":true,\"ephemeralSeconds\":0}",
		"{\"messagesAdminsOnly\":20,\"ephemeralSeconds\":30}" },
	{ "what is no member", "{\"picture\":\"x\",\"announce\":true}", 30, NULL, NULL },
	{ "a value of another type", "{\"messagesAdminsOnly\":\"no\",\"ephemeralSeconds\":-1}", 30, NULL, NULL },
	{ "no settings", "", 30, NULL, NULL },
	{ "no object", "[1]", 30, NULL, NULL },
};

static void a_setting_changes_by_itself(void **state)
{
	const struct group_settings have = { STR(HAVE), STR(TIMES) };

	(void)state;
	for (size_t i = 0; i < COUNT(merges); i++) {
		struct group_settings now = have;
		bool moved = group_settings_merge(have, str_of(merges[i].got), merges[i].at_us, arena, &now);

		if (moved != (merges[i].want != NULL) || !str_is(now.values, merges[i].want ? merges[i].want : HAVE) ||
			!str_is(now.times, merges[i].times ? merges[i].times : TIMES))
			fail_msg("%s: %.*s %.*s", merges[i].name, STR_ARG(now.values), STR_ARG(now.times));
	}
}

static void settings_end_the_same_in_every_order(void **state)
{
	static const struct {
		const char *said;
		int64_t at_us;
	} all[] = { { "{\"approvalRequired\":true,\"ephemeralSeconds\":1}", 10 },
		{ "{\"approvalRequired\":false}", 20 }, { "{\"editInfoAdminsOnly\":true}", 30 },
		{ "{\"ephemeralSeconds\":7}", 15 }, { "{\"ephemeralSeconds\":9}", 15 } };
	size_t order[] = { 0, 1, 2, 3, 4 };

	(void)state;
	do {
		struct group_settings now = { STR("{}"), STR("{}") };

		for (size_t i = 0; i < COUNT(order); i++)
			(void)group_settings_merge(now, str_of(all[order[i]].said), all[order[i]].at_us, arena, &now);
		assert_true(str_is(now.values,
			"{\"editInfoAdminsOnly\":true,\"approvalRequired\":false,\"ephemeralSeconds\":9}"));
	} while (permutation_next(order, COUNT(order)));
}

static void settings_are_compared_by_value(void **state)
{
	(void)state;
	assert_true(group_settings_same(STR("{\"approvalRequired\": true, \"messagesAdminsOnly\": false}"),
		STR("{\"messagesAdminsOnly\":false,\"approvalRequired\":true}")));
	assert_false(group_settings_same(STR("{}"), STR("{\"approvalRequired\":false}")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_setting_changes_by_itself),
		cmocka_unit_test(settings_end_the_same_in_every_order),
		cmocka_unit_test(settings_are_compared_by_value),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
