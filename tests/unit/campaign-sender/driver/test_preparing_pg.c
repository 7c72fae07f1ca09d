/* The driver against PostgreSQL: the audience of a campaign becomes its recipients. */
#include "unit.h"

#include "driving.h"
#include "kafka/partition.h"

#define RECIPIENTS \
	"SELECT string_agg(address || ':' || segment || coalesce(':' || error_code, ''), ' ' ORDER BY address) FROM sends WHERE campaign_id = 1"
#define ALL_OF_THEM "628110:0 628111:0:opted_out 628112:0 628113:0:missing_variable 628118:0 bsuid:ID.1:0:no_address"
#define MISCOUNTED \
	"SELECT count(*) FROM (SELECT sum(recipients), sum(skipped) FROM campaign_counts WHERE campaign_id = 1 EXCEPT SELECT count(*)," \
	" count(*) FILTER (WHERE status = 'skipped') FROM sends WHERE campaign_id = 1) AS d"

static void each_address_is_a_recipient_once_and_each_reason_is_counted(void **state)
{
	(void)state;
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
	assert_campaign("status || ':' || partition || ':' || (prepared_at IS NULL)", "running:3:true");
	assert_int_equal(driving_steps(), 4);
	assert_text(RECIPIENTS, ALL_OF_THEM);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_campaign("prepared_at IS NOT NULL AND audience_cursor = ''", "true");
	assert_int_equal(db_i64("SELECT account_id FROM campaign_segments"), 1);
	assert_int_equal(db_i64("SELECT partition FROM campaign_segments"),
		kafka_partition_of(STR(WORKSPACE ":00000000-0000-4000-8000-000000000011"), 24));
	assert_int_equal(db_i64("SELECT count(*) FROM send_lanes WHERE account_id = 1 AND in_flight = '{}'"), 1);
}

static void chunks_of_excluded_members_are_passed(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO contact_group_members (workspace_id, group_id, address) VALUES (1, 3, '628110'), (1, 3, '628111'), (1, 3, '628113');"
		"UPDATE campaigns SET audience = audience || '{\"exclude\": [\"" GROUP_C "\"]}'");
	user(CAMPAIGN_START);
	assert_string_equal(on.published, "started");
	driving_steps();
	assert_text(RECIPIENTS, "628112:0 628118:0 bsuid:ID.1:0:no_address");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_chunk_is_bounded_in_bytes(void **state)
{
	int64_t first;

	(void)state;
	db_script(
		"INSERT INTO contact_group_members (workspace_id, group_id, address) SELECT 1, 3, '629' || 8000 + g FROM generate_series(1, 2500) g;"
		"UPDATE campaigns SET audience = '{\"groups\": [\"" GROUP_C "\"]}', body_text = repeat('x', 4000)");
	on.settings.campaign_chunk = 5000;
	user(CAMPAIGN_START);
	driving_step(true);
	first = db_i64("SELECT count(*) FROM sends");
	assert_in_range(first, 1000, 2499);
	driving_steps();
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE length(request) > 4000"), 2500);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static struct str text_to(const char *address)
{
	struct send_message m;
	char sql[100];

	snprintf(sql, sizeof(sql), "SELECT request FROM sends WHERE address = '%s'", address);
	done(send_message_decode(&m, db_text(sql), db.arena, &db.err));
	return m.u.text;
}

static void the_content_is_that_of_the_first_group(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_steps();
	assert_str(text_to("628110"), "Hi N10, on Monday");
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE contact_id = 10"), 1); /* 628117 is the same person */
}

static void a_chunk_that_was_rolled_back_is_written_once(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	for (int chunk = 0; chunk < 4; chunk++) {
		driving_step(false);
		driving_step(true);
	}
	assert_false(driving_step(true));
	assert_text(RECIPIENTS, ALL_OF_THEM);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void preparing_stops_while_the_campaign_is_paused(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_step(true);
	assert_int_equal(user(CAMPAIGN_PAUSE), OUTCOME_APPLIED);
	assert_string_equal(on.published, "paused");
	assert_false(driving_step(true));
	assert_int_equal(db_i64("SELECT count(*) FROM sends"), 2);
	assert_int_equal(user(CAMPAIGN_RESUME), OUTCOME_APPLIED);
	assert_string_equal(on.published, "resumed");
	driving_steps();
	assert_text(RECIPIENTS, ALL_OF_THEM);
	assert_int_equal(user(CAMPAIGN_CANCEL), OUTCOME_APPLIED);
	assert_false(driving_step(true));
}

static void a_new_owner_goes_on_at_the_cursor(void **state)
{
	(void)state;
	user(CAMPAIGN_START);
	driving_step(true);
	driver_lost(on.driver);
	assert_int_equal(driving_steps(), 3);
	assert_text(RECIPIENTS, ALL_OF_THEM);
}

static void campaigns_are_prepared_in_turn(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, preferred_provider, audience, body_text) SELECT 1, 2, '" OTHER
		"', 'd', 'instant', 'webjs', audience, 'x' FROM campaigns");
	user(CAMPAIGN_START);
	command(OTHER, CAMPAIGN_START, NULL, clock_now_ms());
	driving_step(true);
	driving_step(true);
	assert_text(
		"SELECT string_agg(n, ' ') FROM (SELECT campaign_id || ':' || count(*) AS n FROM sends GROUP BY campaign_id ORDER BY 1) AS s",
		"1:2 2:2");
}

