/* campaign-sender/commit/restored.c against PostgreSQL: messages that a restored database has as pending although they were sent. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "base/clock.h"
#include "campaign-sender/commit/private.h"

#define REQUEST "00000000-0000-4000-8000-0000000000e1"

#define DRAFT "00000000-0000-4000-8000-0000000000c9"

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

/* In its place a recipient of a campaign that was added before the restore, written anew as row 9. */
static int recipient_setup(void **state)
{
	const struct campaign_key key = { 1, 3 };
	const struct campaign_segment row = { .workspace_id = 1, .campaign_id = 3, .account_id = 1, .partition = 5 };
	const struct send_row send = { .workspace_id = 1,
		.id = 9,
		.campaign_id = 3,
		.address = STR("628110"),
		.created_us = AT(90000),
		.next_attempt_us = PG_NO_TIME,
		.deadline_us = PG_NO_TIME };
	struct lane *lane;

	setup(state);
	send_end(chosen[0]);
	db_script("INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, status, created_at) VALUES"
		  " (1, 3, '" DRAFT "', 'c', 'instant', 'running', '2026-01-01Z');"
		  "INSERT INTO sends (workspace_id, id, campaign_id, segment, address, created_at, request)"
		  " VALUES (1, 9, 3, 0, '628110', '2026-01-02 01:00Z', 'x')");
	shared.campaigns = campaign_cache_new();
	done(campaign_cache_load(shared.campaigns, db.pg, &key, 1, &db.err));
	lane = lanes_find(&lanes, 1);
	chosen[0] = lane_put(lane, lane_segment(lane, &row, true, clock_mono_ms()), &send, clock_mono_ms());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(f.released.rows);
	campaign_cache_free(shared.campaigns);
	lanes_fini(&lanes);
	return 0;
}

static void chats_has(const char *id, const char *status)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 2, 2, 10);"
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, wam_id, client_message_id, type,"
		" message_type, message_status, origin, metadata, sent_at) VALUES (1, 1, 2, 2, 'true:W', 'W', '%s', 'outbound', 'text',"
		" '%s', 'live', '{}', '2026-01-01Z')",
		id, status);
	db_script(sql);
}

static void chats_has_it(const char *status)
{
	chats_has(REQUEST, status);
}

static void resolved(void)
{
	done(pg_begin(db.pg, &db.err));
	done(restored_resolve(&f, chosen, 1, &db.err));
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

/* The row that was sent had another number. */
static void a_recipient_that_chats_has_was_sent(void **state)
{
	(void)state;
	chats_has(DRAFT ".4711", "read");
	resolved();
	assert_send(9, "status || ' ' || sent_by || ' ' || provider_message_id", "read 2 W");
	assert_int_equal(f.released.n, 0);
}

static void messages_of_other_campaigns_and_generations_say_nothing(void **state)
{
	static const char *const ids[] = { "00000000-0000-4000-8000-0000000000ca.4711", DRAFT ".4711#2", REQUEST };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		chats_has(ids[i], "read");
		resolved();
		assert_send(9, "status", "pending");
		db_script("DELETE FROM chats; DELETE FROM conversations");
	}
}

static void a_campaign_that_is_younger_than_the_restore_is_not_looked_up(void **state)
{
	(void)state;
	chats_has(DRAFT ".4711", "read");
	lanes.restored_us = AT(-1);
	resolved();
	assert_send(9, "status", "pending");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_that_chats_has_was_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_chats_does_not_have_is_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_is_younger_than_the_restore_is_not_looked_up, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_recipient_that_chats_has_was_sent, recipient_setup, teardown),
		cmocka_unit_test_setup_teardown(messages_of_other_campaigns_and_generations_say_nothing,
			recipient_setup, teardown),
		cmocka_unit_test_setup_teardown(a_campaign_that_is_younger_than_the_restore_is_not_looked_up,
			recipient_setup, teardown),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
