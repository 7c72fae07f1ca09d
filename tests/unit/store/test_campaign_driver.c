/* What the driver of campaigns reads. */
#include "unit.h"

#include "sending.h"
#include "store/campaign_driver.h"

static const struct campaign_key key = { 1, 1 };

static void references_are_found_unless_deleted(void **state)
{
	struct campaign_references r = { 0 };

	(void)state;
	assert_int_equal(store_campaign_references(db.pg, &key, db.arena, &r, &db.err), 1);
	assert_true(!r.group_exists && !r.template_name.p);
	db_script(
		"INSERT INTO contact_groups (workspace_id, id, name) VALUES (1, 1, 'g');"
		"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 1, 1, 'p', 'hello', 'id');"
		"UPDATE campaigns SET status = 'draft';"
		"UPDATE campaigns SET contact_group_id = 1, template_id = 1");
	assert_int_equal(store_campaign_references(db.pg, &key, db.arena, &r, &db.err), 1);
	assert_true(r.group_exists);
	assert_str(r.template_name, "hello");
	assert_str(r.template_language, "id");
	db_script("UPDATE contact_groups SET deleted_at = now()");
	assert_int_equal(store_campaign_references(db.pg, &key, db.arena, &r, &db.err), 1);
	assert_false(r.group_exists);
	assert_int_equal(store_campaign_references(db.pg, &(struct campaign_key){ 1, 2 }, db.arena, &r, &db.err), 0);
}

static void segments_are_read_whether_done_or_not(void **state)
{
	struct campaign_segment segments[CAMPAIGN_SEGMENTS_MAX];
	size_t n;

	(void)state;
	db_script("UPDATE campaign_segments SET done = true, cursor_id = 7 WHERE segment = 1");
	done(store_campaign_segments_of(db.pg, &key, segments, &n, &db.err));
	assert_int_equal(n, 2);
	assert_true(segments[0].account_id == 1 && segments[0].partition == 5 && !segments[0].done);
	assert_true(segments[1].account_id == 2 && segments[1].cursor_id == 7 && segments[1].done);
}

static void counters_are_those_of_the_row(void **state)
{
	struct campaign_counters c;

	(void)state;
	db_script(
		"UPDATE campaigns SET recipients = 1, messages_sent = 2, messages_delivered = 3, messages_read = 4, messages_failed = 5,"
		" messages_skipped = 6, messages_unknown = 7");
	done(store_campaign_counters(db.pg, &key, &c, &db.err));
	assert_true(c.recipients == 1 && c.sent == 2 && c.delivered == 3 && c.read == 4 && c.failed == 5 &&
		c.skipped == 6 && c.unknown == 7);
}

static struct campaign_row listed;
static size_t n_listed;

static void listed_keep(void *ctx, const struct campaign_row *row)
{
	(void)ctx;
	listed = *row;
	n_listed++;
}

static size_t list(int32_t partition)
{
	n_listed = 0;
	done(store_campaigns_of_driver(db.pg, &partition, 1, db.arena, listed_keep, NULL, &db.err));
	return n_listed;
}

static const struct {
	const char *change;
	enum campaign_status status; /* CAMPAIGN_DRAFT: it is not listed */
} states[] = {
	{ "SELECT 1", CAMPAIGN_RUNNING },
	{ "UPDATE campaigns SET status = 'scheduled'", CAMPAIGN_SCHEDULED },
	{ "UPDATE campaigns SET status = 'paused'", CAMPAIGN_PAUSED },
	{ "UPDATE campaigns SET status = 'completed', completed_at = now() - interval '6 days'", CAMPAIGN_COMPLETED },
	{ "UPDATE campaigns SET status = 'cancelled', completed_at = now() - interval '6 days'", CAMPAIGN_CANCELLED },
	{ "UPDATE campaigns SET status = 'completed', completed_at = now() - interval '8 days'", CAMPAIGN_DRAFT },
	{ "UPDATE campaigns SET status = 'failed'", CAMPAIGN_DRAFT },
	{ "UPDATE campaigns SET status = 'draft'", CAMPAIGN_DRAFT },
	{ "UPDATE campaigns SET partition = 4", CAMPAIGN_DRAFT },
};

static void a_driver_works_on_active_campaigns_and_for_a_week_on_ended_ones(void **state)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		sending_running(state);
		db_script(states[i].change);
		if (list(3) != (states[i].status != CAMPAIGN_DRAFT) ||
			(n_listed == 1 && listed.status != states[i].status))
			fail_msg("%s: %zu", states[i].change, n_listed);
	}
}

static void a_listed_campaign_has_its_state(void **state)
{
	struct uuid campaign = uuid_of(CAMPAIGN);

	(void)state;
	db_script(
		"UPDATE campaigns SET status = 'draft'; UPDATE campaigns SET scheduled_at = now() + interval '1 hour', audience_cursor = '62';"
		"UPDATE campaigns SET status = 'scheduled'");
	assert_int_equal(list(3), 1);
	assert_true(listed.workspace_id == 1 && listed.id == 1 && listed.partition == 3);
	assert_true(uuid_eq(&listed.uuid, &campaign) && !uuid_is_nil(&listed.workspace));
	assert_in_range(listed.scheduled_in_ms, 3500000, 3600000);
	assert_true(listed.prepared_us != PG_NO_TIME);
	assert_str(listed.audience_cursor, "62");
}

static int64_t not_waiting(const char *change)
{
	int64_t n;

	db_script(change);
	done(store_campaigns_not_waiting(db.pg, &key, 1, &n, &db.err));
	return n;
}

static void a_campaign_waits_as_long_as_each_of_its_open_segments_does(void **state)
{
	(void)state;
	assert_int_equal(not_waiting("UPDATE whatsapp_accounts SET desired_state = 'connected', status = 'connected'"),
		1);
	assert_int_equal(not_waiting("UPDATE campaign_segments SET done = true WHERE segment = 1"), 1);
	assert_int_equal(
		not_waiting("UPDATE send_lanes SET held_at = now(), held_until = 'infinity' WHERE account_id = 1"), 0);
	assert_int_equal(
		not_waiting("UPDATE send_lanes SET held_until = now(), paused_until = now() + interval '1 minute'"), 0);
	assert_int_equal(
		not_waiting("UPDATE send_lanes SET paused_until = NULL, next_at = now() + interval '1 minute'"), 0);
	assert_int_equal(not_waiting("UPDATE send_lanes SET next_at = now()"), 1);
	assert_int_equal(not_waiting("UPDATE whatsapp_accounts SET status = 'disconnected' WHERE id = 1"), 0);
	assert_int_equal(not_waiting("UPDATE campaign_segments SET done = false WHERE segment = 1"), 1);
	assert_int_equal(not_waiting("UPDATE campaigns SET status = 'paused'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(references_are_found_unless_deleted, sending_running),
		cmocka_unit_test_setup(segments_are_read_whether_done_or_not, sending_running),
		cmocka_unit_test_setup(counters_are_those_of_the_row, sending_running),
		cmocka_unit_test(a_driver_works_on_active_campaigns_and_for_a_week_on_ended_ones),
		cmocka_unit_test_setup(a_listed_campaign_has_its_state, sending_running),
		cmocka_unit_test_setup(a_campaign_waits_as_long_as_each_of_its_open_segments_does, sending_running),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
