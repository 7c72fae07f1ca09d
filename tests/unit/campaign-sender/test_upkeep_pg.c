/* campaign-sender/upkeep.c against PostgreSQL, under the role of the service: what it deletes and adds, and how often. */
#include "unit.h"

#include "../store/sending.h"
#include "campaign-sender/upkeep.h"

static const struct sender_settings settings = { .retention_days = 30 };

static void old_attempts_and_limits_are_deleted_once_an_hour(void **state)
{
	struct upkeep u = { .settings = &settings };

	(void)state;
	db_script(
		"INSERT INTO undeliverable (workspace_id, address, code, since) VALUES (1, '628110', '131026', now() - interval '31 days'),"
		" (1, '628111', '131026', now() - interval '29 days');"
		"INSERT INTO portfolio_hours (workspace_id, business_id, hour, slot, sends) VALUES (1, 'b', now() - interval '3 days', 5, 1),"
		" (1, 'b', now(), 5, 1);"
		"CREATE TABLE send_attempts_20260101 PARTITION OF send_attempts FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z')");
	done(upkeep_tidy(&u, db.pg, 1000, &db.err));
	assert_text("SELECT string_agg(address, ' ') FROM undeliverable", "628111");
	assert_text("SELECT count(*)::text FROM portfolio_hours", "1");
	assert_text("SELECT (to_regclass('send_attempts_20260101') IS NULL)::text", "true");
	assert_text("SELECT (count(*) >= 4)::text FROM pg_inherits WHERE inhparent = 'send_attempts'::regclass",
		"true");

	db_script("UPDATE undeliverable SET since = now() - interval '31 days'");
	done(upkeep_tidy(&u, db.pg, 3600999, &db.err));
	assert_text("SELECT count(*)::text FROM undeliverable", "1");
	done(upkeep_tidy(&u, db.pg, 3601000, &db.err));
	assert_text("SELECT count(*)::text FROM undeliverable", "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(old_attempts_and_limits_are_deleted_once_an_hour, sending_running),
	};

	return cmocka_run_group_tests(tests, sending_start, db_stop);
}
