/* The schema as a whole: its version, tenants apart, each role with no more than its own, and the way back. */
#include "unit.h"

#include "db.h"
#include "store/schema.h"

static const char *const roles[] = { "blazz_ingest", "blazz_chat_sync", "blazz_webhook_dispatcher",
	"blazz_campaign_sender", "blazz_cleanup", "blazz_gateway", "blazz_admin", "blazz_ops", "blazz_backup" };

static void every_role_can_read_the_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct pg *pg = db_session(roles[i]);

		done(store_schema_version_check(pg, SCHEMA_VERSION, &db.err));
		done(store_schema_version_check(pg, SCHEMA_VERSION - 1, &db.err));
		assert_failed(store_schema_version_check(pg, SCHEMA_VERSION + 1, &db.err), db.err, ERR_RETRY, "schema");
		pg_close(&pg);
	}
}

static void there_is_one_version(void **state)
{
	(void)state;
	assert_failed(run(db.admin, "INSERT INTO schema_version VALUES (9)", NULL, NULL, &db.err), db.err, ERR_CONFLICT,
		"23505");
}

/* One line for each table, view and sequence, below it who may do what there, and its policies; "blazz_" is left out. */
#define CATALOGUE \
	"WITH relations AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition AND relkind <> 'i')," \
	" acls AS (SELECT oid, relname, relowner, NULL::name AS attname, NULL::smallint AS attnum, relacl AS acl FROM relations UNION ALL" \
	"  SELECT r.oid, relname, relowner, attname, attnum, attacl FROM relations r JOIN pg_attribute ON attrelid = r.oid)," \
	" rights AS (SELECT relname, coalesce(r.rolname, 'PUBLIC') AS role, privilege_type" \
	"  || coalesce(' (' || string_agg(attname, ', ' ORDER BY attnum) || ')', '') AS what FROM acls CROSS JOIN aclexplode(acl) a" \
	"  LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> relowner" \
	"  GROUP BY relname, r.rolname, privilege_type, attname IS NULL)," \
	" lines AS (SELECT relname, 0 AS place, CASE relkind WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname" \
	"  || CASE WHEN relkind NOT IN ('r', 'p') THEN '' WHEN relrowsecurity AND relforcerowsecurity THEN ', row-level security' ELSE ', open' END" \
	"  AS line FROM relations" \
	" UNION ALL SELECT relname, 1, format('  %s: %s', role, string_agg(what, ' ' ORDER BY what COLLATE \"C\")) FROM rights GROUP BY relname, role" \
	" UNION ALL SELECT tablename, 2, format('  policy %s, %s, %s, to %s: %s%s', policyname, lower(permissive), lower(cmd)," \
	"  array_to_string(roles, ' '), qual, coalesce(' / ' || with_check, '')) FROM pg_policies WHERE schemaname = 'public')" \
	" SELECT replace(line, 'blazz_', '') FROM lines ORDER BY relname COLLATE \"C\", place, line COLLATE \"C\""

#define RIGHTS_FILE "tests/unit/store/rights.txt"

/* What a table, role, grant or policy may do is decided when it is added, not found out later. */
static void rights_are_those_that_the_file_lists(void **state)
{
	struct pg_rows *rows = query(db.admin, CATALOGUE, NULL);
	FILE *f = fopen(RIGHTS_FILE, "r");
	char line[2000];

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < pg_rows_count(rows); i++) {
		struct str is = pg_text(rows, i, 0), listed = STR("nothing more");

		if (fgets(line, sizeof(line), f))
			listed = (struct str){ line, strcspn(line, "\n") };
		if (!str_eq(is, listed))
			fail_msg(RIGHTS_FILE ":%d\nlists %.*s\nis    %.*s", i + 1, STR_ARG(listed), STR_ARG(is));
	}
	if (fgets(line, sizeof(line), f))
		fail_msg(RIGHTS_FILE ":%d is not so: %s", pg_rows_count(rows) + 1, line);
	fclose(f);
	pg_rows_free(rows);
}

/* But that of backups, which reads everything and writes nothing. */
static void no_role_is_above_the_rights_or_in_another(void **state)
{
	(void)state;
	assert_text(
		"SELECT coalesce(string_agg(rolname, ' '), 'none') FROM pg_roles WHERE rolname LIKE 'blazz%'"
		" AND (rolsuper OR rolbypassrls AND rolname <> 'blazz_backup' OR rolcreaterole OR rolcreatedb OR rolreplication)",
		"none");
	assert_text(
		"SELECT count(*)::text FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'S') AND c.relnamespace = 'public'::regnamespace"
		" AND (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('blazz_backup', c.oid, 'USAGE, UPDATE')"
		" ELSE has_table_privilege('blazz_backup', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') END)",
		"0");
	assert_text(
		"SELECT string_agg(m.rolname || ' in ' || g.rolname, ', ' ORDER BY m.rolname) FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member"
		" JOIN pg_roles g ON g.oid = a.roleid WHERE m.rolname LIKE 'blazz%'",
		"blazz_admin in blazz_gateway, blazz_backup in pg_read_all_data");
	assert_text(
		"SELECT coalesce(string_agg(c.relname, ' '), 'none') FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
		" WHERE r.rolname LIKE 'blazz%'",
		"none");
}

