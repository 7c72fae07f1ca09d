/* Audiences: groups of addresses, and how they become the recipients of a campaign. */
#include "unit.h"

#include "sending.h"
#include "store/campaign_audience.h"
#include "store/contact_groups.h"

static const struct campaign_key key = { 1, 1 };
static struct pg *admin_role;

/* Contacts 10 to 14 with phones, 15 with a LID alone, 16 with nothing, 17 merged into 10. */
#define PEOPLE \
	"INSERT INTO campaigns (workspace_id, id, name, campaign_type, status) VALUES (1, 1, 'c', 'instant', 'running');" \
	"INSERT INTO contacts (workspace_id, id, source_type, first_name, phone, match_key) SELECT 1, g, 'webjs', 'N' || g, '+6281' || g," \
	" '6281' || g FROM generate_series(10, 14) g;" \
	"INSERT INTO contacts (workspace_id, id, source_type, merged_into) VALUES (1, 15, 'webjs', NULL), (1, 16, 'webjs', NULL), (1, 17, 'webjs', 10);" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) SELECT 1, g, 'phone', '6281' || g FROM generate_series(10, 14) g;" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 15, 'lid', '777');" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, scope, value) VALUES (1, 15, 'bsuid', 'b', 'ID.9');" \
	"SELECT setval('contact_groups_id_seq', 100);" \
	"INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 1, 'a'), (1, 2, 'b'), (1, 3, 'but');" \
	"INSERT INTO contact_group_members (workspace_id, group_id, address, phone, name, variables) VALUES (1, 1, '628110', NULL, 'old', '{\"x\": 1}')," \
	" (1, 1, '628112', NULL, NULL, '{}'), (1, 1, '62899', '+62 899', 'Nine', '{}'), (1, 2, '628110', NULL, 'second', '{\"x\": 2}')," \
	" (1, 2, '628113', NULL, NULL, '{}'), (1, 2, 'lid:777', NULL, NULL, '{}'), (1, 3, '628113', NULL, NULL, '{}')"

static int people(void **state)
{
	db_empty(state);
	db_script(PEOPLE);
	return 0;
}

static const int64_t groups[] = { 1, 2 }, excluded[] = { 3 }, accounts[] = { 1, 2 };

static struct audience of_groups(void)
{
	return (struct audience){ .workspace_id = 1,
		.groups = groups,
		.n_groups = 2,
		.accounts = accounts,
		.n_accounts = 2,
		.provider = PROVIDER_WEBJS,
		.marketing = true };
}

static struct audience of_all(void)
{
	struct audience w = of_groups();

	w.all = true;
	w.n_groups = 0;
	return w;
}

static struct audience_member members[20];
static size_t n_members;
static char listed[800]; /* "address" or "address:reason" or "(address)" when excluded */

static void member_keep(void *ctx, const struct audience_member *m)
{
	size_t at = strlen(listed);

	(void)ctx;
	assert_true(n_members < 20);
	members[n_members++] = *m;
	snprintf(listed + at, sizeof(listed) - at, "%s%s%.*s%s%.*s%s", at ? " " : "", m->excluded ? "(" : "",
		STR_ARG(m->address), m->reason.p ? ":" : "", STR_ARG(m->reason), m->excluded ? ")" : "");
}

static const char *read_all(struct audience w, const char *cursor, int limit)
{
	n_members = 0;
	listed[0] = '\0';
	done(store_audience_read(db.pg, &w, str_of(cursor), limit, db.arena, member_keep, NULL, &db.err));
	return listed;
}

static void groups_are_merged_by_address(void **state)
{
	struct audience w = of_groups();

	(void)state;
	assert_string_equal(read_all(w, "", 100), "628110 628112 628113 62899 lid:777");
	assert_true(members[0].contact_id == 10 && members[3].contact_id == 0 && members[4].contact_id == 15);
	assert_str(members[0].variables, "{\"x\": 1}");
	assert_str(members[0].first_name, "N10");
	assert_str(members[0].full_name, "N10");
	assert_str(members[0].dialled, "+628110");
	assert_str(members[3].full_name, "Nine");
	assert_str(members[3].dialled, "+62 899");
	w.excluded = excluded;
	w.n_excluded = 1;
	assert_string_equal(read_all(w, "", 100), "628110 628112 (628113) 62899 lid:777");
	w.provider = PROVIDER_META;
	assert_string_equal(read_all(w, "", 100), "628110 628112 (628113) 62899 lid:777:no_address");
}

