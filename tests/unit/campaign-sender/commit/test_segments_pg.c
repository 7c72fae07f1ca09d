/* campaign-sender/commit/segments.c against PostgreSQL: when segments in memory run, stop and leave it. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "campaign-sender/commit/private.h"

#define NOW_MS 1000000

static const struct sender_settings settings = { .unknown_after_ms = 900000 };
static struct shared shared;
static struct lanes lanes;
static struct flush f;

static int start(void **state)
{
	if (sending_start(state) < 0)
		return -1;
	owner_start(db.pg);
	shared = (struct shared){ .settings = &settings,
		.topics = &topics,
		.outbound_partitions = 24,
		.accounts = account_cache_new(&(struct account_cache_options){ .partitions = 24 }),
		.campaigns = campaign_cache_new() };
	return 0;
}

static int stop(void **state)
{
	owner_stop();
	account_cache_free(shared.accounts);
	campaign_cache_free(shared.campaigns);
	return db_stop(state);
}

/* Account 1, which sends segment 0 of campaign 1, is in partition 3. */
static int setup(void **state)
{
	const struct send_lane row = { .workspace_id = 1, .account_id = 1, .partition = 3 };

	sending_running(state);
	execute(db.admin, "UPDATE send_lanes SET partition = 3 WHERE account_id = 1");
	execute(db.admin, "UPDATE campaign_segments SET partition = 3 WHERE account_id = 1");
	campaign_cache_clear(shared.campaigns);
	lanes_init(&lanes, 10, 10);
	(void)lanes_open(&lanes, &row, NOW_MS);
	f = (struct flush){ .o = { .shared = &shared, .owner = &owner, .lanes = &lanes },
		.tx = tx,
		.arena = db.arena,
		.generation = owner_generation(&owner),
		.now_ms = NOW_MS,
		.included = ARENA_ARRAY(db.arena, bool, 25),
		.epochs = ARENA_ARRAY(db.arena, int64_t, 25) };
	concerned_include(&f, 3);
	concerned_add_lane(&f, 1, 1, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.lanes.rows);
	lanes_fini(&lanes);
	return 0;
}

/* The segment as it is after a look at what is stored. */
static struct segment *refreshed(void)
{
	done(pg_begin(db.pg, &db.err));
	done(concerned_lock(&f, &db.err));
	done(segments_refresh(&f, &db.err));
	done(flush_mark(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
	return lane_find_segment(lanes_find(&lanes, 1), 1, 0);
}

static void campaign_is(const char *sql)
{
	execute(db.admin, sql);
	campaign_cache_clear(shared.campaigns);
}

static void a_segment_that_was_stopped_waits_for_the_pause_and_its_end(void **state)
{
	struct segment *s = refreshed();

	(void)state;
	assert_true(s->running && !s->stopped);
	segment_stop(s);
	assert_true(refreshed()->stopped);
	f.now_ms += 2000;
	assert_true(refreshed()->stopped);
	campaign_is("UPDATE campaigns SET status = 'paused'");
	assert_true(refreshed()->stopped);
	campaign_is("UPDATE campaigns SET status = 'running'");
	assert_false(refreshed()->stopped);
}

static void a_segment_whose_pause_was_not_applied_goes_on_after_a_minute(void **state)
{
	struct segment *s = refreshed();

	(void)state;
	segment_stop(s);
	assert_true(refreshed()->stopped);
	f.now_ms += 59000;
	assert_true(refreshed()->stopped);
	f.now_ms += 2000;
	assert_false(refreshed()->stopped);
	segment_stop(s);
	assert_true(refreshed()->stopped);
}

static void a_segment_of_a_completed_campaign_is_done_and_leaves_memory(void **state)
{
	(void)state;
	assert_non_null(refreshed());
	execute(db.admin, "UPDATE sends SET status = 'sent', next_attempt_at = NULL WHERE campaign_id = 1");
	campaign_is("UPDATE campaigns SET status = 'completed', completed_at = now()");
	(void)refreshed();
	assert_text("SELECT done::text FROM campaign_segments WHERE segment = 0", "true");
	assert_null(refreshed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_segment_that_was_stopped_waits_for_the_pause_and_its_end, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_segment_whose_pause_was_not_applied_goes_on_after_a_minute, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_segment_of_a_completed_campaign_is_done_and_leaves_memory, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
