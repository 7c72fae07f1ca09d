/* What a tenant writes is bounded and plain, and nobody claims what is another's: constraints, as no program can be trusted with it. */
#include "unit.h"

#include "db.h"

#define APPS \
	"INSERT INTO provider_apps (id, workspace_id, kind, secrets, deleted_at) VALUES (1, NULL, 'meta', '', NULL), (2, 1, 'meta', '', NULL)," \
	" (3, 2, 'meta', '', NULL), (4, 1, 'meta', '', now())"

static struct pg *gateway;

static int fresh(void **state)
{
	db_empty(state);
	db_script("DELETE FROM whatsapp_accounts WHERE id > 3;DELETE FROM provider_apps;" APPS);
	return 0;
}

/* "" when the statement passes, else the constraint that its error names. */
static const char *refused_by(struct pg *pg, const char *sql)
{
	const char *from, *to;

	if (run(pg, sql, NULL, NULL, &db.err) == 0)
		return "";
	from = strchr(db.err.msg, '"');
	/* of a check: relation "x" violates check constraint "y" */
	for (const char *next; from && (next = strstr(from, "constraint \"")); from = next + 11)
		;
	to = from ? strchr(from + 1, '"') : NULL;
	if (!to)
		fail_msg("%s", db.err.msg);
	return arena_cstr(db.arena, (struct str){ from + 1, (size_t)(to - from - 1) });
}

/* An account of Meta: workspace, app, WABA, number, session. */
static const char *claim(int workspace, const char *app, const char *waba, const char *number)
{
	char sql[400];
	static int session;

	snprintf(sql, sizeof(sql),
		"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, provider_app_id, waba_id, phone_number_id)"
		" VALUES (%d, 'claim-%d', 'meta', %s, %s, '%s')",
		workspace, ++session, app, waba, number);
	return refused_by(db.admin, sql);
}

static void a_waba_of_an_app_belongs_to_one_workspace(void **state)
{
	(void)state;
	assert_string_equal(claim(1, "1", "'w1'", "n1"), "");
	assert_string_equal(claim(1, "1", "'w1'", "n2"), ""); /* another number of it */
	assert_string_equal(claim(2, "1", "'w1'", "n3"), "whatsapp_accounts_waba_owner");
	assert_string_equal(claim(2, "3", "'w1'", "n4"), ""); /* its own app hears of it what that app is told */
	assert_string_equal(claim(2, "1", "NULL", "n5"), "");
	assert_string_equal(refused_by(db.admin,
				    "UPDATE whatsapp_accounts SET waba_id = 'w1' WHERE phone_number_id = 'n5'"),
		"whatsapp_accounts_waba_owner");
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE waba_id = 'w1' AND workspace_id = 1");
	assert_string_equal(claim(2, "1", "'w1'", "n3"), "");
	assert_string_equal(refused_by(db.admin,
				    "UPDATE whatsapp_accounts SET deleted_at = NULL WHERE phone_number_id = 'n1'"),
		"whatsapp_accounts_waba_owner");
}

static void a_number_belongs_to_one_live_account(void **state)
{
	(void)state;
	assert_string_equal(claim(1, "1", "NULL", "n1"), "");
	assert_string_equal(claim(2, "3", "NULL", "n1"), "whatsapp_accounts_phone_number_id");
}

static void an_account_uses_only_apps_of_its_workspace_or_the_platform(void **state)
{
	(void)state;
	assert_string_equal(claim(1, "1", "NULL", "n1"), "");
	assert_string_equal(claim(1, "2", "NULL", "n2"), "");
	assert_string_equal(claim(1, "3", "NULL", "n3"), "whatsapp_accounts_app"); /* another workspace's */
	assert_string_equal(claim(1, "4", "NULL", "n4"), "whatsapp_accounts_app"); /* deleted */
	assert_string_equal(claim(1, "9", "NULL", "n5"), "whatsapp_accounts_app"); /* none */
	assert_string_equal(refused_by(db.admin,
				    "UPDATE whatsapp_accounts SET provider_app_id = 3 WHERE phone_number_id = 'n1'"),
		"whatsapp_accounts_app");
}