static void addresses_of_one_contact_are_the_number_of_the_contact(void **state)
{
	struct audience w = of_groups();

	(void)state;
	db_script(
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 10, 'phone', '62899');"
		"UPDATE contacts SET phone = '+628112', match_key = '628112' WHERE id = 15");
	assert_string_equal(read_all(w, "", 100), "628110 628112 628113 628110 628112");
	assert_str(members[3].cursor, "62899");
	assert_str(members[3].dialled, "+628110");
	w.excluded = excluded;
	w.n_excluded = 1;
	db_script("INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (1, 3, '628110')");
	assert_string_equal(read_all(w, "", 100), "(628110) 628112 (628113) (628110) 628112");
}

static void a_bsuid_is_that_of_the_accounts_portfolios(void **state)
{
	struct audience w = of_groups();

	(void)state;
	w.provider = PROVIDER_META;
	db_script(
		"INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (1, 1, 'bsuid:ID.9');"
		"DELETE FROM contact_group_members WHERE address <> 'bsuid:ID.9';"
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 15, 'all', now());"
		"UPDATE whatsapp_accounts SET business_id = 'c'");
	assert_string_equal(read_all(w, "", 100), "bsuid:ID.9");
	db_script("UPDATE whatsapp_accounts SET business_id = 'b' WHERE id = 2");
	assert_string_equal(read_all(w, "", 100), "bsuid:ID.9:opted_out");
	db_script("UPDATE whatsapp_accounts SET business_id = NULL");
}

static void chunks_follow_each_other_without_a_gap(void **state)
{
	(void)state;
	assert_string_equal(read_all(of_groups(), "", 2), "628110 628112");
	assert_string_equal(read_all(of_groups(), "628112", 2), "628113 62899");
	assert_string_equal(read_all(of_groups(), "62899", 2), "lid:777");
	assert_string_equal(read_all(of_groups(), "lid:777", 2), "");
	assert_string_equal(read_all(of_all(), "", 3), "628110 628111 628112");
	assert_str(members[2].cursor, "12");
	assert_string_equal(read_all(of_all(), "12", 100),
		"628113 628114 lid:777 none:16:no_address (none:17:no_address)");
}

static void an_address_is_one_that_the_provider_can_send_to(void **state)
{
	struct audience w = of_all();

	(void)state;
	w.provider = PROVIDER_META;
	assert_string_equal(read_all(w, "14", 100), "bsuid:ID.9 none:16:no_address (none:17:no_address)");
}

static const struct {
	const char *name, *change, *want; /* of contact 10, account 1 */
	int32_t inbound_days, not_contacted_days;
	bool no_marketing, window;
} reasons[] = {
	{ "nothing", "SELECT 1", "628110", 0, 0, false, false },
	{ "a stop",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'all', now())",
		"628110:opted_out", 0, 0, true, false },
	{ "a stop of marketing",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'marketing_messages', now())",
		"628110:opted_out", 0, 0, false, false },
	{ "a stop of marketing for what is none",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, category, since) VALUES (1, 10, 'marketing_messages', now())",
		"628110", 0, 0, true, false },
	{ "a stop of another account",
		"INSERT INTO contact_opt_outs (workspace_id, contact_id, account_id, category, since) VALUES (1, 10, 2, 'all', now())",
		"628110", 0, 0, false, false },
	{ "unreachable",
		"INSERT INTO undeliverable (workspace_id, address, code, since) VALUES (1, '628110', 'x', now())",
		"628110:unreachable", 0, 0, false, false },
	{ "unreachable, a month ago",
		"INSERT INTO undeliverable (workspace_id, address, code, since) VALUES (1, '628110', 'x', now() - interval '31 days')",
		"628110", 0, 0, false, false },
	{ "unreachable, and wrote since",
		"INSERT INTO undeliverable (workspace_id, address, code, since) VALUES (1, '628110', 'x', now() - interval '2 days');"
		"UPDATE conversations SET last_inbound_at = now() - interval '1 day'",
		"628110", 0, 0, false, false },
	{ "outside 24 hours", "UPDATE conversations SET last_inbound_at = now() - interval '24 hours'",
		"628110:window_closed", 0, 0, false, true },
	{ "within 24 hours", "UPDATE conversations SET last_inbound_at = now() - interval '23 hours'", "628110", 0, 0,
		false, true },
	{ "never wrote", "SELECT 1", "628110:window_closed", 0, 0, false, true },
	{ "wrote too long ago", "UPDATE conversations SET last_inbound_at = now() - interval '8 days'", "(628110)", 7,
		0, false, false },
	{ "wrote recently", "UPDATE conversations SET last_inbound_at = now() - interval '6 days'", "628110", 7, 0,
		false, false },
	{ "was sent a message",
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,"
		" sent_at) VALUES (1, 1, 1, 1, 'k', 'outbound', 'text', 'sent', 'live', '{}', now() - interval '6 days')",
		"(628110)", 0, 7, false, false },
	{ "was sent none but wrote",
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata,"
		" sent_at) VALUES (1, 1, 1, 1, 'k', 'inbound', 'text', 'read', 'live', '{}', now())",
		"628110", 0, 7, false, false },
	{ "a contact that was deleted", "UPDATE contacts SET deleted_at = now() WHERE id = 10", "(628110)", 0, 0, false,
		false },
};

