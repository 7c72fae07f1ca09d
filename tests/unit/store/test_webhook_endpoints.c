/* Endpoints are read whole; their health is found by several replicas and changed by one, under PostgreSQL's clock; their owner's word
 * is the last. */
#include "unit.h"

#include "store/webhook_endpoints.h"
#include "webhooks.h"
#include "wire/party.h"

struct found {
	struct endpoint_row rows[8];
	size_t n;
};

static void keep(void *ctx, const struct endpoint_row *row)
{
	struct found *f = ctx;

	f->rows[f->n++] = *row;
}

static struct endpoint_row endpoint(const char *id)
{
	struct uuid uuid = uuid_of(id);
	struct found f = { .n = 0 };

	done(store_endpoints_read(db.pg, &uuid, 1, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 1);
	return f.rows[0];
}

static void an_endpoint_is_read_back_as_it_was_added(void **state)
{
	struct str types[] = { STR("message.*"), STR("session.state") };
	int64_t schedule[] = { 1000, 86400000 };
	struct endpoint_row e = { .workspace_id = 1,
		.uuid = uuid_of("00000000-0000-4000-8000-0000000000e7"),
		.kind = ENDPOINT_PUSHER,
		.name = STR("shop"),
		.url = STR("https://example.com/in?x=%20"),
		.secrets = { "\1\0\2", 3 },
		.event_types = types,
		.n_event_types = 2,
		.origins = 1U << ORIGIN_LIVE | 1U << ORIGIN_SYNC,
		.lenient = true,
		.rate = 50,
		.max_in_flight = 3,
		.timeout_ms = 2000,
		.schedule_ms = schedule,
		.n_schedule = 2,
		.max_retries = 1,
		.headers = STR("{\"x-a\": \"b\"}"),
		.api_version = STR("1"),
		.enabled = true };
	struct pg *admin = db_session("blazz_admin");
	struct endpoint_row got;

	(void)state;
	done(store_endpoint_add(admin, &e, &db.err));
	assert_true(e.id > 0);
	got = endpoint("00000000-0000-4000-8000-0000000000e7");
	assert_int_equal(got.workspace_id, 1);
	assert_int_equal(got.id, e.id);
	assert_true(uuid_eq(&got.workspace, &(struct uuid){ { [6] = 0x40, [8] = 0x80, [15] = 1 } }));
	assert_true(uuid_eq(&got.uuid, &e.uuid));
	assert_int_equal(got.kind, ENDPOINT_PUSHER);
	assert_true(str_eq(got.name, e.name) && str_eq(got.url, e.url) && str_eq(got.secrets, e.secrets));
	assert_int_equal(got.n_event_types, 2);
	assert_str(got.event_types[0], "message.*");
	assert_str(got.event_types[1], "session.state");
	assert_int_equal(got.origins, e.origins);
	assert_true(got.lenient && !got.ordered && got.enabled && !got.deleted);
	assert_int_equal(got.rate, 50);
	assert_int_equal(got.max_in_flight, 3);
	assert_int_equal(got.timeout_ms, 2000);
	assert_int_equal(got.n_schedule, 2);
	assert_int_equal(got.schedule_ms[1], 86400000);
	assert_int_equal(got.max_retries, 1);
	assert_str(got.headers, "{\"x-a\": \"b\"}");
	assert_str(got.api_version, "1");
	assert_int_equal(got.state, ENDPOINT_ACTIVE);
	assert_null(got.disabled_reason.p);
	assert_true(got.disabled_us == PG_NO_TIME && got.failing_since_us == PG_NO_TIME);
	assert_true(got.active_from_us <= got.enabled_us && got.enabled_us > AT(0));
	assert_true(store_endpoint_is_live(&got));
	pg_close(&admin);
}

static void absent_settings_mean_all_or_the_default(void **state)
{
	struct endpoint_row e = endpoint(E1);

	(void)state;
	assert_int_equal(e.n_event_types, 0);
	assert_int_equal(e.n_schedule, 0);
	assert_int_equal(e.max_retries, -1);
	assert_int_equal(e.origins, 1U << ORIGIN_LIVE);
	assert_true(e.ordered && !e.lenient);
	assert_null(e.headers.p);
}

static void the_table_rejects_invalid_endpoints(void **state)
{
	static const char *const wrong[] = { "event_types = '{message}'", "event_types = '{message.created,Message.x}'",
		"event_types = '{\"a.b,c\"}'", "origins = '{}'", "origins = '{live,dead}'", "url = ''",
		"url = 'https://' || repeat('x', 2000)", "timeout_ms = 999", "timeout_ms = 30001",
		"schedule_ms = '{0}'", "schedule_ms = '{604800001}'", "max_in_flight = 0", "max_retries = -1",
		"headers = '[]'", "state = 'disabled'" };
	char sql[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE webhook_endpoints SET %s", wrong[i]);
		if (run(db.admin, sql, NULL, NULL, &db.err) == 0)
			fail_msg("%s", wrong[i]);
		assert_string_equal(db.err.code, "23514");
	}
}

static void a_workspace_has_a_hundred_endpoints_at_most(void **state)
{
	static const struct {
		const char *sql;
		bool fits;
	} steps[] = {
		/* workspace 1 has two */
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT 1, 'u', '' FROM generate_series(1, 99)",
			false },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT 1, 'u', '' FROM generate_series(1, 98)",
			true },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, 'u', '')", false },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (2, 'u', '')", true },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets, deleted_at) VALUES (1, 'u', '', now())",
			true },
		{ "UPDATE webhook_endpoints SET deleted_at = NULL WHERE workspace_id = 1 AND deleted_at IS NOT NULL",
			false },
		{ "UPDATE webhook_endpoints SET url = 'v' WHERE id = 1", true },
		{ "UPDATE webhook_endpoints SET deleted_at = now() WHERE id = 1", true },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, 'u', '')", true },
		{ "UPDATE webhook_endpoints SET deleted_at = NULL WHERE id = 1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if ((run(db.admin, steps[i].sql, NULL, NULL, &db.err) == 0) != steps[i].fits)
			fail_msg("%s", steps[i].sql);
		assert_true(steps[i].fits || (db.err.kind == ERR_INPUT && strstr(db.err.msg, "at most 100 endpoints")));
	}
}

