/* Whether the stub's instances answer as libs/bridge reads it: the two were written apart, from the same documents. */
#include "unit.h"

#include "bridge/answer.h"
#include "manage.h"

#define NOW 1000000

static const enum bridge_kind kinds[STUB_PROVIDERS] = {
	[STUB_BLAZZ] = BRIDGE_BLAZZ,
	[STUB_WAHA] = BRIDGE_WAHA,
	[STUB_EVOLUTION] = BRIDGE_EVOLUTION,
	[STUB_WWEBJS] = BRIDGE_WWEBJS,
};
static const char body[] = "{\"session_id\":\"a\",\"epoch\":7,\"webhook_url\":\"http://x\",\"ttl_s\":60}";

struct fixture {
	struct instances *all;
	struct instance *at;
	struct arena *arena;
	struct json_doc *doc;
};

/* An instance whose starts lead to `starts_as`, with session "a" in `have`. */
static struct fixture fixture_new(enum stub_provider provider, const char *have, const char *starts_as)
{
	struct fixture f = { .all = instances_new(), .arena = arena_new(4096) };
	struct json_doc *doc = NULL;
	struct err err;

	assert_int_equal(
		json_parse(&doc,
			arena_printf(f.arena,
				"{\"provider\":\"%s\",\"name\":\"i\",\"key\":\"k\",\"starts_as\":\"%s\",\"sessions\":"
				"[{\"name\":\"a\",\"state\":\"%s\",\"phone\":\"628\"}]}",
				stub_provider_word(provider), starts_as, have),
			&err),
		0);
	assert_int_equal(instances_put(f.all, json_root(doc), &err), 0);
	json_free(doc);
	f.at = instances_find(f.all, STR("i"));
	f.at->until_mono_ms = NOW + 60000;
	assert_int_equal(json_parse(&f.doc, str_of(body), &err), 0);
	return f;
}

static void fixture_free(struct fixture *f)
{
	instances_free(f->all);
	json_free(f->doc);
	arena_free(f->arena);
}

static struct bridge_answer ask(struct fixture *f, enum stub_act act, enum bridge_action action, struct str session,
	int64_t now)
{
	const struct stub_call c = {
		.dialect = stub_dialect(f->at->provider),
		.arena = f->arena,
		.act = act,
		.account = session,
		.body = json_root(f->doc),
	};
	const struct bridge_call asked = { .action = action, .session = { .name = session } };
	struct stub_answer answer = { 0 };
	struct exchange_result result;
	struct bridge_answer out;
	struct live *l;
	enum managed managed = manage_do(f->at, &c, now, &l);

	manage_answer(f->at, &c, l, managed, now, &answer);
	result = (struct exchange_result){
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = answer.status,
		.retry_after_ms = -1,
		.body = buf_str(&answer.body),
	};
	bridge_answer_read(kinds[f->at->provider], &asked, &result, f->arena, &out);
	buf_fini(&answer.body);
	return out;
}

