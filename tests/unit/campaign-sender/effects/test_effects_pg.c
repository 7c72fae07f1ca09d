/* campaign-sender/effects against PostgreSQL: rows, records and what the cache and the lanes learn. */
#include "unit.h"

#include "../../store/sending.h"
#include "../emitted.h"
#include "base/log.h"
#include "campaign-sender/effects/effects.h"
#include "campaign-sender/stats.h"

#define ACCOUNT_1 "00000000-0000-4000-8000-000000000011"

static struct account_cache *accounts;
static struct effects *e;
static struct scope_waits *waits;
static struct campaign_warnings *warnings;
static struct record_target to;
static char held[200]; /* "<account>:<seconds from AT(0)> " each; "*" for a hold without an end */

static void held_add(void *ctx, int64_t workspace_id, int64_t account_id, int64_t until_us)
{
	size_t n = strlen(held);

	(void)ctx;
	assert_int_equal(workspace_id, account_id == 3 ? 2 : 1);
	if (until_us == INT64_MAX)
		snprintf(held + n, sizeof(held) - n, "%lld:* ", (long long)account_id);
	else
		snprintf(held + n, sizeof(held) - n, "%lld:%lld ", (long long)account_id,
			(long long)((until_us - AT(0)) / 1000000));
}

#define ACCOUNTS \
	"UPDATE whatsapp_accounts SET provider_type = 'meta', bridge_kind = NULL, phone_number_id = 'p' || id, waba_id = 'W', desired_at = '2026-01-01 00:00:00Z';" \
	"INSERT INTO whatsapp_accounts (workspace_id, id, uuid, session_id, provider_type, phone_number_id, waba_id, desired_at) VALUES" \
	" (1, 4, '00000000-0000-4000-8000-000000000014', 's4', 'meta', 'p4', 'V', '2026-01-01 00:00:00Z')"

static int start(void **state)
{
	struct account_cache_options options = { .partitions = 24 };

	log_set_level(LOG_ERROR + 1);
	stats_init();
	if (sending_start(state) < 0)
		return -1;
	db_script(ACCOUNTS);
	accounts = account_cache_new(&options);
	owner_start(db.pg);
	to = (struct record_target){ tx, partition, &topics, AT(101) / 1000 };
	return 0;
}

static int stop(void **state)
{
	owner_stop();
	account_cache_free(accounts);
	return db_stop(state);
}