/* Partitions are reached through their table, under its policy. */
#define TENANT_TABLES \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid" \
	" AND a.attname = 'workspace_id' AND NOT a.attisdropped WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')" \
	" AND NOT c.relispartition"

static void no_tenant_table_is_without_row_level_security(void **state)
{
	(void)state;
	assert_true(db_i64("SELECT count(*)" TENANT_TABLES) >= 33);
	assert_text(
		"SELECT coalesce(string_agg(c.relname, ', '), 'none')" TENANT_TABLES
		" AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname"
		" AND p.policyname = 'tenant' AND p.cmd = 'ALL'))",
		"none");
}

static void no_role_can_access_a_partition_except_through_its_table(void **state)
{
	struct pg *dispatcher = db_session(DISPATCHER);

	(void)state;
	execute(dispatcher, "SELECT day_partitions_maintain('webhook_attempts', 1, 30)");
	pg_close(&dispatcher);
	assert_true(db_i64("SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r'") >= 3);
	assert_text(
		"SELECT coalesce(string_agg(c.relname, ', '), 'none') FROM pg_class c JOIN pg_roles r ON r.rolname LIKE 'blazz%' AND r.rolname <> 'blazz_backup'"
		" WHERE c.relispartition AND c.relkind = 'r' AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')",
		"none");
	assert_text(
		"SELECT coalesce(string_agg(relname, ', '), 'none') FROM pg_class WHERE relispartition AND relkind = 'r'"
		" AND NOT (relrowsecurity AND relforcerowsecurity)",
		"none");
}

static void functions_that_run_as_their_owner_are_few_and_closed(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef",
		"account_primary backfill_step day_partitions_maintain outbox_waiting standby_lag_ms webhook_attempts_maintain"
		" webhook_retry_queue_load whatsapp_accounts_check_app");
	assert_text(
		"SELECT coalesce(string_agg(r.rolname, ' '), 'none') FROM pg_roles r WHERE r.rolname LIKE 'blazz%' AND"
		" has_function_privilege(r.oid, 'whatsapp_accounts_check_app()', 'EXECUTE')",
		"none");
	assert_text("SELECT proconfig::text FROM pg_proc WHERE proname = 'whatsapp_accounts_check_app'",
		"{\"search_path=pg_catalog, pg_temp\"}");
	assert_text(
		"SELECT string_agg(r.rolname, ' ' ORDER BY r.rolname) FROM pg_roles r WHERE r.rolname LIKE 'blazz%' AND"
		" has_function_privilege(r.oid, 'account_primary(bigint, bigint)', 'EXECUTE')",
		"blazz_admin blazz_cleanup blazz_gateway");
	assert_text(
		"SELECT string_agg(r.rolname, ' ' ORDER BY r.rolname) FROM pg_roles r WHERE r.rolname LIKE 'blazz%' AND"
		" has_function_privilege(r.oid, 'standby_lag_ms()', 'EXECUTE')",
		"blazz_cleanup");
	assert_text(
		"SELECT string_agg(DISTINCT r.rolname, ' ') FROM pg_roles r, pg_proc p WHERE r.rolname LIKE 'blazz%'"
		" AND p.proname IN ('backfill_step', 'outbox_waiting') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
		"blazz_cleanup");
	assert_text(
		"SELECT DISTINCT proconfig::text FROM pg_proc WHERE proname IN ('account_primary', 'standby_lag_ms', 'backfill_step',"
		" 'backfill_require', 'outbox_waiting')",
		"{\"search_path=pg_catalog, pg_temp\"}");
	assert_text(
		"SELECT string_agg(DISTINCT r.rolname, ' ') FROM pg_roles r, pg_proc p WHERE r.rolname LIKE 'blazz%'"
		" AND p.proname IN ('day_partitions_maintain', 'webhook_attempts_maintain')"
		" AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
		"blazz_campaign_sender " DISPATCHER);
	assert_text("SELECT string_agg(DISTINCT proconfig::text, ' ') FROM pg_proc"
		    " WHERE proname IN ('day_partitions_maintain', 'webhook_attempts_maintain')",
		"{\"search_path=pg_catalog, pg_temp\",TimeZone=UTC,lock_timeout=2s}");
}

