/* campaign-sender/effects: what is collected from the decisions of libs/provider. */
#include "unit.h"

#include "campaign-sender/effects/private.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT_US    INT64_C(1767225600000000)
#define HOUR_MS  INT64_C(3600000)

static struct effects *e;
static const struct campaign campaign = { .uuid = { { 4 } }, .workspace = { { 2 } } };

static int setup(void **state)
{
	(void)state;
	e = effects_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	effects_free(e);
	return 0;
}

static struct effect_source source(const char *code)
{
	return (struct effect_source){
		.workspace_id = 1,
		.account_id = 5,
		.campaign = &campaign,
		.address = STR("628"),
		.code = str_of(code),
		.text = STR("Words of the provider"),
		.at_us = AT_US,
	};
}

static void add(int64_t code, const char *text)
{
	struct decision d = code_of_status(code);
	struct effect_source from = source(text);

	effects_add(e, &d, &from);
}

/* 61: what each code does to the account, the campaign and the address. */
static void each_code_has_its_effects(void **state)
{
	static const struct {
		const char *code;
		size_t holds, waits, pauses, opt_outs, undeliverable;
		int64_t hold_ms;
		bool alert, disconnected;
	} cases[] = {
		{ .code = "130429" },
		{ .code = "131056" },
		{ .code = "80007", .waits = 1 },
		{ .code = "4", .waits = 1 },
		{ .code = "131048", .holds = 1, .hold_ms = 24 * HOUR_MS, .alert = true },
		{ .code = "131049" },
		{ .code = "131050", .opt_outs = 1 },
		{ .code = "131026", .undeliverable = 1 },
		{ .code = "131047" },
		{ .code = "132000" },
		{ .code = "132001", .pauses = 1 },
		{ .code = "132015", .pauses = 1 },
		{ .code = "190", .holds = 1, .hold_ms = -1, .alert = true, .disconnected = true },
		{ .code = "131042", .holds = 1, .hold_ms = 6 * HOUR_MS, .alert = true },
		{ .code = "131031", .holds = 1, .hold_ms = -1, .alert = true, .pauses = 1 },
		{ .code = "133010", .holds = 1, .hold_ms = -1, .disconnected = true },
		{ .code = "131057", .holds = 1, .hold_ms = HOUR_MS / 60 },
		{ .code = "131000" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		effects_clear(e);
		assert_true(effects_empty(e));
		add(code_parse(str_of(cases[i].code)), cases[i].code);
		assert_int_equal(e->n_holds, cases[i].holds);
		assert_int_equal(e->n_waits, cases[i].waits);
		assert_int_equal(e->n_pauses, cases[i].pauses);
		assert_int_equal(e->n_opt_outs, cases[i].opt_outs);
		assert_int_equal(e->n_undeliverable, cases[i].undeliverable);
		assert_int_equal(e->n_connected, 0);
		if (e->n_holds == 0)
			continue;
		assert_int_equal(e->holds[0].hold.for_ms, cases[i].hold_ms);
		assert_int_equal(e->holds[0].hold.at_us, AT_US);
		assert_true(str_is(e->holds[0].hold.code, cases[i].code));
		assert_int_equal(e->holds[0].alert, cases[i].alert);
		assert_int_equal(e->holds[0].disconnected, cases[i].disconnected);
	}
}

static void each_is_collected_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		add(190, "190");
		add(4, "4");
		add(132015, "132015");
		add(131026, "131026");
		add(131050, "131050");
		effects_add_connected(e, 1, 6);
		effects_add_pause(e, &campaign, "no_active_account", "No account can send it.");
	}
	assert_int_equal(e->n_holds, 1);
	assert_int_equal(e->n_waits, 1);
	assert_int_equal(e->n_pauses, 1);
	assert_int_equal(e->n_undeliverable, 1);
	assert_int_equal(e->n_opt_outs, 1);
	assert_int_equal(e->n_connected, 1);
	assert_true(str_is(e->pauses[0].code, "132015"));
	assert_true(str_is(e->pauses[0].reason, "Words of the provider"));
}

static void the_longest_hold_of_an_account_counts(void **state)
{
	(void)state;
	add(131057, "131057");
	add(131048, "131048");
	assert_true(str_is(e->holds[0].hold.code, "131048"));
	add(131031, "131031");
	add(131042, "131042");
	add(190, "190");
	assert_int_equal(e->n_holds, 1);
	assert_true(str_is(e->holds[0].hold.code, "131031"));
}

static void a_breaker_that_opens_pauses_its_campaign(void **state)
{
	struct decision d = code_of_status(132000);
	struct effect_source from = source("132000");

	(void)state;
	from.stopped = true;
	effects_add(e, &d, &from);
	assert_int_equal(e->n_pauses, 1);
	assert_true(uuid_eq(&e->pauses[0].campaign, &campaign.uuid));
	assert_true(uuid_eq(&e->pauses[0].workspace, &campaign.workspace));
	assert_true(str_is(e->pauses[0].code, "132000"));
	assert_true(str_is(e->pauses[0].reason, "too many of its messages failed: Words of the provider"));
	assert_false(e->pauses[0].resume);
}

static void our_word_stands_for_a_code_that_was_not_given(void **state)
{
	struct decision d = code_of_bridge(BRIDGE_BLAZZ, 400, STR("blocked"));
	struct effect_source from = source(NULL);

	(void)state;
	from.text = STR_NONE;
	from.stopped = true;
	effects_add(e, &d, &from);
	assert_true(str_is(e->holds[0].hold.code, "blocked"));
	assert_true(str_is(e->pauses[0].reason, "too many of its messages failed: blocked"));
}

static void a_single_message_pauses_no_campaign(void **state)
{
	struct decision d = code_of_status(132015);
	struct effect_source from = source("132015");

	(void)state;
	from.campaign = NULL;
	from.stopped = true;
	effects_add(e, &d, &from);
	assert_true(effects_empty(e));
}

static void texts_are_copied(void **state)
{
	char text[] = "628", code[] = "131026";
	struct decision d = code_of_status(131026);
	struct effect_source from = source(code);

	(void)state;
	from.address = str_of(text);
	effects_add(e, &d, &from);
	text[0] = code[0] = 'x';
	assert_true(str_is(e->undeliverable[0].address, "628"));
	assert_true(str_is(e->undeliverable[0].code, "131026"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_code_has_its_effects, setup, teardown),
		cmocka_unit_test_setup_teardown(each_is_collected_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_longest_hold_of_an_account_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_breaker_that_opens_pauses_its_campaign, setup, teardown),
		cmocka_unit_test_setup_teardown(our_word_stands_for_a_code_that_was_not_given, setup, teardown),
		cmocka_unit_test_setup_teardown(a_single_message_pauses_no_campaign, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_are_copied, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign-sender/effects", tests, NULL, NULL);
}