static void only_one_of_two_concurrent_additions_of_the_last_endpoint_succeeds(void **state)
{
	struct pg *admin = db_session("blazz_admin"), *other = db_session("blazz_admin");

	(void)state;
	execute(admin,
		"INSERT INTO webhook_endpoints (workspace_id, url, secrets) SELECT 1, 'u', '' FROM generate_series(1, 97)");
	done(pg_begin(admin, &db.err));
	execute(admin, "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, 'u', '')");
	execute(other, "SET lock_timeout = '100ms'");
	assert_int_equal(run(other, "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, 'u', '')",
				 NULL, NULL, &db.err),
		-1);
	assert_int_equal(db.err.kind, ERR_RETRY); /* it waits for the first */
	execute(other, "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (2, 'u', '')");
	done(pg_commit(admin, &db.err));
	pg_close(&admin);
	pg_close(&other);
}

static void all_remaining_endpoints_or_the_requested_ones_are_read(void **state)
{
	struct uuid ids[] = { uuid_of(E1), uuid_of(E2) };
	struct found all = { .n = 0 }, some = { .n = 0 }, none = { .n = 0 };

	(void)state;
	db_script(
		"UPDATE webhook_endpoints SET deleted_at = now() WHERE id = 1; UPDATE workspaces SET deleted_at = now(), deletion_stage = 'sessions' WHERE id = 2");
	done(store_endpoints_read(db.pg, NULL, 0, db.arena, keep, &all, &db.err));
	assert_int_equal(all.n, 1);
	assert_int_equal(all.rows[0].id, 2);
	done(store_endpoints_read(db.pg, ids, 2, db.arena, keep, &some, &db.err));
	assert_int_equal(some.n, 2);
	assert_true(some.rows[0].deleted != some.rows[1].deleted);
	done(store_endpoints_read(db.pg, ids, 0, db.arena, keep, &none, &db.err));
	assert_int_equal(none.n, 0);
	assert_true(endpoint("00000000-0000-4000-8000-0000000000e3").deleted);
	execute(db.admin, "UPDATE workspaces SET deleted_at = NULL, deletion_stage = NULL");
}