/* A role that has the right to call it does so for its own tables alone. */
static void partitions_by_day_are_maintained_by_the_tables_own_role(void **state)
{
	static const struct {
		const char *sql, *code; /* code NULL: allowed */
	} cases[] = {
		{ "SELECT day_partitions_maintain('webhook_attempts', 1, 30)", "42501" },
		{ "SELECT day_partitions_maintain('chats', 1, 30)", "22023" },
		{ "SELECT day_partitions_maintain('webhook_attempts_20200101', 1, 30)", "22023" },
		{ "SELECT day_partitions_maintain(NULL, 1, 30)", "22023" },
		{ "SET ROLE blazz_webhook_dispatcher", "42501" },
		{ "SELECT webhook_attempts_maintain(1, 30)", "42501" },
	};
	struct pg *sender = db_session("blazz_campaign_sender"), *dispatcher = db_session(DISPATCHER);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (run(sender, cases[i].sql, NULL, NULL, &db.err) == 0)
			fail_msg("%s", cases[i].sql);
		assert_string_equal(db.err.code, cases[i].code);
	}
	execute(db.admin, "SET ROLE blazz_campaign_sender"); /* what counts is the role, not the login */
	assert_int_equal(run(db.admin, cases[0].sql, NULL, NULL, &db.err), -1);
	execute(db.admin, "RESET ROLE");
	execute(dispatcher, cases[0].sql);
	execute(sender, "SELECT day_partitions_maintain('send_attempts', 1, 30)");
	assert_failed(run(dispatcher, "SELECT day_partitions_maintain('send_attempts', 1, 30)", NULL, NULL, &db.err),
		db.err, ERR_RETRY, "42501");
	pg_close(&sender);
	pg_close(&dispatcher);
}

/* They may run beside this one. */
static void the_function_that_earlier_releases_call_still_works(void **state)
{
	struct pg *dispatcher = db_session(DISPATCHER);

	(void)state;
	execute(dispatcher, "SELECT webhook_attempts_maintain(7, 30)");
	execute(dispatcher, "SELECT day_partitions_maintain('webhook_attempts', 8, 30)");
	assert_int_equal(db_i64("SELECT count(*) FROM pg_inherits WHERE inhparent = 'webhook_attempts'::regclass"), 10);
	pg_close(&dispatcher);
}

static void no_view_shows_rows_that_its_reader_may_not_see(void **state)
{
	(void)state;
	assert_text(
		"SELECT coalesce(string_agg(relname, ', '), 'none') FROM pg_class WHERE relkind = 'v'"
		" AND relnamespace = 'public'::regnamespace AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)",
		"none");
}

static void every_key_between_tenant_tables_begins_with_the_workspace(void **state)
{
	(void)state;
	assert_text(
		"SELECT coalesce(string_agg(k.conname, ', '), 'none') FROM pg_constraint k WHERE k.contype = 'f'"
		" AND k.conrelid IN (SELECT c.oid" TENANT_TABLES ") AND k.confrelid IN (SELECT c.oid" TENANT_TABLES ")"
		" AND k.confrelid <> 'provider_apps'::regclass" /* one app serves many workspaces */
		" AND ((SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1]) <> 'workspace_id'"
		" OR (SELECT attname FROM pg_attribute WHERE attrelid = k.confrelid AND attnum = k.confkey[1]) <> 'workspace_id')",
		"none");
}

static void only_names_received_without_a_workspace_are_unique_across_workspaces(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(i.indexrelid::regclass::text, ' ' ORDER BY i.indexrelid::regclass::text COLLATE \"C\") FROM pg_index i"
		" WHERE i.indisunique AND i.indrelid IN (SELECT c.oid" TENANT_TABLES ") AND 'workspace_id' <>"
		" (SELECT attname FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = i.indkey[0])",
		"provider_apps_pkey provider_apps_uuid_key webhook_endpoints_uuid_key webhook_replays_uuid_key whatsapp_accounts_phone_number_id"
		" whatsapp_accounts_provider_ref whatsapp_accounts_session_id_key whatsapp_accounts_session_name"
		" whatsapp_accounts_uuid_key");
}