static void a_tenants_role_cannot_claim_another_workspaces_app(void **state)
{
	(void)state;
	execute(gateway, "SELECT set_config('blazz.workspace_id', '1', false)");
	assert_string_equal(
		refused_by(gateway,
			"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, provider_app_id,"
			" phone_number_id) VALUES (1, 'g1', 'meta', 1, 'g1')"),
		"");
	assert_string_equal(refused_by(gateway,
				    "UPDATE whatsapp_accounts SET provider_app_id = 3 WHERE session_id = 'g1'"),
		"whatsapp_accounts_app");
	assert_int_equal(query_i64(gateway, "SELECT count(*) FROM provider_apps"), 2); /* its own, live and deleted */
	assert_failed(run(gateway, "INSERT INTO provider_apps (kind, secrets) VALUES ('meta', '')", NULL, NULL,
			      &db.err),
		db.err, ERR_RETRY, "42501");
}

/* Its name there is its ref, or its session id: of kind blazz always the latter. */
static void a_session_of_an_instance_is_claimed_once(void **state)
{
	static const char insert[] =
		"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, bridge_kind, provider_ref, assigned_instance_url, deleted_at)"
		" VALUES (%d, '%s', 'webjs', '%s', %s, 'http://c', %s)";
	static const struct {
		int workspace;
		const char *session, *kind, *ref, *deleted, *refused;
	} rows[] = {
		{ 1, "victim", "waha", "NULL", "NULL", "" },
		{ 2, "rival", "waha", "'victim'", "NULL", "whatsapp_accounts_session_name" },
		{ 2, "rival", "waha", "'victim'", "now()", "" },
		{ 2, "other", "evolution", "'victim'", "NULL", "" },
		{ 1, "ours", "blazz", "'any'", "NULL", "" },
		{ 2, "theirs", "blazz", "'ours'", "NULL", "" },
	};
	char sql[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(sql, sizeof(sql), insert, rows[i].workspace, rows[i].session, rows[i].kind, rows[i].ref,
			rows[i].deleted);
		assert_string_equal(refused_by(db.admin, sql), rows[i].refused);
	}
	assert_string_equal(refused_by(db.admin,
				    "UPDATE whatsapp_accounts SET deleted_at = NULL WHERE session_id = 'rival'"),
		"whatsapp_accounts_session_name");
}

static void a_bridges_name_is_unique_also_without_an_instance(void **state)
{
	static const char insert[] =
		"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, bridge_kind, provider_ref, assigned_instance_url)"
		" VALUES (%d, '%s', 'webjs', '%s', 'main', %s)";
	static const struct {
		int workspace;
		const char *session, *kind, *url, *refused;
	} rows[] = {
		{ 1, "r1", "waha", "NULL", "" },
		{ 2, "r2", "waha", "NULL", "whatsapp_accounts_provider_ref" },
		{ 2, "r3", "evolution", "NULL", "" },
		{ 2, "r4", "waha", "'http://a'", "" },
		{ 1, "r5", "waha", "'http://a'", "whatsapp_accounts_provider_ref" },
		{ 1, "r6", "waha", "'http://b'", "" },
	};
	char sql[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(sql, sizeof(sql), insert, rows[i].workspace, rows[i].session, rows[i].kind, rows[i].url);
		assert_string_equal(refused_by(db.admin, sql), rows[i].refused);
	}
	/* What has no name collides with nothing. */
	execute(db.admin,
		"INSERT INTO whatsapp_accounts (workspace_id, session_id, provider_type, bridge_kind) VALUES (1, 'r7', 'webjs', 'waha')");
}