static int setup(void **state)
{
	static const int64_t workspaces[] = { 1 };

	db_empty(state);
	db_script(
		"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 5), (1, 2, 6), (1, 4, 6)");
	account_cache_clear(accounts);
	done(account_cache_load(accounts, db.pg, workspaces, 1, &db.err));
	e = effects_new();
	waits = scope_waits_new();
	warnings = campaign_warnings_new();
	held[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	effects_free(e);
	scope_waits_free(waits);
	campaign_warnings_free(warnings);
	return 0;
}

static void add_at(int64_t code, int64_t at_us)
{
	struct decision d = code_of_status(code);
	char text[24];
	struct effect_source from = { .workspace_id = 1, .account_id = 1, .address = STR("628"), .at_us = at_us };

	snprintf(text, sizeof(text), "%lld", (long long)code);
	from.code = str_of(text);
	effects_add(e, &d, &from);
}

/* What a flush does; the records stay to be looked at. */
static void write_all(void)
{
	const struct effects_ops ops = { .waits = waits, .warnings = warnings, .held = held_add };

	tx_renew();
	done(pg_begin(db.pg, &db.err));
	done(effects_write(e, &to, accounts, &ops, &db.err));
	done(pg_commit(db.pg, &db.err));
	effects_clear(e);
}

#define assert_hold(account, want) \
	assert_text( \
		"SELECT concat_ws(' ', extract(epoch FROM held_at - '2026-01-01Z')::integer, CASE WHEN held_until = 'infinity' THEN '*'" \
		" ELSE extract(epoch FROM held_until - '2026-01-01Z')::integer::text END, held_code) FROM send_lanes" \
		" WHERE account_id = " #account, \
		want)

static void a_hold_is_written_cached_and_reported(void **state)
{
	const struct account *a;

	(void)state;
	add_at(131042, AT(100));
	write_all();
	assert_hold(1, "100 21700 131042");
	assert_hold(2, "");
	assert_string_equal(held, "1:21700 ");
	a = account_cache_find(accounts, 1, 1);
	assert_int_equal(a->held_until_us, AT(21700));
	assert_str(a->held_code, "131042");
	assert_int_equal(emitted((struct record_view[EMITTED_MAX]){ 0 }), 0);
}

static void a_token_that_has_expired_disconnects_the_session(void **state)
{
	struct inbound_event event;

	(void)state;
	add_at(190, AT(100));
	write_all();
	assert_hold(1, "100 * 190");
	assert_string_equal(held, "1:* ");
	done(inbound_decode(&event, emitted_one(TOPIC_INBOUND, "blazz.inbound.session_state").value, db.arena,
		&db.err));
	assert_int_equal(event.u.session_state.state, SESSION_DISCONNECTED);
	assert_str(event.u.session_state.details, "token_invalid");
	effects_add_connected(e, 1, 1);
	write_all();
	done(inbound_decode(&event, emitted_one(TOPIC_INBOUND, "blazz.inbound.session_state").value, db.arena,
		&db.err));
	assert_int_equal(event.u.session_state.state, SESSION_CONNECTED);
}

static void a_later_hold_is_kept(void **state)
{
	(void)state;
	add_at(131042, AT(100));
	write_all();
	held[0] = '\0';
	add_at(190, AT(99));
	write_all();
	assert_hold(1, "100 21700 131042");
	assert_string_equal(held, "");
	assert_int_equal(emitted((struct record_view[EMITTED_MAX]){ 0 }), 0);
}

/* Statuses may be old. */
static void a_hold_that_is_over_holds_nothing(void **state)
{
	(void)state;
	add_at(190, AT(-5));
	write_all();
	assert_hold(1, "-5 * 190");
	assert_int_equal(emitted((struct record_view[EMITTED_MAX]){ 0 }), 0);
	add_at(131057, AT(30));
	write_all();
	assert_hold(1, "30 90 131057");
	assert_string_equal(held, "");
	assert_int_equal(account_cache_find(accounts, 1, 1)->held_at_us, PG_NO_TIME);
	assert_int_equal(emitted((struct record_view[EMITTED_MAX]){ 0 }), 0);
}

static void accounts_of_a_waba_wait_together(void **state)
{
	(void)state;
	add_at(80007, AT(100));
	write_all();
	assert_string_equal(held, "1:160 2:160 ");
	held[0] = '\0';
	add_at(80007, AT(161));
	write_all();
	assert_string_equal(held, "1:281 2:281 ");
	assert_hold(1, "");
}

/* Account 3 is of another workspace. */
static void accounts_of_an_app_wait_together_whatever_their_workspace(void **state)
{
	static const int64_t workspaces[] = { 1, 2 };

	(void)state;
	execute(db.admin,
		"INSERT INTO provider_apps (id, kind, secrets) VALUES (7, 'meta', '') ON CONFLICT DO NOTHING");
	execute(db.admin,
		"UPDATE whatsapp_accounts SET provider_app_id = 7, waba_id = CASE id WHEN 3 THEN 'X' ELSE waba_id END WHERE id IN (1, 3)");
	account_cache_clear(accounts);
	done(account_cache_load(accounts, db.pg, workspaces, 2, &db.err));
	add_at(4, AT(100));
	write_all();
	assert_string_equal(held, "1:160 3:160 ");
	held[0] = '\0';
	add_at(80007, AT(100));
	write_all();
	assert_string_equal(held, "1:160 2:160 ");
	execute(db.admin, "UPDATE whatsapp_accounts SET provider_app_id = NULL");
}

static void warn_at(int64_t code, bool over_share)
{
	const struct campaign c = { .uuid = uuid_of(ACCOUNT_1) };
	struct decision d = code_of_status(code);

	effects_add(e, &d,
		&(struct effect_source){ .workspace_id = 1,
			.account_id = 1,
			.campaign = &c,
			.over_share = over_share,
			.at_us = AT(100) });
	write_all();
}

static void operators_are_warned_once_of_a_campaign_whose_messages_fail(void **state)
{
	const struct uuid campaign = uuid_of(ACCOUNT_1);

	(void)state;
	warn_at(131026, false);
	warn_at(131047, true);
	assert_true(campaign_warnings_add(warnings, &campaign, code_of_status(131047).reason));
	warn_at(131026, true);
	assert_false(campaign_warnings_add(warnings, &campaign, code_of_status(131026).reason));
	warn_at(131049, false);
	assert_false(campaign_warnings_add(warnings, &campaign, code_of_status(131049).reason));
	assert_int_equal(emitted((struct record_view[EMITTED_MAX]){ 0 }), 0);
}

/* The account has no app. */
static void an_account_without_a_scope_waits_alone(void **state)
{
	(void)state;
	add_at(4, AT(100));
	write_all();
	assert_string_equal(held, "1:160 ");
}

static void an_opt_out_is_published(void **state)
{
	struct uuid account = uuid_of(ACCOUNT_1);
	struct inbound_event event;

	(void)state;
	add_at(131050, AT(100));
	write_all();
	done(inbound_decode(&event, emitted_one(TOPIC_INBOUND, "blazz.inbound.opt_out").value, db.arena, &db.err));
	assert_str(event.u.opt_out.party.phone, "628");
	assert_str(event.u.opt_out.category, "marketing_messages");
	assert_true(event.u.opt_out.stop && uuid_eq(&event.account, &account));
	assert_int_equal(event.source_time_ms, AT(100) / 1000);
}

static void an_address_that_cannot_be_reached_is_remembered(void **state)
{
	(void)state;
	add_at(131026, AT(100));
	write_all();
	assert_text(
		"SELECT concat_ws(' ', workspace_id, address, code, extract(epoch FROM since - '2026-01-01Z')::integer) FROM undeliverable",
		"1 628 131026 100");
}

static void a_pause_is_published(void **state)
{
	static const struct campaign campaign = { .uuid = { { 4 } }, .workspace = { { 2 } } };
	struct campaign_command c;

	(void)state;
	effects_add_pause(e, &campaign, "no_active_account", "No account can send it.");
	write_all();
	done(campaign_command_decode(&c, emitted_one(TOPIC_CAMPAIGN_COMMAND, "blazz.campaign_command.pause").value,
		db.arena, &db.err));
	assert_str(c.code, "no_active_account");
	assert_true(uuid_eq(&c.campaign, &campaign.uuid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_hold_is_written_cached_and_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(a_token_that_has_expired_disconnects_the_session, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_hold_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hold_that_is_over_holds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(accounts_of_a_waba_wait_together, setup, teardown),
		cmocka_unit_test_setup_teardown(accounts_of_an_app_wait_together_whatever_their_workspace, setup,
			teardown),
		cmocka_unit_test_setup_teardown(operators_are_warned_once_of_a_campaign_whose_messages_fail, setup,
			teardown),
		cmocka_unit_test_setup_teardown(an_account_without_a_scope_waits_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(an_opt_out_is_published, setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_that_cannot_be_reached_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pause_is_published, setup, teardown),
	};

	return cmocka_run_group_tests_name("campaign-sender/effects with PostgreSQL", tests, start, stop);
}