/* What waits for them is kept, until the workspace is restored or goes. */
static void endpoints_of_a_workspace_that_can_be_restored_are_disabled(void **state)
{
	struct found all = { .n = 0 };

	(void)state;
	db_script("UPDATE workspaces SET deleted_at = now() WHERE id = 2");
	done(store_endpoints_read(db.pg, NULL, 0, db.arena, keep, &all, &db.err));
	assert_true(all.n >= 2);
	for (size_t i = 0; i < all.n; i++) {
		assert_false(all.rows[i].deleted);
		assert_int_equal(all.rows[i].enabled, all.rows[i].workspace_id != 2);
	}
	db_script("UPDATE workspaces SET deleted_at = NULL WHERE id = 2");
	all.n = 0;
	done(store_endpoints_read(db.pg, NULL, 0, db.arena, keep, &all, &db.err));
	for (size_t i = 0; i < all.n; i++)
		assert_true(all.rows[i].enabled);
}

static void an_endpoint_is_active_when_its_owner_enabled_it_last(void **state)
{
	static const struct {
		const char *name;
		bool enabled, deleted;
		int64_t enabled_us, disabled_us;
		bool live;
	} cases[] = {
		{ "never disabled", true, false, AT(0), PG_NO_TIME, true },
		{ "switched off by its owner", false, false, AT(0), PG_NO_TIME, false },
		{ "disabled", true, false, AT(0), AT(1), false },
		{ "disabled in the same microsecond", true, false, AT(1), AT(1), false },
		{ "enabled again", true, false, AT(2), AT(1), true },
		{ "deleted", true, true, AT(0), PG_NO_TIME, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint_row e = { .enabled = cases[i].enabled,
			.deleted = cases[i].deleted,
			.enabled_us = cases[i].enabled_us,
			.disabled_us = cases[i].disabled_us };

		if (store_endpoint_is_live(&e) != cases[i].live)
			fail_msg("%s", cases[i].name);
	}
}

/* One change in a transaction of its own, of endpoint 1. Returns whether it changed anything. */
static bool change(enum endpoint_finding finding, int64_t at_us, int64_t failing_ms)
{
	struct endpoint_change c = { .workspace_id = 1,
		.id = 1,
		.finding = finding,
		.at_us = at_us,
		.failing_ms = failing_ms,
		.reason = "gone" };

	done(pg_begin(db.pg, &db.err));
	done(store_endpoints_change(db.pg, &c, 1, &db.err));
	done(pg_commit(db.pg, &db.err));
	return c.changed;
}

#define LOOK \
	"SELECT state || ' ' || coalesce(disabled_reason, '-') || ' ' || (disabled_at IS NOT NULL) || ' ' || (failing_since IS NOT NULL)" \
	" FROM webhook_endpoints WHERE id = 1"

static void a_health_report_changes_health_once(void **state)
{
	static const struct {
		const char *name, *before;
		enum endpoint_finding finding;
		int at_s; /* from now */
		int64_t failing_ms;
		bool changed;
		const char *after;
	} cases[] = {
		{ "the first failure is noted", "state = 'active'", ENDPOINT_FAILS, -1, 0, true,
			"active - false true" },
		{ "the second is not", "failing_since = now() - interval '1 s'", ENDPOINT_FAILS, 0, 0, false,
			"active - false true" },
		{ "one from before it was enabled again counts no more",
			"failing_since = now() - interval '2 h', disabled_at = now() - interval '90 min', state = 'disabled'",
			ENDPOINT_FAILS, -1, 0, true, "active - false true" },
		{ "giving up makes it failing", "state = 'active'", ENDPOINT_EXHAUSTED, 0, 0, true,
			"failing - false false" },
		{ "again does not", "state = 'failing'", ENDPOINT_EXHAUSTED, 0, 0, false, "failing - false false" },
		{ "an answer ends failing", "state = 'failing', failing_since = now()", ENDPOINT_ANSWERS, 0, 0, true,
			"active - false false" },
		{ "an answer forgets a failure, which is no news", "failing_since = now()", ENDPOINT_ANSWERS, 0, 0,
			false, "active - false false" },
		{ "an answer when all is well", "state = 'active'", ENDPOINT_ANSWERS, 0, 0, false,
			"active - false false" },
		{ "an answer after it was enabled again",
			"state = 'disabled', disabled_reason = 'x', disabled_at = now() - interval '2 h'",
			ENDPOINT_ANSWERS, 0, 0, true, "active - false false" },
		{ "an answer that comes after it was disabled",
			"state = 'disabled', disabled_reason = 'x', disabled_at = now()", ENDPOINT_ANSWERS, 0, 0, false,
			"disabled x true false" },
		{ "disabled at once", "state = 'active'", ENDPOINT_DISABLE, 0, 0, true, "disabled gone true false" },
		{ "not twice", "state = 'disabled', disabled_reason = 'x', disabled_at = now()", ENDPOINT_DISABLE, 0, 0,
			false, "disabled x true false" },
		{ "again after it was enabled again",
			"state = 'disabled', disabled_reason = 'x', disabled_at = now() - interval '2 h'",
			ENDPOINT_DISABLE, 0, 0, true, "disabled gone true false" },
		{ "not for what was found before it was enabled", "state = 'failing'", ENDPOINT_DISABLE, -7200, 0,
			false, "failing - false false" },
		{ "after it failed long enough", "failing_since = now() - interval '31 min'", ENDPOINT_DISABLE, 0,
			1800000, true, "disabled gone true true" },
		{ "not before", "failing_since = now() - interval '29 min'", ENDPOINT_DISABLE, 0, 1800000, false,
			"active - false true" },
		{ "not when another replica had an answer", "failing_since = NULL", ENDPOINT_DISABLE, 0, 1800000, false,
			"active - false false" },
		{ "not for failing in an earlier life", "failing_since = now() - interval '2 h'", ENDPOINT_DISABLE, 0,
			1800000, false, "active - false true" },
		{ "a deleted one takes no finding", "deleted_at = now()", ENDPOINT_DISABLE, 0, 0, false,
			"active - false false" },
	};
	char sql[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t now = db_i64("SELECT (extract(epoch FROM now()) * 1000000)::bigint");

		with_endpoints(state);
		snprintf(sql, sizeof(sql), "UPDATE webhook_endpoints SET %s", cases[i].before);
		execute(db.admin, sql);
		if (change(cases[i].finding, now + cases[i].at_s * INT64_C(1000000), cases[i].failing_ms) !=
			cases[i].changed)
			fail_msg("%s", cases[i].name);
		if (!str_is(db_text(LOOK), cases[i].after))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(db_text(LOOK)));
	}
}