/* Texts of so many bytes, and what is no text. */
static void columns_that_tenants_write_are_bounded(void **state)
{
	static const struct {
		const char *sql; /* # stands for a text */
		int bytes; /* the longest that passes */
		const char *refused;
	} cases[] = {
		{ "UPDATE whatsapp_accounts SET session_id = #", 200, "whatsapp_accounts_session_id_check" },
		{ "UPDATE whatsapp_accounts SET provider_ref = #", 200, "whatsapp_accounts_provider_ref_check" },
		{ "UPDATE whatsapp_accounts SET phone_number = #", 100, "whatsapp_accounts_phone_number_check" },
		{ "UPDATE whatsapp_accounts SET phone_number_id = #", 100, "whatsapp_accounts_phone_number_id_check" },
		{ "UPDATE whatsapp_accounts SET waba_id = #", 100, "whatsapp_accounts_waba_id_check" },
		{ "UPDATE whatsapp_accounts SET business_id = #", 100, "whatsapp_accounts_business_id_check" },
		{ "UPDATE whatsapp_accounts SET assigned_instance_url = #", 2000,
			"whatsapp_accounts_assigned_instance_url_check" },
		{ "UPDATE whatsapp_accounts SET secrets = #::bytea", 65536, "whatsapp_accounts_secrets_check" },
		{ "UPDATE whatsapp_accounts SET metadata = jsonb_build_object('a', #)", 65527,
			"whatsapp_accounts_metadata_check" },
		{ "UPDATE workspaces SET name = #", 400, "workspaces_name_check" },
		{ "UPDATE workspaces SET settings = jsonb_build_object('a', #)", 65527, "workspaces_settings_check" },
		{ "UPDATE users SET name = #", 400, "users_name_check" },
		{ "UPDATE users SET email = #", 320, "users_email_check" },
		{ "UPDATE provider_apps SET name = #", 400, "provider_apps_name_check" },
		{ "UPDATE provider_apps SET secrets = #::bytea", 65536, "provider_apps_secrets_check" },
		{ "UPDATE webhook_endpoints SET name = #", 400, "webhook_endpoints_name_check" },
		{ "UPDATE webhook_endpoints SET url = #", 2000, "webhook_endpoints_url_check" },
		{ "UPDATE webhook_endpoints SET secrets = #::bytea", 65536, "webhook_endpoints_secrets_check" },
		{ "UPDATE webhook_endpoints SET api_version = #", 20, "webhook_endpoints_api_version_check" },
		{ "UPDATE webhook_endpoints SET event_types = ARRAY['a.' || #]", 4094,
			"webhook_endpoints_event_types_check" },
		{ "UPDATE webhook_replays SET event_types = ARRAY['a.' || #]", 4094,
			"webhook_replays_event_types_check" },
		{ "UPDATE webhook_endpoints SET headers = jsonb_build_object('X-A', #)", 2000,
			"webhook_endpoints_headers_are_plain" },
		{ "UPDATE webhook_endpoints SET headers = jsonb_build_object(#, '')", 100,
			"webhook_endpoints_headers_are_plain" },
		{ "UPDATE contact_groups SET name = #", 400, "contact_groups_name_check" },
		{ "UPDATE campaigns SET name = #", 400, "campaigns_name_check" },
		{ "UPDATE campaigns SET message_content = #", 65536, "campaigns_message_content_check" },
		{ "UPDATE campaigns SET header_text = #", 65536, "campaigns_header_text_check" },
		{ "UPDATE campaigns SET body_text = #", 65536, "campaigns_body_text_check" },
		{ "UPDATE campaigns SET footer_text = #", 65536, "campaigns_footer_text_check" },
		{ "UPDATE campaigns SET audience = jsonb_build_object('a', #)", 65527, "campaigns_audience_check" },
		{ "UPDATE campaigns SET metadata = jsonb_build_object('a', #)", 65527, "campaigns_metadata_check" },
		{ "UPDATE campaigns SET header_media = jsonb_build_object('a', #)", 65527,
			"campaigns_header_media_check" },
		{ "UPDATE campaigns SET buttons_data = jsonb_build_object('a', #)", 65527,
			"campaigns_buttons_data_check" },
		{ "UPDATE campaigns SET template_parameters = jsonb_build_object('a', #)", 65527,
			"campaigns_template_parameters_check" },
		{ "UPDATE sends SET address = #", 520, "sends_address_check" },
	};
	static const char where[] = " WHERE %s = 1";
	char sql[400];

	(void)state;
	db_script("INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) VALUES (1, 1, 'u', '');"
		  "INSERT INTO webhook_replays (workspace_id, id, endpoint_id, since) VALUES (1, 1, 1, now());"
		  "INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 1, 'g');"
		  "INSERT INTO campaigns (workspace_id, id, name, campaign_type) VALUES (1, 1, 'c', 'instant');"
		  "INSERT INTO sends (workspace_id, id, address) VALUES (1, 1, '62811')");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int more = 0; more <= 1; more++) {
			const char *hole = strchr(cases[i].sql, '#');

			snprintf(sql, sizeof(sql), "%.*srepeat('a', %d)%s", (int)(hole - cases[i].sql), cases[i].sql,
				cases[i].bytes + more, hole + 1);
			snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), where, "id");
			assert_string_equal(refused_by(db.admin, sql), more ? cases[i].refused : "");
		}
	execute(db.admin,
		"UPDATE whatsapp_accounts SET session_id = 's1', provider_ref = NULL, phone_number_id = NULL, waba_id = NULL,"
		" assigned_instance_url = NULL, secrets = NULL, metadata = '{}' WHERE id = 1");
	execute(db.admin, "UPDATE workspaces SET name = 'one', settings = '{}' WHERE id = 1");
}

