/* services/cleanup/policy/probe: the state of an instance after each row of probes. */
#include "cleanup/policy/probe.h"

#include <string.h>

#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* '+' succeeds, 'd' too, '-' is busy, 'r' rejected, 'g' gone, 'k' rejects the key. */
static enum bridge_outcome outcome_of(char letter)
{
	switch (letter) {
	case '+':
		return BRIDGE_OK;
	case 'd':
		return BRIDGE_ALREADY_DONE;
	case 'r':
		return BRIDGE_REJECTED;
	case 'g':
		return BRIDGE_GONE;
	case 'k':
		return BRIDGE_BAD_KEY;
	default:
		return BRIDGE_BUSY;
	}
}

static void each_row_of_probes_ends_in_one_state(void **state)
{
	static const struct {
		enum instance_state from;
		const char *probes, *want;
		int64_t failures, successes;
	} cases[] = {
		{ INSTANCE_UNKNOWN, "", "unknown", 0, 0 },
		{ INSTANCE_UNKNOWN, "+", "up", 0, 1 },
		{ INSTANCE_UNKNOWN, "d", "up", 0, 1 },
		{ INSTANCE_UNKNOWN, "-", "unknown", 1, 0 },
		{ INSTANCE_UNKNOWN, "--+", "up", 0, 1 },
		{ INSTANCE_UNKNOWN, "---", "down", 3, 0 },
		{ INSTANCE_UNKNOWN, "k", "misconfigured", 0, 0 },
		{ INSTANCE_UP, "--", "up", 2, 0 },
		{ INSTANCE_UP, "---", "down", 3, 0 },
		{ INSTANCE_UP, "-rg", "down", 3, 0 },
		{ INSTANCE_UP, "--+--", "up", 2, 0 },
		{ INSTANCE_UP, "--+---", "down", 3, 0 },
		{ INSTANCE_UP, "k", "misconfigured", 0, 0 },
		{ INSTANCE_UP, "--k", "misconfigured", 0, 0 },
		{ INSTANCE_DOWN, "-", "down", 1, 0 },
		{ INSTANCE_DOWN, "+", "down", 0, 1 },
		{ INSTANCE_DOWN, "++", "up", 0, 2 },
		{ INSTANCE_DOWN, "+-+", "down", 0, 1 },
		{ INSTANCE_DOWN, "+-++", "up", 0, 2 },
		{ INSTANCE_DOWN, "+k", "misconfigured", 0, 0 },
		{ INSTANCE_MISCONFIGURED, "+", "up", 0, 1 },
		{ INSTANCE_MISCONFIGURED, "k", "misconfigured", 0, 0 },
		{ INSTANCE_MISCONFIGURED, "--", "misconfigured", 2, 0 },
		{ INSTANCE_MISCONFIGURED, "--k--", "misconfigured", 2, 0 },
		{ INSTANCE_MISCONFIGURED, "---", "down", 3, 0 },
		{ INSTANCE_MISCONFIGURED, "---++", "up", 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct probe_state p = { .state = cases[i].from };

		for (const char *c = cases[i].probes; *c; c++)
			p = probe_next(&p, outcome_of(*c));
		if (strcmp(instance_state_word(p.state), cases[i].want) != 0 || p.failures != cases[i].failures ||
			p.successes != cases[i].successes)
			fail_msg("%s, %s: %s, %ld, %ld", instance_state_word(cases[i].from), cases[i].probes,
				instance_state_word(p.state), (long)p.failures, (long)p.successes);
	}
}

static void more_than_half_of_the_fleet_is_a_mass_outage(void **state)
{
	static const struct {
		int64_t down, total;
		bool want;
	} cases[] = {
		{ 0, 0, false },
		{ 0, 1, false },
		{ 1, 1, true },
		{ 1, 2, false },
		{ 2, 2, true },
		{ 1, 3, false },
		{ 2, 3, true },
		{ 17, 34, false },
		{ 18, 34, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (probe_is_mass_outage(cases[i].down, cases[i].total) != cases[i].want)
			fail_msg("%ld of %ld", (long)cases[i].down, (long)cases[i].total);
}

static void each_state_is_read_by_its_word(void **state)
{
	(void)state;
	for (unsigned s = 0; s < INSTANCE_STATES; s++)
		assert_int_equal(instance_state_parse(str_of(instance_state_word((enum instance_state)s))), s);
	assert_string_equal(instance_state_word(INSTANCE_MISCONFIGURED), "misconfigured");
	assert_int_equal(instance_state_parse(STR("Up")), INSTANCE_UNKNOWN);
	assert_int_equal(instance_state_parse(STR_NONE), INSTANCE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_probes_ends_in_one_state),
		cmocka_unit_test(more_than_half_of_the_fleet_is_a_mass_outage),
		cmocka_unit_test(each_state_is_read_by_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