/* Something of both workspaces in every table that a tenant may see. */
#define BOTH \
	"INSERT INTO provider_apps (workspace_id, kind, secrets) VALUES (1, 'meta', ''), (2, 'meta', ''), (NULL, 'meta', '');" \
	"INSERT INTO users (workspace_id, name, email, role) VALUES (1, 'b', 'b', 'agent'), (2, 'b', 'b', 'agent');" \
	"INSERT INTO account_qr (workspace_id, account_id, code, expires_at) VALUES (1, 1, '', now()), (2, 3, '', now());" \
	"INSERT INTO account_control (workspace_id, account_id) VALUES (1, 1), (2, 3);" \
	"INSERT INTO session_cleanup_logs (workspace_id, account_id, cleanup_type, reason) VALUES (1, 1, 'manual', 'manual_request')," \
	" (2, 3, 'manual', 'manual_request');" \
	"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs'), (2, 20, 'webjs');" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 10, 'lid', '1'), (2, 20, 'lid', '1');" \
	"INSERT INTO contact_former_aliases (workspace_id, contact_id, kind, value, until) VALUES (1, 10, 'lid', '2', now())," \
	" (2, 20, 'lid', '2', now());" \
	"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'x', now()), (2, 20, 'x', now());" \
	"INSERT INTO whatsapp_groups (workspace_id, group_jid, name) VALUES (1, 'g', 'g'), (2, 'g', 'g');" \
	"INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language) VALUES (1, 1, 't', 't', 'id'), (2, 3, 't', 't', 'id');" \
	"INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 100, 1, 10), (2, 200, 3, 20);" \
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata," \
	" sent_at) VALUES (1, 1, 1, 100, 'k', 'inbound', 'text', 'read', 'live', '{}', now()), (2, 2, 3, 200, 'k', 'inbound', 'text', 'read'," \
	" 'live', '{}', now());" \
	"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) VALUES (1, 1, 'p', 'read', now()), (2, 2, 'p', 'read', now());" \
	"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) VALUES (1, 1, 'p', 'x', now()), (2, 2, 'p', 'x', now());" \
	"INSERT INTO chat_media (workspace_id, chat_id) VALUES (1, 1), (2, 2);" \
	"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index) VALUES (1, 1, 's', 0), (2, 3, 's', 0);" \
	"INSERT INTO webhook_endpoints (workspace_id, id, url, secrets) VALUES (1, 1, 'u', ''), (2, 2, 'u', '');" \
	"INSERT INTO webhook_replays (workspace_id, endpoint_id, since) VALUES (1, 1, now()), (2, 2, now());" \
	"INSERT INTO webhook_positions (workspace_id, endpoint_id, topic, partition, next_offset) VALUES (1, 1, 't', 0, 1), (2, 2, 't', 0, 1);" \
	"INSERT INTO webhook_retry_queue (workspace_id, endpoint_id, event_id, event_type, url, source_partition, source_offset," \
	" source_timestamp_ms, max_retries, next_retry_at, status) SELECT g, g, gen_random_uuid(), 't', 'u', 0, 1, 1, 1, now(), 'pending'" \
	" FROM generate_series(1, 2) g;" \
	"SELECT day_partitions_maintain('webhook_attempts', 1, 30);" \
	"INSERT INTO webhook_attempts (workspace_id, endpoint_id, event_id, event_type, chat_id, attempt, outcome, at) SELECT g, g," \
	" gen_random_uuid(), 'message.created', 1, 1, 'success', now() FROM generate_series(1, 2) g;" \
	"INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 1, 'g'), (2, 2, 'g');" \
	"INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (1, 1, '62811'), (2, 2, '62811');" \
	"INSERT INTO campaigns (workspace_id, id, name, campaign_type) VALUES (1, 1, 'c', 'instant'), (2, 2, 'c', 'instant');" \
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) VALUES (1, 1, 0, 1, 0), (2, 2, 0, 3, 0);" \
	"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot) VALUES (1, 1, 'lane', 0), (2, 2, 'lane', 0);" \
	"INSERT INTO sends (workspace_id, campaign_id, segment, address) VALUES (1, 1, 0, '62811'), (2, 2, 0, '62811');" \
	"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 0), (2, 3, 0);" \
	"SELECT day_partitions_maintain('send_attempts', 1, 30);" \
	"INSERT INTO send_attempts (workspace_id, send_id, account_id, generation, attempt, class, at) VALUES (1, 1, 1, 0, 1, 'unknown', now())," \
	" (2, 2, 3, 0, 1, 'unknown', now())"

static void a_tenant_sees_its_own_rows_and_no_others(void **state)
{
	struct pg *gateway = db_session("blazz_gateway");
	struct pg_rows *tables;

	db_empty(state);
	db_script(BOTH);
	tables = query(db.admin,
		"SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped"
		" AND a.attname = CASE c.relname WHEN 'workspaces' THEN 'id' ELSE 'workspace_id' END"
		" WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')"
		" AND has_table_privilege('blazz_gateway', c.oid, 'SELECT')",
		NULL);
	assert_true(pg_rows_count(tables) >= 33);
	for (int i = 0; i < pg_rows_count(tables); i++) {
		struct str name = pg_text(tables, i, 0), column = pg_text(tables, i, 1);
		char all[200], foreign[200];

		snprintf(all, sizeof(all), "SELECT count(*) FROM %.*s", STR_ARG(name));
		snprintf(foreign, sizeof(foreign), "SELECT count(*) FROM %.*s WHERE %.*s IS DISTINCT FROM 1",
			STR_ARG(name), STR_ARG(column));
		execute(gateway, "SELECT set_config('blazz.workspace_id', '', false)");
		if (query_i64(gateway, all) != 0)
			fail_msg("%.*s without a workspace", STR_ARG(name));
		execute(gateway, "SELECT set_config('blazz.workspace_id', '1', false)");
		if (query_i64(gateway, all) == 0 || query_i64(gateway, foreign) != 0)
			fail_msg("%.*s of another workspace", STR_ARG(name));
		if (db_i64(foreign) == 0)
			fail_msg("%.*s: nothing to hide", STR_ARG(name));
	}
	pg_rows_free(tables);
	pg_close(&gateway);
}