static void a_session_is_not_named_like_a_public_id(void **state)
{
	static const struct {
		const char *id, *refused;
	} cases[] = {
		{ "00000000-0000-4000-8000-000000000011", "whatsapp_accounts_session_is_no_uuid" },
		{ "00000000-0000-4000-8000-00000000ABCD", "whatsapp_accounts_session_is_no_uuid" },
		{ "ffffffff-ffff-ffff-ffff-ffffffffffff", "whatsapp_accounts_session_is_no_uuid" },
		{ "", "whatsapp_accounts_session_id_check" },
		{ "acme-00000000-0000-4000-8000-000000000011", "" },
		{ "6281234567890", "" },
	};
	char sql[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE whatsapp_accounts SET session_id = '%s' WHERE id = 1", cases[i].id);
		assert_string_equal(refused_by(db.admin, sql), cases[i].refused);
	}
	execute(db.admin, "UPDATE whatsapp_accounts SET session_id = 's1' WHERE id = 1");
}

static void headers_of_an_endpoint_are_plain_and_not_reserved(void **state)
{
	static const struct {
		const char *headers;
		bool plain;
	} cases[] = {
		{ "{}", true },
		{ "{\"X-Api-Key\": \"s3cret\", \"Authorization\": \"Bearer a.b-c_d~e+f/g==\"}", true },
		{ "{\"X-A\": \"\"}", true },
		{ "{\"X-A\": \"caf\xc3\xa9\"}", true },
		{ "{\"!#$%&'*+-.^_`|~09azAZ\": \"1\"}", true },
		{ "{\"X-A\": \"1\\r\\nContent-Length: 0\"}", false },
		{ "{\"X-A\": \"1\\n\"}", false },
		{ "{\"X-A\": \"1\\u0001\"}", false },
		{ "{\"X-A\": \"1\\t\"}", false },
		{ "{\"X-A\": \"1\\u007f\"}", false },
		{ "{\"X-A\": \"1\\u0085\"}", false },
		{ "{\"X-A\\r\\n\": \"1\"}", false },
		{ "{\"X A\": \"1\"}", false },
		{ "{\"X:A\": \"1\"}", false },
		{ "{\"caf\xc3\xa9\": \"1\"}", false },
		{ "{\"\": \"1\"}", false },
		{ "{\"X-A\": 1}", false },
		{ "{\"X-A\": null}", false },
		{ "{\"X-A\": [\"1\"]}", false },
		{ "{\"X-A\": \"1\", \"x-a\": \"2\"}", false },
		{ "[\"X-A\"]", false },
		{ "{\"Host\": \"a\"}", false },
		{ "{\"CONTENT-LENGTH\": \"0\"}", false },
		{ "{\"Content-Type\": \"a\"}", false },
		{ "{\"content-encoding\": \"gzip\"}", false },
		{ "{\"Transfer-Encoding\": \"chunked\"}", false },
		{ "{\"Connection\": \"close\"}", false },
		{ "{\"Keep-Alive\": \"a\"}", false },
		{ "{\"Proxy-Connection\": \"a\"}", false },
		{ "{\"TE\": \"trailers\"}", false },
		{ "{\"Trailer\": \"a\"}", false },
		{ "{\"Upgrade\": \"h2c\"}", false },
		{ "{\"Expect\": \"100-continue\"}", false },
		{ "{\"User-Agent\": \"a\"}", false },
		{ "{\"traceparent\": \"a\"}", false },
		{ "{\"tracestate\": \"a\"}", false },
		{ "{\"Proxy-Authorization\": \"a\"}", false },
		{ "{\"Proxy-Authenticate\": \"a\"}", false },
		{ "{\"HTTP2-Settings\": \"a\"}", false },
		{ "{\"Content-Range\": \"a\"}", false },
		{ "{\"Date\": \"a\"}", false },
		{ "{\"X-WhatsApp-Signature\": \"a\"}", false },
		{ "{\"webhook-id\": \"a\"}", false },
		{ "{\"Webhook-Signature\": \"a\"}", false },
	};
	char sql[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *refused;

		snprintf(sql, sizeof(sql),
			"INSERT INTO webhook_endpoints (workspace_id, url, secrets, headers) VALUES (1, 'u', '', $h$%s$h$)",
			cases[i].headers);
		refused = refused_by(db.admin, sql);
		if (strcmp(refused, cases[i].plain ? "" : "webhook_endpoints_headers_are_plain") != 0)
			fail_msg("%s: %s", cases[i].headers, refused);
	}
	for (int n = 32; n <= 33; n++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO webhook_endpoints (workspace_id, url, secrets, headers) SELECT 1, 'u', '',"
			" jsonb_object_agg('X-' || g, '') FROM generate_series(1, %d) g",
			n);
		assert_string_equal(refused_by(db.admin, sql), n == 32 ? "" : "webhook_endpoints_headers_are_plain");
	}
}