static void a_campaign_is_spread_over_accounts(void **state)
{
	(void)state;
	db_script(
		"UPDATE campaigns SET spread = true, audience = '{\"groups\": [\"" GROUP_A "\"]}';"
		"INSERT INTO conversations (workspace_id, account_id, contact_id, last_message_at) SELECT 1, 2, g, now() FROM generate_series(10, 12) g");
	user(CAMPAIGN_START);
	driving_steps();
	assert_text("SELECT string_agg(segment || ':' || account_id, ' ' ORDER BY segment) FROM campaign_segments",
		"0:1 1:2");
	assert_int_equal(
		db_i64("SELECT count(*) FROM sends s JOIN campaign_segments g USING (campaign_id, segment) WHERE s.contact_id IS NOT NULL"
		       " AND g.account_id = 2"),
		3);
	assert_int_equal(db_i64("SELECT count(*) FROM send_lanes"), 2);
}

static void an_audience_is_written_on_though_its_account_was_deleted(void **state)
{
	(void)state;
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	driving_step(true);
	db_script("UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	account_cache_clear(on.shared.accounts);
	driving_steps();
	assert_campaign("status || ':' || (prepared_at IS NOT NULL)", "running:true");
}

static void content_that_became_unusable_pauses_the_campaign(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language, category, status, components)"
		" VALUES (1, 1, 4, 'p', 't', 'id', 'UTILITY', 'APPROVED', '[{\"type\": \"BODY\", \"text\": \"Hello\"}]');"
		"UPDATE campaigns SET campaign_type = 'template', template_id = 1, preferred_provider = 'meta', body_text = NULL");
	assert_int_equal(user(CAMPAIGN_START), OUTCOME_APPLIED);
	assert_string_equal(on.published, "started");
	driving_step(true);
	db_script("UPDATE templates SET status = 'PAUSED'");
	campaign_cache_clear(on.shared.campaigns);
	assert_true(driving_step(true));
	assert_string_equal(on.published, "paused:132015");
	db_script("UPDATE templates SET status = 'APPROVED'");
	campaign_cache_clear(on.shared.campaigns);
	user(CAMPAIGN_RESUME);
	driving_steps();
	assert_text("SELECT string_agg(address || coalesce(':' || error_code, ''), ' ' ORDER BY address) FROM sends",
		"628110 628111:opted_out 628112 628113 628118 bsuid:ID.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_address_is_a_recipient_once_and_each_reason_is_counted, driving_empty),
		cmocka_unit_test_setup(chunks_of_excluded_members_are_passed, driving_empty),
		cmocka_unit_test_setup(a_chunk_is_bounded_in_bytes, driving_empty),
		cmocka_unit_test_setup(the_content_is_that_of_the_first_group, driving_empty),
		cmocka_unit_test_setup(a_chunk_that_was_rolled_back_is_written_once, driving_empty),
		cmocka_unit_test_setup(preparing_stops_while_the_campaign_is_paused, driving_empty),
		cmocka_unit_test_setup(a_new_owner_goes_on_at_the_cursor, driving_empty),
		cmocka_unit_test_setup(campaigns_are_prepared_in_turn, driving_empty),
		cmocka_unit_test_setup(a_campaign_is_spread_over_accounts, driving_empty),
		cmocka_unit_test_setup(an_audience_is_written_on_though_its_account_was_deleted, driving_empty),
		cmocka_unit_test_setup(content_that_became_unusable_pauses_the_campaign, driving_empty),
	};

	return cmocka_run_group_tests(tests, driving_start, driving_stop);
}