static void a_member_is_skipped_or_left_out_for_a_reason(void **state)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct audience w = of_groups();

		people(state);
		db_script(
			"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at) VALUES (1, 1, 1, 10, now())");
		db_script(reasons[i].change);
		w.last_inbound_within_days = reasons[i].inbound_days;
		w.not_contacted_for_days = reasons[i].not_contacted_days;
		w.marketing = !reasons[i].no_marketing;
		w.window = reasons[i].window;
		read_all(w, "", 1);
		if (strcmp(listed, reasons[i].want) != 0)
			fail_msg("%s: %s", reasons[i].name, listed);
	}
}

static void a_contact_keeps_the_account_that_it_last_talked_to(void **state)
{
	int seen[2] = { 0 };

	(void)state;
	db_script(
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id, last_message_at) VALUES (1, 1, 1, 10, '2026-01-01Z'),"
		" (1, 2, 2, 10, '2026-01-02Z'), (1, 3, 1, 12, '2026-01-01Z')");
	read_all(of_groups(), "", 100);
	assert_int_equal(members[0].segment, 1);
	assert_int_equal(members[1].segment, 0);
	db_script(
		"INSERT INTO contact_group_members (workspace_id, group_id, address) SELECT 1, 1, '1' || g FROM generate_series(100, 114) g");
	read_all(of_groups(), "", 15);
	for (size_t i = 0; i < n_members; i++)
		seen[members[i].segment]++;
	assert_true(seen[0] > 0 && seen[1] > 0);
}

static int64_t write_chunk(const char *const *addresses, size_t n, const char *cursor)
{
	struct campaign_recipient r[4];
	int64_t written;

	for (size_t i = 0; i < n; i++)
		r[i] = (struct campaign_recipient){
			.address = str_of(addresses[i]), .segment = (int16_t)(i % 2), .content = STR("x")
		};
	if (n > 0 && strcmp(addresses[0], "62899") == 0) {
		r[0].reason = STR("no_address");
		r[0].content = STR_NONE;
	}
	done(pg_begin(db.pg, &db.err));
	done(store_campaign_recipients(db.pg, &key, r, n, str_of(cursor), 3, &written, &db.err));
	done(pg_commit(db.pg, &db.err));
	return written;
}