static void a_url_has_no_white_space_or_control_character(void **state)
{
	static const char *const urls[] = { "https://a/ b", "https://a/\tb", "https://a/\nb", "https://a/\rb",
		"https://a/\x7f", "https://a/\xc2\x85" };
	char sql[200];

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO webhook_endpoints (workspace_id, url, secrets) VALUES (1, '%s', '')", urls[i]);
		assert_string_equal(refused_by(db.admin, sql), "webhook_endpoints_url_check");
	}
}

/* One after the other: "" when the statement passes, else the constraint that refuses it. */
static void a_message_to_send_is_claimed_once_and_is_due_somewhere(void **state)
{
	static const struct {
		const char *sql, *refused;
	} cases[] = {
		{ "INSERT INTO sends (workspace_id, campaign_id, segment, address) VALUES (1, 1, 0, '62811')", "" },
		{ "INSERT INTO sends (workspace_id, campaign_id, segment, address) VALUES (1, 1, 1, '62811')",
			"sends_recipient" },
		{ "INSERT INTO sends (workspace_id, campaign_id, segment, address) VALUES (1, 2, 0, '62811')", "" },
		{ "INSERT INTO sends (workspace_id, campaign_id, segment, address) VALUES (2, 1, 0, '62811')",
			"sends_workspace_id_campaign_id_fkey" }, /* another workspace's */
		{ "INSERT INTO sends (workspace_id, request_id, address) VALUES (1, '00000000-0000-4000-8000-000000000f01', 'a')",
			"" },
		{ "INSERT INTO sends (workspace_id, request_id, address) VALUES (1, '00000000-0000-4000-8000-000000000f01', 'b')",
			"sends_request" },
		{ "INSERT INTO sends (workspace_id, request_id, address) VALUES (2, '00000000-0000-4000-8000-000000000f01', 'b')",
			"" },
		{ "INSERT INTO sends (workspace_id, campaign_id, address) VALUES (1, 1, 'c')", "sends_check" },
		{ "INSERT INTO sends (workspace_id, campaign_id, segment, request_id, address) VALUES (1, 1, 0, gen_random_uuid(), 'c')",
			"sends_check1" },
		{ "INSERT INTO sends (workspace_id, address, next_attempt_at) VALUES (1, 'd', now())", "sends_check2" },
		{ "INSERT INTO sends (workspace_id, address, account_id, status, next_attempt_at) VALUES (1, 'd', 1, 'sent', now())",
			"sends_check2" },
		{ "INSERT INTO sends (workspace_id, address, account_id, status, next_attempt_at) VALUES (1, 'd', 1, 'unknown', now())",
			"" },
		{ "INSERT INTO sends (workspace_id, address) VALUES (1, '')", "sends_address_check" },
		{ "INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (1, 1, repeat('a', 521))",
			"contact_group_members_address_check" },
		{ "INSERT INTO contact_group_members (workspace_id, group_id, address, variables) VALUES (1, 1, 'a',"
		  " jsonb_build_object('a', repeat('a', 16376)))",
			"contact_group_members_variables_check" },
		{ "INSERT INTO contact_group_members (workspace_id, group_id, address, variables) VALUES (1, 1, 'a',"
		  " jsonb_build_object('a', repeat('a', 16375)))",
			"" },
		{ "INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (2, 1, 'a')",
			"contact_group_members_workspace_id_group_id_fkey" },
	};

	(void)state;
	db_script(
		"INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 1, 'g');"
		"INSERT INTO campaigns (workspace_id, id, name, campaign_type) VALUES (1, 1, 'c', 'instant'), (1, 2, 'c', 'instant')");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *refused = refused_by(db.admin, cases[i].sql);

		if (strcmp(refused, cases[i].refused) != 0)
			fail_msg("%s: %s", cases[i].sql, refused);
	}
}