static void a_tenant_cannot_write_into_another_workspace(void **state)
{
	struct pg *gateway = db_session("blazz_gateway");

	(void)state;
	execute(gateway, "SELECT set_config('blazz.workspace_id', '1', false)");
	execute(gateway, "INSERT INTO users (workspace_id, name, email, role) VALUES (1, 'c', 'c', 'agent')");
	assert_failed(run(gateway, "INSERT INTO users (workspace_id, name, email, role) VALUES (2, 'c', 'c', 'agent')",
			      NULL, NULL, &db.err),
		db.err, ERR_RETRY, "42501");
	execute(gateway, "UPDATE users SET name = 'stolen' WHERE workspace_id = 2");
	assert_int_equal(db_i64("SELECT count(*) FROM users WHERE name = 'stolen'"), 0);
	pg_close(&gateway);
}

/* Rows of every producer and consumer, written as superuser. */
static int two_writers(void **state)
{
	db_empty(state);
	db_script(
		"INSERT INTO outbox (producer, slot, epoch, seq, records) SELECT name, 0, 1, 1, '' FROM"
		" unnest('{chat-sync,webhook-dispatcher,campaign-sender,cleanup,other}'::text[]) AS name;"
		"INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch) SELECT name, 't', 0, 'c', 1 FROM"
		" unnest('{chat-sync,webhook-dispatcher,campaign-sender,cleanup,other}'::text[]) AS name");
	return 0;
}

#define DENIED (-1)

/* How many of the five rows a role sees, may change and may delete (DENIED: no such right), and whether it may insert one of its own, and
 * one of another. */
static const struct {
	const char *role, *own, *table, *name;
	int seen, updated, deleted;
	bool inserts_own, inserts_other;
} writers[] = {
	{ "blazz_chat_sync", "chat-sync", "outbox", "producer", 1, DENIED, 1, true, false },
	{ "blazz_webhook_dispatcher", "webhook-dispatcher", "outbox", "producer", 1, DENIED, 1, true, false },
	{ "blazz_campaign_sender", "campaign-sender", "outbox", "producer", 1, DENIED, 1, true, false },
	{ "blazz_cleanup", "cleanup", "outbox", "producer", 1, DENIED, 1, true, false },
	{ "blazz_ops", "ops", "outbox", "producer", 5, DENIED, 5, false, false },
	{ "blazz_ingest", "ingest", "outbox", "producer", DENIED, DENIED, DENIED, false, false },
	{ "blazz_gateway", "gateway", "outbox", "producer", DENIED, DENIED, DENIED, false, false },
	{ "blazz_admin", "admin", "outbox", "producer", DENIED, DENIED, DENIED, false, false },
	{ "blazz_chat_sync", "chat-sync", "consumer_progress", "consumer", 1, 1, DENIED, true, false },
	{ "blazz_webhook_dispatcher", "webhook-dispatcher", "consumer_progress", "consumer", 1, 1, DENIED, true,
		false },
	{ "blazz_campaign_sender", "campaign-sender", "consumer_progress", "consumer", 1, 1, DENIED, true, false },
	{ "blazz_cleanup", "cleanup", "consumer_progress", "consumer", 5, DENIED, DENIED, false, false },
	{ "blazz_ops", "ops", "consumer_progress", "consumer", 5, 5, 5, true, true },
	{ "blazz_ingest", "ingest", "consumer_progress", "consumer", DENIED, DENIED, DENIED, false, false },
	{ "blazz_gateway", "gateway", "consumer_progress", "consumer", DENIED, DENIED, DENIED, false, false },
	{ "blazz_admin", "admin", "consumer_progress", "consumer", DENIED, DENIED, DENIED, false, false },
};

/* Rows that a statement read or changed, in a transaction that is rolled back; DENIED: by rights or policy. */
static int rows_reached(struct pg *pg, const char *sql)
{
	struct pg_rows *rows = NULL;
	int n = DENIED;

	done(pg_begin(pg, &db.err));
	if (run(pg, sql, NULL, &rows, &db.err) == 0)
		n = pg_rows_count(rows);
	else
		assert_string_equal(db.err.code, "42501");
	pg_rows_free(rows);
	pg_rollback(pg);
	return n;
}

static bool inserts(struct pg *pg, const char *table, const char *name)
{
	char sql[300];

	snprintf(sql, sizeof(sql),
		strcmp(table, "outbox") == 0
			? "INSERT INTO outbox (producer, slot, epoch, seq, records) VALUES ('%s', 9, 9, 9, '') RETURNING 1"
			: "INSERT INTO consumer_progress (consumer, topic, partition, cluster_id, epoch) VALUES ('%s', 't', 9, 'c', 9) RETURNING 1",
		name);
	return rows_reached(pg, sql) == 1;
}

