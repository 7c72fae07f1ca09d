/* campaign-sender/commit/mark.c against PostgreSQL: which lanes and segments a transaction writes. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "base/clock.h"
#include "campaign-sender/commit/private.h"
#include "campaign-sender/lanes/schedule.h"

static struct shared shared;
static struct lanes lanes;
static struct flush f;

static int start(void **state)
{
	if (sending_start(state) < 0)
		return -1;
	owner_start(db.pg);
	return 0;
}

static int stop(void **state)
{
	owner_stop();
	return db_stop(state);
}

static int32_t partition_of(int64_t account_id)
{
	return (int32_t)account_id + 4;
}

static void lane_add(int64_t account_id)
{
	const struct send_lane row = {
		.workspace_id = 1, .account_id = account_id, .partition = partition_of(account_id)
	};
	const struct campaign_segment segment = { .workspace_id = 1,
		.campaign_id = 1,
		.segment = (int16_t)(account_id - 1),
		.account_id = account_id,
		.partition = partition_of(account_id) };
	struct lane *lane = lanes_open(&lanes, &row, clock_mono_ms());
	struct segment *s = lane_segment(lane, &segment, true, clock_mono_ms());

	lane->row.attempts = 5;
	s->row.cursor_id = 1003;
	lane_mark_changed(lane);
	segment_mark_changed(s);
}

/* The lanes of accounts 1 and 2, and a segment in each, have changed. */
static int setup(void **state)
{
	sending_running(state);
	lanes_init(&lanes, 10, 10);
	shared = (struct shared){ .outbound_partitions = 24 };
	f = (struct flush){ .o = { .shared = &shared, .owner = &owner, .lanes = &lanes },
		.tx = tx,
		.arena = db.arena,
		.generation = owner_generation(&owner),
		.included = ARENA_ARRAY(db.arena, bool, 25),
		.epochs = ARENA_ARRAY(db.arena, int64_t, 25) };
	lane_add(1);
	lane_add(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.lanes.rows);
	lanes_fini(&lanes);
	return 0;
}

/* A transaction that has locked the lanes of these accounts. */
static void marked(const int64_t *accounts, size_t n)
{
	f.lanes.n = 0;
	for (size_t i = 0; i < n; i++)
		concerned_add_lane(&f, 1, accounts[i], partition_of(accounts[i]));
	done(pg_begin(db.pg, &db.err));
	done(concerned_lock(&f, &db.err));
	done(flush_mark(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
}

#define WRITTEN \
	"SELECT string_agg(l.account_id || ':' || l.attempts || ':' || coalesce(g.cursor_id, 0), ' ' ORDER BY l.account_id)" \
	" FROM send_lanes l JOIN campaign_segments g USING (workspace_id, account_id)"

static void what_changed_after_the_lanes_were_locked_is_written_by_the_next_transaction(void **state)
{
	static const int64_t second[] = { 2 }, both[] = { 1, 2 };

	(void)state;
	f.included[5] = f.included[6] = true;
	marked(second, 1);
	assert_text(WRITTEN, "1:0:0 2:5:1003");
	assert_true(lanes_find(&lanes, 1)->changed);
	assert_false(lanes_find(&lanes, 2)->changed);
	marked(both, 2);
	assert_text(WRITTEN, "1:5:1003 2:5:1003");
	assert_true(TAILQ_EMPTY(&lanes.changed) && TAILQ_EMPTY(&lanes.changed_segments));
}

static void lanes_of_partitions_that_a_transaction_does_not_include_are_not_written(void **state)
{
	static const int64_t both[] = { 1, 2 };

	(void)state;
	f.included[5] = true;
	marked(both, 2);
	assert_text(WRITTEN, "1:5:1003 2:0:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_changed_after_the_lanes_were_locked_is_written_by_the_next_transaction, setup, teardown),
		cmocka_unit_test_setup_teardown(lanes_of_partitions_that_a_transaction_does_not_include_are_not_written,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