/* Which notification a change sends; "": none. */
static const char *notified(struct pg *listener, const char *sql)
{
	struct str channel, payload;
	const char *out = "";

	execute(db.admin, sql);
	execute(listener, "SELECT 1");
	while (pg_notification(listener, &channel, &payload, &db.err) > 0)
		out = arena_cstr(db.arena, payload);
	return out;
}

static void only_changes_of_cached_columns_are_notified(void **state)
{
	static const struct {
		const char *sql, *told;
	} cases[] = {
		{ "UPDATE workspaces SET settings = settings, deleted_at = deleted_at WHERE id = 1", "" },
		{ "UPDATE workspaces SET name = 'other' WHERE id = 1", "" },
		{ "UPDATE workspaces SET settings = '{\"default_region\": \"BR\"}' WHERE id = 1",
			"workspaces:00000000-0000-4000-8000-000000000001" },
		{ "UPDATE whatsapp_accounts SET secrets = secrets, session_id = session_id WHERE id = 1", "" },
		{ "UPDATE whatsapp_accounts SET status = 'connected' WHERE id = 1", "" },
		{ "UPDATE whatsapp_accounts SET secrets = '\\x01' WHERE id = 1",
			"whatsapp_accounts:00000000-0000-4000-8000-000000000011" },
		{ "UPDATE provider_apps SET secrets = secrets, deleted_at = deleted_at WHERE id = 5", "" },
		{ "UPDATE provider_apps SET name = 'other' WHERE id = 5", "" },
		{ "UPDATE provider_apps SET secrets = '\\x01' WHERE id = 5",
			"provider_apps:00000000-0000-4000-8000-0000000000b1" },
	};
	struct pg *listener = db_session("blazz_ingest");

	(void)state;
	db_script(
		"INSERT INTO provider_apps (id, uuid, kind, secrets) VALUES (5, '00000000-0000-4000-8000-0000000000b1', 'meta', '');"
		"UPDATE workspaces SET settings = '{}' WHERE id = 1;UPDATE whatsapp_accounts SET secrets = NULL WHERE id = 1");
	execute(listener, "LISTEN blazz_intake");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *told = notified(listener, cases[i].sql);

		if (strcmp(told, cases[i].told) != 0)
			fail_msg("%s: %s", cases[i].sql, told);
	}
	pg_close(&listener);
}

static int start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	gateway = db_session("blazz_gateway");
	return 0;
}

static int stop(void **state)
{
	pg_close(&gateway);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_waba_of_an_app_belongs_to_one_workspace, fresh),
		cmocka_unit_test_setup(a_number_belongs_to_one_live_account, fresh),
		cmocka_unit_test_setup(an_account_uses_only_apps_of_its_workspace_or_the_platform, fresh),
		cmocka_unit_test_setup(a_tenants_role_cannot_claim_another_workspaces_app, fresh),
		cmocka_unit_test_setup(a_session_of_an_instance_is_claimed_once, fresh),
		cmocka_unit_test_setup(a_bridges_name_is_unique_also_without_an_instance, fresh),
		cmocka_unit_test_setup(columns_that_tenants_write_are_bounded, fresh),
		cmocka_unit_test_setup(a_session_is_not_named_like_a_public_id, fresh),
		cmocka_unit_test_setup(headers_of_an_endpoint_are_plain_and_not_reserved, fresh),
		cmocka_unit_test_setup(a_url_has_no_white_space_or_control_character, fresh),
		cmocka_unit_test_setup(a_message_to_send_is_claimed_once_and_is_due_somewhere, fresh),
		cmocka_unit_test_setup(only_changes_of_cached_columns_are_notified, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