static void each_address_becomes_one_recipient(void **state)
{
	static const char *const first[] = { "628110", "628111" }, *const second[] = { "62899", "628110", "628112" };

	(void)state;
	assert_int_equal(write_chunk(first, 2, "628111"), 2);
	assert_int_equal(write_chunk(NULL, 0, "628113"), 0);
	assert_text("SELECT audience_cursor FROM campaigns", "628113");
	assert_int_equal(write_chunk(second, 3, "62899"),
		2); /* the cursor of another audience: one address is there already */
	assert_text(
		"SELECT string_agg(concat_ws(' ', address, segment, status, error_code), ', ' ORDER BY id) FROM sends",
		"628110 0 pending, 628111 1 pending, 62899 0 skipped no_address, 628112 0 pending");
	assert_text(
		"SELECT concat_ws(' ', audience_cursor, first_send_id = (SELECT min(id) FROM sends), last_send_id = (SELECT max(id) FROM sends))"
		" FROM campaigns",
		"62899 t t");
	assert_text("SELECT concat_ws(' ', source, slot, recipients, skipped) FROM campaign_counts", "driver 3 4 1");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_chunk_that_was_not_committed_is_written_again(void **state)
{
	struct campaign_recipient r = { .address = STR("628110"), .content = STR("x") };
	int64_t written;

	(void)state;
	done(pg_begin(db.pg, &db.err));
	done(store_campaign_recipients(db.pg, &key, &r, 1, STR("628110"), 3, &written, &db.err));
	pg_rollback(db.pg);
	assert_text(
		"SELECT audience_cursor || count(s.id) FROM campaigns LEFT JOIN sends s ON true GROUP BY audience_cursor",
		"0");
	done(store_campaign_recipients(db.pg, &key, &r, 1, STR("628110"), 3, &written, &db.err));
	assert_int_equal(written, 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static char names[200];

static void group_keep(void *ctx, const struct contact_group *g)
{
	size_t at = strlen(names);

	(void)ctx;
	snprintf(names + at, sizeof(names) - at, "%.*s:%lld ", STR_ARG(g->name), (long long)g->members);
}

static void member_list(void *ctx, const struct group_member *m)
{
	size_t at = strlen(names);

	(void)ctx;
	snprintf(names + at, sizeof(names) - at, "%.*s:%.*s:%.*s ", STR_ARG(m->address), STR_ARG(m->name),
		STR_ARG(m->variables));
}

static void an_import_again_replaces_members(void **state)
{
	struct contact_group g = { .workspace_id = 1, .uuid = uuid_of(CAMPAIGN), .name = STR("import") };
	const struct group_member first[] = { { STR("1"), STR("+1"), STR("One"), STR_NONE },
		{ STR("2"), STR_NONE, STR_NONE, STR("{\"a\": 1}") }, { STR("1"), STR("+1"), STR("Uno"), STR_NONE } };
	const struct group_member again[] = { { STR("2"), STR_NONE, STR("Two"), STR_NONE },
		{ STR("3"), STR_NONE, STR_NONE, STR_NONE } };
	const struct group_member bad = { STR("4"), STR_NONE, STR_NONE, STR("[]") };
	int64_t added = -1, id = 0, found[2];
	const struct uuid uuids[] = { uuid_of(CAMPAIGN), uuid_of("00000000-0000-4000-8000-0000000000ff") };

	(void)state;
	done(store_contact_group_add(admin_role, &g, &db.err));
	assert_int_equal(store_contact_group_lock(admin_role, 1, &g.uuid, &id, &db.err), 1);
	assert_int_equal(id, g.id);
	assert_int_equal(store_contact_group_lock(admin_role, 2, &g.uuid, &id, &db.err), 0);
	done(store_group_members_put(admin_role, 1, g.id, first, 3, &added, &db.err));
	assert_int_equal(added, 2);
	done(store_group_members_put(admin_role, 1, g.id, again, 2, &added, &db.err));
	assert_int_equal(added, 1);
	assert_failed(store_group_members_put(admin_role, 1, g.id, &bad, 1, &added, &db.err), db.err, ERR_INPUT,
		"23514");
	names[0] = '\0';
	done(store_group_members_list(admin_role, 1, g.id, STR(""), 2, member_list, NULL, &db.err));
	done(store_group_members_list(admin_role, 1, g.id, STR("2"), 2, member_list, NULL, &db.err));
	assert_string_equal(names, "1:Uno:{} 2:Two:{} 3::{} ");
	names[0] = '\0';
	done(store_contact_groups_list(admin_role, 1, group_keep, NULL, &db.err));
	assert_string_equal(names, "a:3 b:3 but:1 import:3 ");
	done(store_audience_groups(db.pg, 1, uuids, 2, found, &db.err));
	assert_true(found[0] == g.id && found[1] == 0);
}

static int start(void **state)
{
	if (sending_start(state) < 0)
		return -1;
	admin_role = db_session("blazz_admin");
	return 0;
}

static int stop(void **state)
{
	pg_close(&admin_role);
	return db_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(groups_are_merged_by_address, people),
		cmocka_unit_test_setup(addresses_of_one_contact_are_the_number_of_the_contact, people),
		cmocka_unit_test_setup(a_bsuid_is_that_of_the_accounts_portfolios, people),
		cmocka_unit_test_setup(chunks_follow_each_other_without_a_gap, people),
		cmocka_unit_test_setup(an_address_is_one_that_the_provider_can_send_to, people),
		cmocka_unit_test(a_member_is_skipped_or_left_out_for_a_reason),
		cmocka_unit_test_setup(a_contact_keeps_the_account_that_it_last_talked_to, people),
		cmocka_unit_test_setup(each_address_becomes_one_recipient, people),
		cmocka_unit_test_setup(a_chunk_that_was_not_committed_is_written_again, people),
		cmocka_unit_test_setup(an_import_again_replaces_members, people),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
