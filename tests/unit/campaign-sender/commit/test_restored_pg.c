/* campaign-sender/commit/restored.c against PostgreSQL: messages that a restored database has as pending although they were sent. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "base/clock.h"
#include "campaign-sender/commit/private.h"

#define REQUEST "00000000-0000-4000-8000-0000000000e1"

static struct shared shared;
static struct lanes lanes;
static struct flush f;
static struct send *chosen[1];

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

/* One single message, due through account 1, requested in 2026; a restore was accepted a day later. */
static int setup(void **state)
{
	const struct send_lane row = { .workspace_id = 1, .account_id = 1, .partition = 5 };
	const struct send_row send = { .workspace_id = 1,
		.id = 7,
		.request = uuid_of(REQUEST),
		.address = STR("628110"),
		.created_us = AT(0),
		.next_attempt_us = AT(0),
		.deadline_us = PG_NO_TIME };

	sending_running(state);
	execute(db.admin,
		"INSERT INTO sends (workspace_id, id, request_id, address, account_id, next_attempt_at, created_at, request)"
		" VALUES (1, 7, '" REQUEST "', '628110', 1, '2026-01-01Z', '2026-01-01Z', 'x')");
	lanes_init(&lanes, 10, 10);
	shared = (struct shared){ .outbound_partitions = 24 };
	f = (struct flush){ .o = { .shared = &shared, .owner = &owner, .lanes = &lanes },
		.tx = tx,
		.arena = db.arena,
		.generation = owner_generation(&owner),
		.chosen = chosen,
		.n_chosen = 1 };
	chosen[0] = lane_put(lanes_open(&lanes, &row, clock_mono_ms()), NULL, &send, clock_mono_ms());
	lanes.restored_us = AT(86400);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.released.rows);
	lanes_fini(&lanes);
	return 0;
}

static void chats_has_it(const char *status)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 2, 2, 10);"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, wam_id, client_message_id, type,"
		" message_type, message_status, origin, metadata, sent_at) VALUES (1, 1, 2, 2, 'true:W', 'W', '%s', 'outbound', 'text',"
		" '%s', 'live', '{}', '2026-01-01Z')",
		REQUEST, status);
	db_script(sql);
}

static void resolved(void)
{
	done(pg_begin(db.pg, &db.err));
	done(restored_resolve(&f, &db.err));
	done(pg_commit(db.pg, &db.err));
}

static void a_message_that_chats_has_was_sent(void **state)
{
	(void)state;
	chats_has_it("delivered");
	resolved();
	assert_send(7, "status || ' ' || sent_by || ' ' || provider_message_id", "delivered 2 W");
	assert_int_equal(f.released.n, 1);
}

static void a_message_that_chats_does_not_have_is_pending(void **state)
{
	(void)state;
	resolved();
	assert_send(7, "status", "pending");
	assert_int_equal(f.released.n, 0);
}

static void a_message_that_is_younger_than_the_restore_is_not_looked_up(void **state)
{
	(void)state;
	chats_has_it("delivered");
	lanes.restored_us = AT(-1);
	resolved();
	lanes.restored_us = PG_NO_TIME;
	resolved();
	assert_send(7, "status", "pending");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_that_chats_has_was_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_chats_does_not_have_is_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_is_younger_than_the_restore_is_not_looked_up, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
