/* campaign-sender/commit/acquire.c against PostgreSQL: what becomes of messages that a former owner had in flight. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "base/clock.h"
#include "base/log.h"
#include "campaign-sender/commit/private.h"

#define EPOCH 7 /* of the partition's owner now: emitted.h */

static const struct sender_settings settings = { .unknown_after_ms = 900000 };
static struct shared shared;
static struct lanes lanes;
static struct flush f;

static int start(void **state)
{
	log_set_level(LOG_ERROR);
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

/* Recipients 1000 and 1002 of account 1 are in flight, as the partition's former owner has left them. */
static int setup(void **state)
{
	static int32_t acquired[] = { 3 };

	sending_running(state);
	execute(db.admin, "UPDATE send_lanes SET partition = 3, in_flight = '{1000,1002}' WHERE account_id = 1");
	lanes_init(&lanes, 10, 10);
	f = (struct flush){ .o = { .shared = &shared, .owner = &owner, .lanes = &lanes },
		.tx = tx,
		.arena = db.arena,
		.generation = owner_generation(&owner),
		.acquired = acquired,
		.n_acquired = 1,
		.doubtful = map_new(),
		.included = ARENA_ARRAY(db.arena, bool, 25),
		.epochs = ARENA_ARRAY(db.arena, int64_t, 25) };
	concerned_include(&f, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.lanes.rows);
	map_free(f.doubtful);
	lanes_fini(&lanes);
	return 0;
}

static void doubt_add(int64_t id, int64_t epoch)
{
	const struct doubt d = { 1, id, epoch };

	*map_slot(f.doubtful, doubt_key(&d)) = &f;
}

static void acquired(void)
{
	done(pg_begin(db.pg, &db.err));
	done(acquire_run(&f, &db.err));
	done(flush_mark(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static void messages_of_a_former_owner_are_unknown(void **state)
{
	(void)state;
	acquired();
	assert_send(1000, "status", "unknown");
	assert_send(1002, "status", "unknown");
	assert_text("SELECT cardinality(in_flight)::text FROM send_lanes WHERE account_id = 1", "0");
}

static void messages_whose_mark_was_in_doubt_are_due_again(void **state)
{
	(void)state;
	doubt_add(1000, EPOCH - 1);
	acquired();
	assert_send(1000, "status || ' ' || (next_attempt_at <= now())", "pending true");
	assert_send(1002, "status", "unknown");
}

static void a_mark_may_be_of_another_owner_since_the_doubt(void **state)
{
	(void)state;
	doubt_add(1000, EPOCH - 2);
	acquired();
	assert_send(1000, "status", "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_of_a_former_owner_are_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(messages_whose_mark_was_in_doubt_are_due_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mark_may_be_of_another_owner_since_the_doubt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