static void a_clock_that_is_ahead_records_no_failure_in_the_future(void **state)
{
	(void)state;
	assert_true(change(ENDPOINT_FAILS, AT(0) + INT64_C(1000000) * 86400 * 36500, 0));
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_endpoints WHERE failing_since <= now()"), 1);
	assert_true(change(ENDPOINT_ANSWERS, AT(0), 0) == false);
	assert_true(change(ENDPOINT_FAILS, 0, 0)); /* and one that is far behind, none from before it was enabled */
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_endpoints WHERE failing_since = enabled_at"), 1);
}

static void several_health_reports_of_one_batch_are_all_applied(void **state)
{
	struct endpoint_change c[] = {
		{ .workspace_id = 2, .id = 3, .finding = ENDPOINT_ANSWERS, .at_us = AT(0) },
		{ .workspace_id = 1, .id = 1, .finding = ENDPOINT_DISABLE, .at_us = INT64_MAX / 2, .reason = "gone" },
		{ .workspace_id = 1, .id = 2, .finding = ENDPOINT_EXHAUSTED, .at_us = AT(0) },
		{ .workspace_id = 1, .id = 1, .finding = ENDPOINT_FAILS, .at_us = AT(0) },
		{ .workspace_id = 2, .id = 1, .finding = ENDPOINT_DISABLE, .at_us = AT(0), .reason = "no such row" },
	};

	(void)state;
	execute(db.admin, "UPDATE webhook_endpoints SET state = 'failing' WHERE id = 3");
	done(pg_begin(db.pg, &db.err));
	done(store_endpoints_change(db.pg, c, 5, &db.err));
	done(store_endpoints_change(db.pg, NULL, 0, &db.err));
	done(pg_commit(db.pg, &db.err));
	assert_true(c[0].changed && c[1].changed && c[2].changed && c[3].changed && !c[4].changed);
	assert_text("SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_endpoints", "disabled failing active");
	assert_int_equal(db_i64("SELECT count(*) FROM webhook_endpoints WHERE failing_since IS NOT NULL"), 1);
}