static const struct {
	enum stub_provider provider;
	const char *have;
	enum stub_act act;
	enum bridge_action action;
	enum bridge_outcome outcome;
	enum bridge_observed observed, after; /* after: by a look */
} cases[] = {
	{ STUB_BLAZZ, "connected", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_CONNECTED, OBSERVED_CONNECTED },
	{ STUB_BLAZZ, "absent", STUB_LOOK, BRIDGE_LOOK, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
	{ STUB_BLAZZ, "qr", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_BLAZZ, "failed", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_FAILED, OBSERVED_FAILED },
	{ STUB_BLAZZ, "absent", STUB_CREATE, BRIDGE_CREATE, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_BLAZZ, "stopped", STUB_CREATE, BRIDGE_START, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_BLAZZ, "connected", STUB_STOP, BRIDGE_STOP, BRIDGE_OK, OBSERVED_STOPPED, OBSERVED_STOPPED },
	{ STUB_BLAZZ, "connected", STUB_LOGOUT, BRIDGE_LOGOUT, BRIDGE_OK, OBSERVED_STOPPED, OBSERVED_STOPPED },
	{ STUB_BLAZZ, "absent", STUB_DELETE, BRIDGE_DELETE, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
	{ STUB_BLAZZ, "connected", STUB_SYNC, BRIDGE_SYNC, BRIDGE_OK, OBSERVED_CONNECTED, OBSERVED_CONNECTED },
	{ STUB_WAHA, "connected", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_CONNECTED, OBSERVED_CONNECTED },
	{ STUB_WAHA, "absent", STUB_LOOK, BRIDGE_LOOK, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
	{ STUB_WAHA, "failed", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_FAILED, OBSERVED_FAILED },
	{ STUB_WAHA, "absent", STUB_CREATE, BRIDGE_CREATE, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_WAHA, "stopped", STUB_CREATE, BRIDGE_CREATE, BRIDGE_ALREADY_DONE, OBSERVED_NONE, OBSERVED_STOPPED },
	{ STUB_WAHA, "stopped", STUB_UPDATE, BRIDGE_UPDATE, BRIDGE_OK, OBSERVED_STOPPED, OBSERVED_STOPPED },
	{ STUB_WAHA, "stopped", STUB_START, BRIDGE_START, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_WAHA, "connected", STUB_START, BRIDGE_START, BRIDGE_ALREADY_DONE, OBSERVED_NONE, OBSERVED_CONNECTED },
	{ STUB_WAHA, "failed", STUB_RESTART, BRIDGE_RESTART, BRIDGE_OK, OBSERVED_QR, OBSERVED_QR },
	{ STUB_WAHA, "qr", STUB_FETCH_QR, BRIDGE_FETCH_QR, BRIDGE_OK, OBSERVED_NONE, OBSERVED_QR },
	{ STUB_WAHA, "connected", STUB_FETCH_QR, BRIDGE_FETCH_QR, BRIDGE_REJECTED, OBSERVED_NONE, OBSERVED_CONNECTED },
	{ STUB_WAHA, "stopped", STUB_DELETE, BRIDGE_DELETE, BRIDGE_OK, OBSERVED_NONE, OBSERVED_ABSENT },
	{ STUB_EVOLUTION, "connected", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_CONNECTED, OBSERVED_CONNECTED },
	{ STUB_EVOLUTION, "qr", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_STARTING, OBSERVED_STARTING },
	{ STUB_EVOLUTION, "absent", STUB_CREATE, BRIDGE_CREATE, BRIDGE_OK, OBSERVED_QR, OBSERVED_STARTING },
	{ STUB_EVOLUTION, "stopped", STUB_CREATE, BRIDGE_CREATE, BRIDGE_ALREADY_DONE, OBSERVED_NONE, OBSERVED_STOPPED },
	{ STUB_EVOLUTION, "stopped", STUB_START, BRIDGE_START, BRIDGE_OK, OBSERVED_QR, OBSERVED_STARTING },
	{ STUB_EVOLUTION, "connected", STUB_START, BRIDGE_START, BRIDGE_ALREADY_DONE, OBSERVED_CONNECTED,
		OBSERVED_CONNECTED },
	{ STUB_EVOLUTION, "stopped", STUB_LOGOUT, BRIDGE_LOGOUT, BRIDGE_ALREADY_DONE, OBSERVED_NONE, OBSERVED_STOPPED },
	{ STUB_EVOLUTION, "connected", STUB_LOGOUT, BRIDGE_LOGOUT, BRIDGE_OK, OBSERVED_STOPPED, OBSERVED_STOPPED },
	{ STUB_EVOLUTION, "connected", STUB_DELETE, BRIDGE_DELETE, BRIDGE_REJECTED, OBSERVED_NONE, OBSERVED_CONNECTED },
	{ STUB_EVOLUTION, "stopped", STUB_DELETE, BRIDGE_DELETE, BRIDGE_OK, OBSERVED_NONE, OBSERVED_ABSENT },
	{ STUB_EVOLUTION, "absent", STUB_DELETE, BRIDGE_DELETE, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
	{ STUB_WWEBJS, "connected", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_CONNECTED, OBSERVED_CONNECTED },
	{ STUB_WWEBJS, "qr", STUB_LOOK, BRIDGE_LOOK, BRIDGE_OK, OBSERVED_STARTING, OBSERVED_STARTING },
	{ STUB_WWEBJS, "stopped", STUB_LOOK, BRIDGE_LOOK, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
	{ STUB_WWEBJS, "stopped", STUB_START, BRIDGE_START, BRIDGE_OK, OBSERVED_NONE, OBSERVED_STARTING },
	{ STUB_WWEBJS, "absent", STUB_START, BRIDGE_CREATE, BRIDGE_OK, OBSERVED_NONE, OBSERVED_STARTING },
	{ STUB_WWEBJS, "connected", STUB_START, BRIDGE_START, BRIDGE_ALREADY_DONE, OBSERVED_NONE, OBSERVED_CONNECTED },
	{ STUB_WWEBJS, "connected", STUB_STOP, BRIDGE_STOP, BRIDGE_OK, OBSERVED_NONE, OBSERVED_ABSENT },
	{ STUB_WWEBJS, "absent", STUB_STOP, BRIDGE_STOP, BRIDGE_OK, OBSERVED_NONE, OBSERVED_ABSENT },
	{ STUB_WWEBJS, "connected", STUB_DELETE, BRIDGE_DELETE, BRIDGE_OK, OBSERVED_NONE, OBSERVED_ABSENT },
	{ STUB_WWEBJS, "stopped", STUB_DELETE, BRIDGE_DELETE, BRIDGE_GONE, OBSERVED_ABSENT, OBSERVED_ABSENT },
};

static void each_call_does_what_its_answer_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f = fixture_new(cases[i].provider, cases[i].have, "qr");
		struct bridge_answer out = ask(&f, cases[i].act, cases[i].action, STR("a"), NOW);
		struct bridge_answer after = ask(&f, STUB_LOOK, BRIDGE_LOOK, STR("a"), NOW);

		if (out.outcome != cases[i].outcome || out.observed != cases[i].observed || out.oddity != ODDITY_NONE ||
			after.observed != cases[i].after)
			fail_msg("%s, %s of %s: %s, %s, then %s", stub_provider_word(cases[i].provider),
				stub_act_word(cases[i].act), cases[i].have, bridge_outcome_word(out.outcome),
				bridge_observed_word(out.observed), bridge_observed_word(after.observed));
		fixture_free(&f);
	}
}

static void each_kind_answers_a_probe_and_lists_its_sessions(void **state)
{
	(void)state;
	for (enum stub_provider p = STUB_BLAZZ; p < STUB_PROVIDERS; p++) {
		struct fixture f = fixture_new(p, "connected", "connected");
		struct bridge_answer probe =
			ask(&f, p == STUB_WWEBJS ? STUB_LIST : STUB_PROBE, BRIDGE_PROBE, STR_NONE, NOW);
		struct bridge_answer list = ask(&f, STUB_LIST, BRIDGE_LIST, STR_NONE, NOW);

		assert_int_equal(probe.outcome, BRIDGE_OK);
		assert_int_equal(probe.token.n > 0, p == STUB_BLAZZ);
		assert_int_equal(list.n_list, 1);
		assert_true(str_is(list.list[0].name, "a"));
		assert_int_equal(list.list[0].observed, p == STUB_WWEBJS ? OBSERVED_NONE : OBSERVED_CONNECTED);
		assert_true(p == STUB_WWEBJS || str_is(list.list[0].phone, "628"));
		fixture_free(&f);
	}
}

/* The stub's word for a call; some kinds have one route for two calls. */
static enum stub_act act_of(enum stub_provider p, enum bridge_action action)
{
	if (p == STUB_BLAZZ && action == BRIDGE_START)
		return STUB_CREATE;
	if (p == STUB_EVOLUTION && action == BRIDGE_PROBE)
		return STUB_LIST; /* by its path */
	if (p == STUB_WWEBJS && action == BRIDGE_PROBE)
		return STUB_LIST;
	if (p == STUB_WWEBJS && action == BRIDGE_CREATE)
		return STUB_START;
	if (p == STUB_WWEBJS && action == BRIDGE_LOGOUT)
		return STUB_DELETE;
	return (enum stub_act)(STUB_PROBE + (int)action);
}

static void route_check(enum stub_provider p, enum bridge_action action, const struct signing_keys *keys,
	struct bridge_request *r, struct arena *a)
{
	static const char *const methods[] = {
		[HTTP_POST] = "POST", [HTTP_GET] = "GET", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"
	};
	const struct bridge_instance at = {
		.kind = kinds[p], .url = STR("http://stub/~i"), .key = STR("k"), .signing = keys
	};
	const struct bridge_call call = {
		.action = action, .session = { .name = STR("a"), .webhook_url = STR("http://x") }, .lease_ttl_s = 60
	};
	struct stub_call c = { 0 };
	struct str path, query;
	struct err err;

	assert_int_equal(bridge_request_build(&at, &call, 1, a, r, &err), 0);
	str_cut(str_of(r->http.url.p + r->http.path_at), '?', &path, &query);
	if (!manage_route(&c, p, str_of(methods[r->http.method]), path) || c.act != act_of(p, action))
		fail_msg("%s, %s: no such route", stub_provider_word(p), bridge_action_word(action));
}

static void each_call_of_libs_bridge_has_its_route(void **state)
{
	const struct str secret = STR("secret");
	struct signing_keys *keys = NULL;
	struct bridge_request r = { 0 };
	struct arena *a = arena_new(0);
	struct err err;

	(void)state;
	assert_int_equal(signing_keys_of(&keys, &secret, 1, &err), 0);
	for (enum stub_provider p = STUB_BLAZZ; p < STUB_PROVIDERS; p++)
		for (enum bridge_action action = BRIDGE_PROBE; action < BRIDGE_ACTIONS; action++)
			if (bridge_has(kinds[p], action))
				route_check(p, action, keys, &r, a);
	bridge_request_fini(&r);
	signing_keys_free(keys);
	arena_free(a);
}

static void a_session_is_starting_for_a_time(void **state)
{
	struct fixture f = fixture_new(STUB_WAHA, "stopped", "connected");

	(void)state;
	f.at->start_ms = 500;
	assert_int_equal(ask(&f, STUB_START, BRIDGE_START, STR("a"), NOW).observed, OBSERVED_STARTING);
	assert_int_equal(ask(&f, STUB_LOOK, BRIDGE_LOOK, STR("a"), NOW + 499).observed, OBSERVED_STARTING);
	assert_int_equal(ask(&f, STUB_LOOK, BRIDGE_LOOK, STR("a"), NOW + 500).observed, OBSERVED_CONNECTED);
	fixture_free(&f);
}

static void an_epoch_below_the_highest_seen_is_stale_even_after_a_delete(void **state)
{
	struct fixture f = fixture_new(STUB_BLAZZ, "absent", "connected");
	struct bridge_answer out;

	(void)state;
	assert_int_equal(ask(&f, STUB_CREATE, BRIDGE_CREATE, STR("a"), NOW).outcome, BRIDGE_OK); /* epoch 7 */
	assert_int_equal(ask(&f, STUB_CREATE, BRIDGE_CREATE, STR("a"), NOW).outcome, BRIDGE_OK);
	instance_live(f.at, STR("a"), false)->epoch = 8;
	assert_int_equal(ask(&f, STUB_DELETE, BRIDGE_DELETE, STR("a"), NOW).outcome, BRIDGE_OK);
	out = ask(&f, STUB_CREATE, BRIDGE_CREATE, STR("a"), NOW);
	assert_int_equal(out.outcome, BRIDGE_REJECTED);
	assert_true(out.stale_epoch);
	fixture_free(&f);
}

static void a_lease_lasts_from_the_token_that_is_repeated(void **state)
{
	struct fixture f = fixture_new(STUB_BLAZZ, "connected", "connected");

	(void)state;
	f.at->until_mono_ms = 0;
	instance_lease(f.at, STR_NONE, 60000, NOW); /* the first token grants nothing */
	assert_false(instance_has_lease(f.at, NOW));
	instance_lease(f.at, STR("1"), 60000, NOW + 10000);
	assert_true(instance_has_lease(f.at, NOW + 59999));
	assert_false(instance_has_lease(f.at, NOW + 60000));
	instance_lease(f.at, STR("1"), 60000, NOW + 50000); /* from a buffer: an old token */
	assert_false(instance_has_lease(f.at, NOW + 60000));
	fixture_free(&f);
}

static void without_a_lease_sessions_stop_and_none_starts(void **state)
{
	struct fixture f = fixture_new(STUB_BLAZZ, "connected", "connected");

	(void)state;
	instance_expire(f.at, NOW + 59999);
	assert_int_equal(ask(&f, STUB_LOOK, BRIDGE_LOOK, STR("a"), NOW).observed, OBSERVED_CONNECTED);
	instance_expire(f.at, NOW + 60000);
	assert_int_equal(ask(&f, STUB_LOOK, BRIDGE_LOOK, STR("a"), NOW).observed, OBSERVED_STOPPED);
	assert_int_equal(ask(&f, STUB_CREATE, BRIDGE_START, STR("a"), NOW + 60000).outcome, BRIDGE_BUSY);
	fixture_free(&f);
}

static void an_instance_that_is_put_wrong_says_why(void **state)
{
	static const char *const wrong[] = {
		"{\"provider\":\"meta\",\"name\":\"i\",\"key\":\"k\"}",
		"{\"provider\":\"waha\",\"key\":\"k\"}",
		"{\"provider\":\"waha\",\"name\":\"i\"}",
		"{\"provider\":\"waha\",\"name\":\"i\",\"key\":\"k\",\"colour\":1}",
		"{\"provider\":\"waha\",\"name\":\"i\",\"key\":\"k\",\"starts_as\":\"?\"}",
		"{\"provider\":\"waha\",\"name\":\"i\",\"key\":\"k\",\"sessions\":[{\"name\":\"a\",\"state\":\"?\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct instances *all = instances_new();
		struct json_doc *doc = NULL;
		struct err err;

		assert_int_equal(json_parse(&doc, str_of(wrong[i]), &err), 0);
		assert_int_equal(instances_put(all, json_root(doc), &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		json_free(doc);
		instances_free(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_does_what_its_answer_says),
		cmocka_unit_test(each_kind_answers_a_probe_and_lists_its_sessions),
		cmocka_unit_test(each_call_of_libs_bridge_has_its_route),
		cmocka_unit_test(a_session_is_starting_for_a_time),
		cmocka_unit_test(an_epoch_below_the_highest_seen_is_stale_even_after_a_delete),
		cmocka_unit_test(a_lease_lasts_from_the_token_that_is_repeated),
		cmocka_unit_test(without_a_lease_sessions_stop_and_none_starts),
		cmocka_unit_test(an_instance_that_is_put_wrong_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