static void each_service_reaches_its_own_rows_of_outbox_and_progress_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		struct pg *pg = db_session(writers[i].role);
		char sql[200];

		execute(pg, "SELECT set_config('blazz.workspace_id', '1', false)");
		snprintf(sql, sizeof(sql), "SELECT 1 FROM %s", writers[i].table);
		assert_int_equal(rows_reached(pg, sql), writers[i].seen);
		snprintf(sql, sizeof(sql), "UPDATE %s SET epoch = 2 RETURNING 1", writers[i].table);
		assert_int_equal(rows_reached(pg, sql), writers[i].updated);
		snprintf(sql, sizeof(sql), "DELETE FROM %s RETURNING 1", writers[i].table);
		assert_int_equal(rows_reached(pg, sql), writers[i].deleted);
		assert_int_equal(inserts(pg, writers[i].table, writers[i].own), writers[i].inserts_own);
		assert_int_equal(inserts(pg, writers[i].table, "another"), writers[i].inserts_other);
		pg_close(&pg);
	}
}

static void no_row_is_handed_to_another_consumer(void **state)
{
	struct pg *pg = db_session(CHAT_SYNC);

	(void)state;
	assert_int_equal(rows_reached(pg, "UPDATE consumer_progress SET consumer = 'another' RETURNING 1"), DENIED);
	pg_close(&pg);
}

static void services_that_serve_all_tenants_see_all(void **state)
{
	(void)state;
	assert_int_equal(query_i64(db.pg, "SELECT count(DISTINCT workspace_id) FROM chats"), 2);
}