static int disable_both(struct pg *pg, void *ctx, struct err *err)
{
	return store_endpoints_change(pg, ctx, 2, err);
}

static void of_two_replicas_with_the_same_health_report_one_changes_it(void **state)
{
	struct endpoint_change ours[] = {
		{ .workspace_id = 1, .id = 2, .finding = ENDPOINT_DISABLE, .at_us = INT64_MAX / 2, .reason = "ours" },
		{ .workspace_id = 1, .id = 1, .finding = ENDPOINT_EXHAUSTED, .at_us = AT(0) },
	};
	struct endpoint_change theirs[] = { ours[1], ours[0] };
	struct other other = { .role = DISPATCHER, .act = disable_both, .ctx = theirs };

	(void)state;
	theirs[1].reason = "theirs";
	done(pg_begin(db.pg, &db.err));
	done(store_endpoints_change(db.pg, ours, 2, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_true(ours[0].changed && ours[1].changed);
	assert_false(theirs[0].changed || theirs[1].changed);
	assert_text("SELECT disabled_reason FROM webhook_endpoints WHERE id = 2", "ours");
}

static int enable(struct pg *pg, void *ctx, struct err *err)
{
	return store_endpoint_set_enabled(pg, ctx, true, err);
}

static void an_enable_that_waited_for_a_disable_wins(void **state)
{
	struct uuid id = uuid_of(E1);
	struct other other = { .role = "blazz_admin", .act = enable, .ctx = &id };
	struct endpoint_row e;

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_endpoints_change(db.pg,
		&(struct endpoint_change){ .workspace_id = 1,
			.id = 1,
			.finding = ENDPOINT_DISABLE,
			.at_us = INT64_MAX / 2,
			.reason = "gone" },
		1, &db.err));
	other_start(&other);
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	e = endpoint(E1);
	assert_int_equal(e.state, ENDPOINT_DISABLED);
	assert_true(store_endpoint_is_live(&e));
}

static void an_operator_changes_definition_and_enabled_state(void **state)
{
	struct pg *admin = db_session("blazz_admin");
	struct uuid id = uuid_of(E1), other = uuid_of("00000000-0000-4000-8000-0000000000ee");
	struct endpoint_row e;

	(void)state;
	done(store_endpoint_set_enabled(admin, &id, false, &db.err));
	done(store_endpoint_find(admin, &id, db.arena, &e, &db.err));
	assert_false(e.enabled || store_endpoint_is_live(&e));
	assert_true(e.enabled_us < e.active_from_us + 1);
	done(store_endpoint_set_enabled(admin, &id, true, &db.err));
	done(store_endpoint_find(admin, &id, db.arena, &e, &db.err));
	assert_true(e.enabled && e.enabled_us > e.active_from_us + INT64_C(3500000000));
	done(store_endpoint_set_secrets(admin, &id, STR("new"), &db.err));
	done(store_endpoint_find(admin, &id, db.arena, &e, &db.err));
	assert_str(e.secrets, "new");
	done(store_endpoint_remove(admin, &id, &db.err));
	assert_failed(store_endpoint_find(admin, &id, db.arena, &e, &db.err), db.err, ERR_INPUT, "unknown");
	assert_failed(store_endpoint_remove(admin, &id, &db.err), db.err, ERR_INPUT, "unknown");
	assert_failed(store_endpoint_set_enabled(admin, &id, true, &db.err), db.err, ERR_INPUT, "unknown");
	assert_failed(store_endpoint_set_secrets(admin, &other, STR("x"), &db.err), db.err, ERR_INPUT, "unknown");
	assert_text("SELECT string_agg(secrets::text, ' ' ORDER BY id) FROM webhook_endpoints WHERE deleted_at IS NULL",
		"\\x7365616c6564 \\x7365616c6564");
	pg_close(&admin);
}

static void changes_of_cached_endpoints_are_notified(void **state)
{
	static const struct {
		const char *sql;
		int heard;
	} cases[] = {
		{ "UPDATE webhook_endpoints SET url = 'https://example.org' WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET url = url, updated_at = clock_timestamp() WHERE id = 1", 0 },
		{ "UPDATE webhook_endpoints SET secrets = 'x' WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET enabled = false WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET state = 'failing' WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET failing_since = now() WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET headers = '{}' WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET schedule_ms = '{5}' WHERE id = 1", 1 },
		{ "UPDATE webhook_endpoints SET deleted_at = now() WHERE id = 1", 1 },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets, uuid) VALUES (1, 'u', '', '" E1
		  "'::uuid) ON CONFLICT DO NOTHING",
			0 },
		{ "INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, 'u', '')", 1 },
	};
	struct str channel, payload;

	(void)state;
	done(pg_listen(db.pg, WEBHOOKS_CHANNEL, &db.err));
	while (pg_notification(db.pg, &channel, &payload, &db.err) == 1)
		;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int heard = 0;

		execute(db.admin, cases[i].sql);
		execute(db.pg, "SELECT 1");
		while (pg_notification(db.pg, &channel, &payload, &db.err) == 1) {
			heard++;
			assert_str(channel, WEBHOOKS_CHANNEL);
			assert_int_equal(payload.n, 36);
			if (i < 9)
				assert_str(payload, E1);
		}
		if (heard != cases[i].heard)
			fail_msg("%s: %d", cases[i].sql, heard);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_endpoint_is_read_back_as_it_was_added, with_endpoints),
		cmocka_unit_test_setup(absent_settings_mean_all_or_the_default, with_endpoints),
		cmocka_unit_test_setup(the_table_rejects_invalid_endpoints, with_endpoints),
		cmocka_unit_test_setup(a_workspace_has_a_hundred_endpoints_at_most, with_endpoints),
		cmocka_unit_test_setup(only_one_of_two_concurrent_additions_of_the_last_endpoint_succeeds,
			with_endpoints),
		cmocka_unit_test_setup(all_remaining_endpoints_or_the_requested_ones_are_read, with_endpoints),
		cmocka_unit_test_setup(endpoints_of_a_workspace_that_can_be_restored_are_disabled, with_endpoints),
		cmocka_unit_test(an_endpoint_is_active_when_its_owner_enabled_it_last),
		cmocka_unit_test(a_health_report_changes_health_once),
		cmocka_unit_test_setup(a_clock_that_is_ahead_records_no_failure_in_the_future, with_endpoints),
		cmocka_unit_test_setup(several_health_reports_of_one_batch_are_all_applied, with_endpoints),
		cmocka_unit_test_setup(of_two_replicas_with_the_same_health_report_one_changes_it, with_endpoints),
		cmocka_unit_test_setup(an_enable_that_waited_for_a_disable_wins, with_endpoints),
		cmocka_unit_test_setup(an_operator_changes_definition_and_enabled_state, with_endpoints),
		cmocka_unit_test_setup(changes_of_cached_endpoints_are_notified, with_endpoints),
	};

	return cmocka_run_group_tests(tests, webhooks_start, db_stop);
}