static void each_role_has_its_listed_rights_only(void **state)
{
	static const struct {
		const char *role, *what;
		bool allowed;
	} cases[] = {
		{ "blazz_chat_sync", "INSERT INTO chats", true },
		{ "blazz_chat_sync", "SELECT (secrets) whatsapp_accounts", false },
		{ "blazz_chat_sync", "SELECT (session_data) whatsapp_accounts", false },
		{ "blazz_chat_sync", "SELECT INTO provider_apps", false },
		{ "blazz_chat_sync", "SELECT INTO account_qr", false },
		{ "blazz_chat_sync", "UPDATE (status) whatsapp_accounts", true },
		{ "blazz_chat_sync", "UPDATE (desired_state) whatsapp_accounts", false },
		{ "blazz_chat_sync", "UPDATE (health_score) whatsapp_accounts", false },
		{ "blazz_chat_sync", "DELETE INTO contacts", false },
		{ "blazz_chat_sync", "DELETE INTO conversations", true },
		{ "blazz_ingest", "SELECT (secrets) whatsapp_accounts", true },
		{ "blazz_ingest", "SELECT (session_data) whatsapp_accounts", false },
		{ "blazz_ingest", "INSERT INTO account_qr", true },
		{ "blazz_ingest", "UPDATE INTO whatsapp_accounts", false },
		{ "blazz_ingest", "INSERT INTO chats", false },
		{ "blazz_ingest", "SELECT INTO chats", false },
		{ "blazz_ingest", "INSERT INTO outbox", false },
		{ "blazz_ingest", "SELECT INTO contacts", false },
		{ "blazz_gateway", "SELECT INTO chats", true },
		{ "blazz_gateway", "INSERT INTO chats", false },
		{ "blazz_gateway", "UPDATE INTO conversations", false },
		{ "blazz_gateway", "UPDATE (status) whatsapp_accounts", false },
		{ "blazz_gateway", "UPDATE (desired_state) whatsapp_accounts", true },
		{ "blazz_ops", "DELETE INTO outbox", true },
		{ "blazz_ops", "SELECT (secrets) whatsapp_accounts", false },
		{ "blazz_ops", "SELECT INTO provider_apps", false },
		{ "blazz_ops", "INSERT INTO chats", false },
		{ "blazz_webhook_dispatcher", "SELECT INTO chats", false },
		{ "blazz_webhook_dispatcher", "SELECT (secrets) webhook_endpoints", true },
		{ "blazz_webhook_dispatcher", "UPDATE (state) webhook_endpoints", true },
		{ "blazz_webhook_dispatcher", "UPDATE (url) webhook_endpoints", false },
		{ "blazz_webhook_dispatcher", "UPDATE (enabled) webhook_endpoints", false },
		{ "blazz_webhook_dispatcher", "INSERT INTO webhook_endpoints", false },
		{ "blazz_webhook_dispatcher", "INSERT INTO webhook_attempts", true },
		{ "blazz_webhook_dispatcher", "SELECT INTO webhook_attempts", false },
		{ "blazz_webhook_dispatcher", "SELECT (name) workspaces", false },
		{ "blazz_gateway", "UPDATE (enabled) webhook_endpoints", true },
		{ "blazz_gateway", "UPDATE (state) webhook_endpoints", false },
		{ "blazz_gateway", "INSERT (disabled_at) webhook_endpoints", false },
		{ "blazz_gateway", "UPDATE INTO webhook_retry_queue", false },
		{ "blazz_gateway", "INSERT INTO webhook_positions", false },
		{ "blazz_gateway", "UPDATE (cancelled_at) webhook_replays", true },
		{ "blazz_gateway", "INSERT (completed_at) webhook_replays", false },
		{ "blazz_webhook_dispatcher", "UPDATE (completed_at) webhook_replays", true },
		{ "blazz_webhook_dispatcher", "UPDATE (cancelled_at) webhook_replays", false },
		{ "blazz_webhook_dispatcher", "INSERT INTO webhook_replays", false },
		{ "blazz_ops", "SELECT (url) webhook_endpoints", true },
		{ "blazz_ops", "SELECT (secrets) webhook_endpoints", false },
		{ "blazz_ops", "SELECT (headers) webhook_endpoints", false },
		{ "blazz_ops", "UPDATE (next_retry_at) webhook_retry_queue", true },
		{ "blazz_ops", "UPDATE (payload) webhook_retry_queue", false },
		{ "blazz_ops", "DELETE INTO webhook_attempts", false },
		{ "blazz_chat_sync", "SELECT INTO webhook_retry_queue", false },
		{ "blazz_campaign_sender", "INSERT INTO chats", false },
		{ "blazz_campaign_sender", "SELECT (secrets) whatsapp_accounts", true },
		{ "blazz_campaign_sender", "SELECT (session_data) whatsapp_accounts", false },
		{ "blazz_campaign_sender", "UPDATE (status) whatsapp_accounts", false },
		{ "blazz_campaign_sender", "UPDATE (status) campaigns", true },
		{ "blazz_campaign_sender", "UPDATE (audience) campaigns", false },
		{ "blazz_campaign_sender", "INSERT INTO campaigns", false },
		{ "blazz_campaign_sender", "INSERT INTO contact_group_members", false },
		{ "blazz_campaign_sender", "DELETE INTO sends", false },
		{ "blazz_gateway", "UPDATE (audience) campaigns", true },
		{ "blazz_gateway", "UPDATE (status) campaigns", false },
		{ "blazz_gateway", "INSERT (status) campaigns", false },
		{ "blazz_gateway", "INSERT INTO sends", false },
		{ "blazz_gateway", "UPDATE (held_at) send_lanes", false },
		{ "blazz_chat_sync", "SELECT INTO sends", false },
		{ "blazz_ops", "SELECT INTO sends", true },
		{ "blazz_ops", "UPDATE (status) sends", false },
		{ "blazz_cleanup", "UPDATE (assigned_instance_url) whatsapp_accounts", true },
		{ "blazz_cleanup", "UPDATE (deleted_at) whatsapp_accounts", true },
		{ "blazz_cleanup", "UPDATE (desired_state) whatsapp_accounts", false },
		{ "blazz_cleanup", "UPDATE (status) whatsapp_accounts", false },
		{ "blazz_cleanup", "UPDATE (state) instances", true },
		{ "blazz_cleanup", "UPDATE (desired) instances", false },
		{ "blazz_cleanup", "INSERT INTO instances", false },
		{ "blazz_cleanup", "SELECT INTO chats", true },
		{ "blazz_chat_sync", "SELECT INTO account_control", false },
		{ "blazz_gateway", "UPDATE (move_to) whatsapp_accounts", true },
		{ "blazz_gateway", "UPDATE INTO account_control", false },
		{ "blazz_gateway", "SELECT (secrets) instances", false },
		{ "blazz_admin", "UPDATE (desired) instances", true },
		{ "blazz_admin", "UPDATE (state) instances", false },
		{ "blazz_admin", "UPDATE (kind) instances", false },
		{ "blazz_admin", "DELETE INTO instances", false },
		{ "blazz_admin", "UPDATE INTO account_control", false },
		{ "blazz_ops", "SELECT (secrets) instances", false },
		{ "blazz_admin", "INSERT INTO workspaces", true },
		{ "blazz_admin", "INSERT INTO chats", false },
		{ "blazz_admin", "INSERT (assigned_instance_url) whatsapp_accounts", true },
		{ "blazz_gateway", "INSERT (assigned_instance_url) whatsapp_accounts", false },
		{ "blazz_gateway", "UPDATE (workspace_id) provider_apps", false },
		{ "public", "SELECT INTO chats", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char privilege[20], part[40], table[40], sql[200];
		struct pg_rows *rows;

		assert_int_equal(sscanf(cases[i].what, "%19s %39s %39s", privilege, part, table), 3);
		if (part[0] == '(') {
			part[strlen(part) - 1] = '\0';
			snprintf(sql, sizeof(sql), "SELECT has_column_privilege('%s', '%s', '%s', '%s')", cases[i].role,
				table, part + 1, privilege);
		} else {
			snprintf(sql, sizeof(sql), "SELECT has_table_privilege('%s', '%s', '%s')", cases[i].role, table,
				privilege);
		}
		rows = query(db.admin, sql, NULL);
		if (pg_bool(rows, 0, 0) != cases[i].allowed)
			fail_msg("%s: %s", cases[i].role, cases[i].what);
		pg_rows_free(rows);
	}
}

static void only_chat_sync_writes_messages_and_cleanup_deletes_them(void **state)
{
	(void)state;
	assert_text(
		"SELECT string_agg(DISTINCT privilege_type, ' ') FROM information_schema.role_table_grants WHERE grantee = 'blazz_cleanup'"
		" AND table_name IN ('chats', 'conversations', 'contacts') AND privilege_type <> 'SELECT'",
		"DELETE");
	assert_text(
		"SELECT string_agg(DISTINCT grantee, ' ') FROM information_schema.role_table_grants WHERE table_name IN ('chats',"
		" 'conversations', 'contacts') AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE') AND grantee NOT IN ('postgres', 'blazz_cleanup')",
		"blazz_chat_sync");
}

/* Runs sqitch in db/ against the database; 0 when it succeeded. */
static int db_sqitch(const char *command)
{
	char shell[700];
	const char *host = strstr(pg_temp_conninfo(), "host="), *port = strstr(pg_temp_conninfo(), "port=");

	snprintf(shell, sizeof(shell), "cd db && PGHOST=%.*s PGPORT=%.*s PGUSER=postgres sqitch %s db:pg:%s >/dev/null",
		(int)strcspn(host + 5, " "), host + 5, (int)strcspn(port + 5, " "), port + 5, command,
		strrchr(pg_temp_conninfo(), '=') + 1);
	return system(shell) == 0 ? 0 : -1;
}

/* No release from before could finish it. */
static void a_migration_with_pending_renames_is_not_reverted(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs');"
		"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition) VALUES (1, '62811', 10, 't', 0)");
	assert_int_equal(db_sqitch("revert -y --to topics 2>/dev/null"), -1);
	assert_int_equal(db_i64("SELECT version FROM schema_version"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM sender_renames"), 1);
	assert_int_equal(db_sqitch("deploy --verify"), 0);
}

/* The last test: it leaves an empty database behind, and a full one. */
static void a_reverted_migration_can_be_deployed_again(void **state)
{
	(void)state;
	pg_close(&db.pg);
	execute(db.admin, "DROP DATABASE blazz_template"); /* else the roles stay, as those of another database */
	assert_int_equal(db_sqitch("revert -y"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'blazz%'"), 0);
	assert_int_equal(db_sqitch("deploy --verify"), 0);
	db.pg = db_session(CHAT_SYNC);
	done(store_schema_version_check(db.pg, SCHEMA_VERSION, &db.err));
}

static int start(void **state)
{
	unsetenv("BLAZZ_TEST_PG"); /* what is reverted are roles, too, which are the whole server's */
	return db_start(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_can_read_the_version),
		cmocka_unit_test(there_is_one_version),
		cmocka_unit_test(rights_are_those_that_the_file_lists),
		cmocka_unit_test(no_role_is_above_the_rights_or_in_another),
		cmocka_unit_test(no_tenant_table_is_without_row_level_security),
		cmocka_unit_test(no_role_can_access_a_partition_except_through_its_table),
		cmocka_unit_test(functions_that_run_as_their_owner_are_few_and_closed),
		cmocka_unit_test(partitions_by_day_are_maintained_by_the_tables_own_role),
		cmocka_unit_test(the_function_that_earlier_releases_call_still_works),
		cmocka_unit_test(no_view_shows_rows_that_its_reader_may_not_see),
		cmocka_unit_test(every_key_between_tenant_tables_begins_with_the_workspace),
		cmocka_unit_test(only_names_received_without_a_workspace_are_unique_across_workspaces),
		cmocka_unit_test_setup(each_service_reaches_its_own_rows_of_outbox_and_progress_alone, two_writers),
		cmocka_unit_test_setup(no_row_is_handed_to_another_consumer, two_writers),
		cmocka_unit_test(a_tenant_sees_its_own_rows_and_no_others),
		cmocka_unit_test(a_tenant_cannot_write_into_another_workspace),
		cmocka_unit_test(services_that_serve_all_tenants_see_all),
		cmocka_unit_test(each_role_has_its_listed_rights_only),
		cmocka_unit_test(only_chat_sync_writes_messages_and_cleanup_deletes_them),
		cmocka_unit_test_setup(a_migration_with_pending_renames_is_not_reverted, db_empty),
		cmocka_unit_test_setup(a_reverted_migration_can_be_deployed_again, db_empty),
	};

	return cmocka_run_group_tests(tests, start, db_stop);
}
