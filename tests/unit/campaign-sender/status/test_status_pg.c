/* The status worker against PostgreSQL: what statuses, echoes, templates and texts do to rows, campaigns and contacts. */
#include "unit.h"

#include "../part.h"
#include "campaign-sender/status/status.h"
#include "store/sends.h"
#include "wire/chat_event.h"

#define REQUEST      "00000000-0000-4000-8000-0000000000f1"
#define CHAT         "00000000-0000-4000-8000-0000000000e1"
#define OF_CAMPAIGN  CAMPAIGN ".1000"
#define PAUSED       "132015"
#define UNDELIVERED  "131026"
#define TOKEN        "190"
#define NO_DELIVERY  "131049"
#define LONG_AGO_MS  INT64_C(1767225600000)
#define TYPE(suffix) { STR("ce_type"), STR("blazz.chat_event." suffix) }

static struct status_worker *worker;
static int64_t held_account;

static void held_note(void *ctx, int64_t workspace_id, int64_t account_id, int64_t until_us)
{
	(void)ctx;
	(void)until_us;
	assert_int_equal(workspace_id, 1);
	held_account = account_id;
}

static int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	(void)ctx;
	return status_decode(worker, m, a, decoded, err);
}

static int apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	(void)ctx;
	return status_apply(worker, tx, items, n, err);
}

static void committed(void *ctx)
{
	(void)ctx;
	status_committed(worker);
}

static void rolled_back(void *ctx)
{
	(void)ctx;
	status_rolled_back(worker);
}

static const struct worker_ops ops = { .decode = decode,
	.apply = apply,
	.committed = committed,
	.rolled_back = rolled_back };

static int start(void **state)
{
	if (part_open(state, &ops, 1) < 0)
		return -1;
	worker = status_worker_new(&shared, &(struct effects_ops){ .held = held_note });
	return 0;
}

static int stop(void **state)
{
	status_worker_free(worker);
	return part_close(state);
}

/* The campaign of sending.h, with one more recipient and one single message, both of account 1, that were sent. Contact 10 is the first
 * recipient. */
static int sent(void **state)
{
	part_empty(state);
	status_lost(worker);
	held_account = 0;
	db_script(RUNNING);
	db_script(
		"UPDATE whatsapp_accounts SET desired_at = '2025-12-01Z';"
		"UPDATE sends SET status = 'sent', sent_at = '2026-01-01Z' WHERE id = 1000;"
		"UPDATE campaign_counts SET sent = 1;"
		"INSERT INTO sends (workspace_id, id, request_id, address, account_id, status, sent_at, request) VALUES"
		" (1, 500, '" REQUEST "', '628110', 1, 'sent', '2026-01-01Z', 'x');"
		"INSERT INTO conversations (workspace_id, id, uuid, account_id, contact_id) VALUES (1, 1, '" CHAT
		"', 1, 10)");
	return 0;
}

static struct chat_event event(enum chat_event_kind kind, int account)
{
	struct chat_event e;

	memset(&e, 0, sizeof(e));
	e.id = uuid_of(REQUEST);
	e.workspace = uuid_of(WORKSPACE);
	e.account = uuid_of(account_ids[account]);
	e.conversation = uuid_of(CHAT);
	e.sequence = 1;
	e.occurred_at_ms = LONG_AGO_MS + 60000;
	e.origin = ORIGIN_LIVE;
	e.provider = account == 4 ? PROVIDER_META : PROVIDER_WEBJS;
	e.source = (struct event_source){ .producer = STR("chat-sync"), .seq = 1 };
	e.kind = kind;
	return e;
}

static struct chat_event status_of(const char *client, enum message_status status)
{
	struct chat_event e = event(CE_MESSAGE_STATUS, 1);

	e.u.message_status = (struct ce_message_status){ .message_id = 1,
		.message_uuid = uuid_of(REQUEST),
		.status = status,
		.at_ms = LONG_AGO_MS + 60000,
		.client_message_id = str_of(client) };
	return e;
}

static struct chat_event failure_of(const char *client, const char *code)
{
	struct chat_event e = status_of(client, STATUS_FAILED);

	e.u.message_status.error = (struct provider_error){ .code = str_of(code), .title = STR("no") };
	return e;
}

static struct chat_event created(enum direction direction, const char *body, const char *client)
{
	struct chat_event e = event(CE_MESSAGE_CREATED, 1);

	e.u.message_created.message = (struct message_view){ .id = 1,
		.uuid = uuid_of(REQUEST),
		.key = STR("true:W"),
		.provider_id = STR("W"),
		.client_message_id = str_of(client),
		.direction = direction,
		.type = MSG_TEXT,
		.status = STATUS_SENT,
		.body = str_of(body),
		.sent_at_ms = LONG_AGO_MS + 60000 };
	return e;
}

static struct chat_event template_is(const char *status)
{
	struct chat_event e = event(CE_TEMPLATE_STATUS, 1);

	e.conversation = (struct uuid){ 0 };
	e.u.template_status = (struct in_template_status){
		.provider_template_id = STR("t"), .name = STR("promo"), .language = STR("id"), .status = str_of(status)
	};
	return e;
}

static void apply_all(const struct chat_event *events, size_t n)
{
	batch_reset(applier.batch);
	for (size_t i = 0; i < n; i++) {
		struct str type = arena_printf(db.arena, "blazz.chat_event.%s", chat_event_type(events[i].kind));
		struct header *header = mem_alloc(sizeof(*header)); /* released with the batch */
		struct buf value = BUF_INIT;
		struct kafka_message m = { .headers = header, .headers_count = 1 };

		*header = (struct header){ STR("ce_type"), type };
		assert_done(chat_event_encode(&events[i], &value, &db.err), db.err);
		m.key = STR("k");
		m.value = arena_str(db.arena, buf_str(&value));
		buf_fini(&value);
		(void)applier_receive(&applier, &m);
	}
	batch_commit();
}

static void apply_one(struct chat_event e)
{
	apply_all(&e, 1);
}

static void a_status_moves_its_row_and_its_campaign(void **state)
{
	const struct chat_event events[] = { status_of(OF_CAMPAIGN, STATUS_DELIVERED),
		status_of(REQUEST, STATUS_PLAYED) };

	(void)state;
	apply_all(events, 2);
	assert_send(1000, "status || ' ' || (delivered_at = '2026-01-01 00:01Z')", "delivered true");
	assert_send(500, "status", "read");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_text("SELECT string_agg(source || slot || ':' || delivered, ' ' ORDER BY source) FROM campaign_counts",
		"driver3:0 status1:1");
	assert_int_equal(outcome_of(0), OUTCOME_APPLIED);
	apply_all(events, 2);
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_message_with_our_id_says_that_it_was_sent(void **state)
{
	static const struct {
		enum provider provider;
		const char *want;
	} rows[] = { { PROVIDER_WEBJS, "sent echo W" }, { PROVIDER_META, "sent status W" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct chat_event e = created(DIR_OUTBOUND, "x", REQUEST);

		db_script(
			"UPDATE sends SET status = 'unknown', sent_at = NULL, next_attempt_at = now() WHERE id = 500");
		e.provider = rows[i].provider;
		apply_one(e);
		assert_send(500, "concat_ws(' ', status, resolved_by, provider_message_id, next_attempt_at)",
			rows[i].want);
	}
}

static void a_message_that_was_created_as_failed_is_no_evidence(void **state)
{
	struct chat_event e = created(DIR_OUTBOUND, "x", REQUEST);

	(void)state;
	db_script("UPDATE sends SET status = 'failed', sent_at = NULL WHERE id = 500");
	e.u.message_created.message.status = STATUS_FAILED;
	apply_one(e);
	assert_send(500, "status || (sent_at IS NULL)", "failedtrue");
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
	assert_null(applier.batch->items[0].decoded);
}

static void an_id_of_another_program_changes_nothing(void **state)
{
	const struct chat_event events[] = { status_of("order-1", STATUS_READ),
		status_of("00000000-0000-4000-8000-0000000000ff", STATUS_READ), status_of(CAMPAIGN ".7", STATUS_READ) };

	(void)state;
	apply_all(events, 3);
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE status NOT IN ('sent', 'pending')"), 0);
}

static void records_of_other_types_are_not_decoded(void **state)
{
	struct header type[] = { TYPE("conversation.updated") };
	struct kafka_message m = { .value = STR("\xff"), .headers = type, .headers_count = 1 };
	void *decoded = &m;

	(void)state;
	assert_int_equal(status_decode(worker, &m, db.arena, &decoded, &db.err), 0);
	assert_null(decoded);
	type[0].value = STR("blazz.chat_event.message.status");
	assert_int_equal(status_decode(worker, &m, db.arena, &decoded, &db.err), -1);
	assert_int_equal(db.err.reason, DEAD_DECODE);
}

static void a_failure_has_the_effects_of_its_code(void **state)
{
	(void)state;
	apply_one(failure_of(OF_CAMPAIGN, UNDELIVERED));
	assert_send(1000, "concat_ws('|', status, error_code, error_message)", "failed|131026|no");
	assert_text("SELECT address || ' ' || code FROM undeliverable", "628110 131026");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	apply_one(failure_of(REQUEST, TOKEN));
	assert_text(
		"SELECT concat_ws('|', account_id, held_code, held_until) FROM send_lanes WHERE held_at IS NOT NULL",
		"1|190|infinity");
	assert_int_equal(held_account, 1);
	assert_int_equal(out.n_inbound, 1);
	assert_int_equal(out.inbound[0].kind, IN_SESSION_STATE);
}

static void of_a_contact_with_several_numbers_the_one_that_was_dialled_is_undeliverable(void **state)
{
	(void)state;
	db_script(
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) VALUES (1, 10, 'phone', '62800')");
	apply_one(failure_of(OF_CAMPAIGN, UNDELIVERED));
	assert_text("SELECT string_agg(address, ' ') FROM undeliverable", "628110");
}

static void a_failure_that_is_repeated_has_no_effect(void **state)
{
	(void)state;
	apply_one(failure_of(REQUEST, TOKEN));
	execute(db.admin, "UPDATE send_lanes SET held_at = NULL, held_until = NULL");
	apply_one(failure_of(REQUEST, TOKEN));
	assert_int_equal(db_i64("SELECT count(*) FROM send_lanes WHERE held_at IS NOT NULL"), 0);
}

static void a_code_that_stops_a_campaign_pauses_it_at_once(void **state)
{
	struct uuid campaign = uuid_of(CAMPAIGN);

	(void)state;
	apply_one(failure_of(OF_CAMPAIGN, PAUSED));
	assert_int_equal(out.n_commands, 1);
	assert_int_equal(out.commands[0].action, CAMPAIGN_PAUSE);
	assert_str(out.commands[0].code, PAUSED);
	assert_true(uuid_eq(&out.commands[0].campaign, &campaign));
}

/* Five of the first ten results: 132000 is a fault of the parameters. */
static void failures_of_one_kind_open_the_breaker_of_their_campaign(void **state)
{
	struct chat_event events[5];

	(void)state;
	db_script("UPDATE sends SET status = 'sent', sent_at = '2026-01-01Z' WHERE campaign_id = 1");
	for (size_t i = 0; i < 5; i++)
		events[i] = failure_of(arena_printf(db.arena, CAMPAIGN ".%zu", 1000 + i).p, "132000");
	apply_all(events, 4);
	assert_int_equal(out.n_commands, 0);
	apply_all(events, 5);
	assert_int_equal(out.n_commands, 1);
	assert_str(out.commands[0].code, "132000");
}

#define TEMPLATE_CAMPAIGNS \
	"INSERT INTO templates (workspace_id, id, account_id, provider_template_id, name, language) VALUES (1, 7, 1, 't', 'promo', 'id');" \
	"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, template_id, status, pause_code) VALUES" \
	" (1, 2, '00000000-0000-4000-8000-0000000000c2', 'b', 'template', 7, 'running', NULL)," \
	" (1, 3, '00000000-0000-4000-8000-0000000000c3', 'c', 'template', 7, 'paused', '132015')," \
	" (1, 4, '00000000-0000-4000-8000-0000000000c4', 'd', 'template', 7, 'paused', NULL);" \
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition)" \
	" SELECT 1, g, 0, 1, 0 FROM generate_series(2, 4) g"

/* The last byte of the campaign that the only command is for. */
static uint8_t commanded(enum campaign_action action, const char *code)
{
	assert_int_equal(out.n_commands, 1);
	assert_int_equal(out.commands[0].action, action);
	assert_str(out.commands[0].code, code);
	return out.commands[0].campaign.b[15];
}

static void a_template_that_is_approved_again_resumes_what_its_pause_had_paused(void **state)
{
	(void)state;
	db_script(TEMPLATE_CAMPAIGNS);
	apply_one(template_is("APPROVED"));
	assert_int_equal(commanded(CAMPAIGN_RESUME, PAUSED), 0xc3);
}

static void a_template_that_is_paused_or_disabled_pauses_what_uses_it(void **state)
{
	const struct chat_event both[] = { template_is("APPROVED"), template_is("PAUSED") };

	(void)state;
	db_script(TEMPLATE_CAMPAIGNS);
	apply_one(template_is("DISABLED"));
	assert_int_equal(commanded(CAMPAIGN_PAUSE, "132016"), 0xc2);
	apply_all(both, 2);
	assert_int_equal(commanded(CAMPAIGN_PAUSE, PAUSED), 0xc2);
	apply_one(template_is("PENDING"));
	assert_int_equal(out.n_commands, 0);
}

#define WORDS \
	"UPDATE workspaces SET settings = '{\"sending\": {\"opt_out_words\": [\"Stop\", \"arrêt\"], \"opt_in_words\": [\"start\"]}}'"

static void a_text_that_is_one_of_the_words_stops_or_resumes_marketing(void **state)
{
	static const struct {
		const char *text;
		int stop; /* -1: it is no word */
	} cases[] = { { " STOP ", 1 }, { "ARRÊT", 1 }, { "Start", 0 }, { "stop it", -1 }, { "", -1 } };

	(void)state;
	db_script(WORDS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		apply_one(created(DIR_INBOUND, cases[i].text, NULL));
		assert_int_equal(out.n_inbound, cases[i].stop >= 0);
		if (cases[i].stop < 0)
			continue;
		assert_int_equal(out.inbound[0].kind, IN_OPT_OUT);
		assert_int_equal(out.inbound[0].u.opt_out.stop, cases[i].stop);
		assert_str(out.inbound[0].u.opt_out.category, "marketing_messages");
		assert_str(out.inbound[0].u.opt_out.party.phone, "628110");
	}
}

static void without_words_and_in_groups_a_text_is_only_a_text(void **state)
{
	struct chat_event e = created(DIR_INBOUND, "stop", NULL);

	(void)state;
	apply_one(e);
	assert_int_equal(out.n_inbound, 0);
	db_script(WORDS);
	account_cache_clear(shared.accounts);
	e.u.message_created.group.jid = STR("g@g.us");
	apply_one(e);
	assert_int_equal(out.n_inbound, 0);
}

/* Makes 500 an unknown text through account 1 to contact 10, and the first `n` recipients of the campaign the same. */
static void make_unknown(const char *text, int n)
{
	struct send_message m = { .request = uuid_of(REQUEST),
		.workspace = uuid_of(WORKSPACE),
		.chat = { .contact = { .phone = STR("628110") } },
		.type = MSG_TEXT,
		.u.text = str_of(text),
		.requested_at_ms = LONG_AGO_MS };
	struct pg_args *args = pg_args_new();
	struct buf content = BUF_INIT;

	assert_done(send_message_encode(&m, &content, &db.err), db.err);
	pg_arg_bytea(args, buf_str(&content));
	pg_arg_i64(args, 1000 + n);
	pg_rows_free(query(db.admin,
		"UPDATE sends SET status = 'unknown', sent_at = NULL, next_attempt_at = now(), account_id = 1, created_at = '2026-01-01Z',"
		" address = CASE WHEN id = 500 THEN '628110' ELSE address END, request = $1::bytea WHERE id = 500 OR id BETWEEN 1000 AND $2::bigint - 1",
		args));
	pg_args_free(args);
	buf_fini(&content);
	db_script(
		"DELETE FROM campaign_counts;"
		"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, recipients, unknown)"
		" SELECT 1, 1, 'driver', 3, count(*), count(*) FILTER (WHERE status = 'unknown') FROM sends WHERE campaign_id = 1");
}

static void an_echo_resolves_the_unknown_message_that_it_shows(void **state)
{
	(void)state;
	make_unknown("hello", 0);
	apply_one(created(DIR_OUTBOUND, "hello ", NULL));
	assert_send(500, "concat_ws(' ', status, resolved_by, provider_message_id)", "sent echo W");
	assert_int_equal(out.n_inbound, 1);
	assert_int_equal(out.inbound[0].u.dispatch.outcome, DISPATCH_SENT);
	assert_str(out.inbound[0].u.dispatch.message.key, "true:W");
	assert_str(out.inbound[0].u.dispatch.message.client_message_id, REQUEST);
}

/* Bridges post it before WhatsApp has acknowledged it. */
static void an_echo_that_is_pending_shows_it_all_the_same(void **state)
{
	struct chat_event echo = created(DIR_OUTBOUND, "hello", NULL);

	(void)state;
	make_unknown("hello", 0);
	echo.u.message_created.message.status = STATUS_PENDING;
	apply_one(echo);
	assert_send(500, "concat_ws(' ', status, resolved_by)", "sent echo");
}

static void an_echo_that_comes_before_its_answer_ends_the_message(void **state)
{
	(void)state;
	make_unknown("hello", 0);
	db_script("UPDATE sends SET status = 'pending' WHERE id = 500;"
		  "UPDATE send_lanes SET in_flight = '{500}' WHERE account_id = 1");
	apply_one(created(DIR_OUTBOUND, "hello", NULL));
	assert_send(500, "status", "sent");
}

static void an_echo_resolves_a_recipient_of_a_campaign(void **state)
{
	(void)state;
	make_unknown("hello", 1);
	execute(db.admin, "DELETE FROM sends WHERE id = 500");
	apply_one(created(DIR_OUTBOUND, "hello", NULL));
	assert_send(1000, "status", "sent");
	assert_str(out.inbound[0].u.dispatch.message.client_message_id, OF_CAMPAIGN);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void an_echo_that_may_be_of_two_messages_or_of_none_resolves_none(void **state)
{
	struct chat_event early = created(DIR_OUTBOUND, "hello", NULL);

	(void)state;
	make_unknown("hello", 0);
	apply_one(created(DIR_OUTBOUND, "hello you", NULL));
	early.u.message_created.message.sent_at_ms = LONG_AGO_MS - 60000;
	apply_one(early);
	assert_send(500, "status", "unknown");
	make_unknown("hello", 1);
	apply_one(created(DIR_OUTBOUND, "hello", NULL));
	assert_send(500, "status", "unknown");
	assert_send(1000, "status", "unknown");
	assert_int_equal(out.n_inbound, 0);
}

static void two_echoes_of_one_message_resolve_it_once(void **state)
{
	const struct chat_event twice[] = { created(DIR_OUTBOUND, "hello", NULL),
		created(DIR_OUTBOUND, "hello", NULL) };

	(void)state;
	make_unknown("hello", 0);
	apply_all(twice, 2);
	assert_send(500, "status", "sent");
	assert_int_equal(out.n_inbound, 1);
}

/* Row 1000 is another recipient's since the database was restored. */
static void after_a_restore_an_id_counts_with_its_address(void **state)
{
	(void)state;
	db_script("UPDATE sends SET address = '999' WHERE id = 1000;"
		  "UPDATE sends SET address = '628110', status = 'sent', sent_at = now() WHERE id = 1001");
	apply_one(status_of(OF_CAMPAIGN, STATUS_DELIVERED));
	assert_send(1000, "status", "delivered");
	db_script("UPDATE sends SET status = 'sent' WHERE id = 1000;INSERT INTO restores DEFAULT VALUES");
	apply_one(status_of(OF_CAMPAIGN, STATUS_DELIVERED));
	assert_send(1000, "status", "sent");
	assert_send(1001, "status", "delivered");
}

static void a_status_of_an_earlier_generation_is_counted_as_a_suspected_duplicate(void **state)
{
	(void)state;
	db_script("UPDATE sends SET generation = 1 WHERE id = 1000");
	apply_one(status_of(OF_CAMPAIGN, STATUS_DELIVERED));
	assert_send(1000, "status || duplicate_suspected", "senttrue");
}

#define status_test(name) cmocka_unit_test_setup((name), sent)

int main(void)
{
	const struct CMUnitTest tests[] = {
		status_test(a_status_moves_its_row_and_its_campaign),
		status_test(a_message_with_our_id_says_that_it_was_sent),
		status_test(a_message_that_was_created_as_failed_is_no_evidence),
		status_test(an_id_of_another_program_changes_nothing),
		status_test(records_of_other_types_are_not_decoded),
		status_test(a_failure_has_the_effects_of_its_code),
		status_test(of_a_contact_with_several_numbers_the_one_that_was_dialled_is_undeliverable),
		status_test(a_failure_that_is_repeated_has_no_effect),
		status_test(a_code_that_stops_a_campaign_pauses_it_at_once),
		status_test(failures_of_one_kind_open_the_breaker_of_their_campaign),
		status_test(a_template_that_is_approved_again_resumes_what_its_pause_had_paused),
		status_test(a_template_that_is_paused_or_disabled_pauses_what_uses_it),
		status_test(a_text_that_is_one_of_the_words_stops_or_resumes_marketing),
		status_test(without_words_and_in_groups_a_text_is_only_a_text),
		status_test(an_echo_resolves_the_unknown_message_that_it_shows),
		status_test(an_echo_that_is_pending_shows_it_all_the_same),
		status_test(an_echo_that_comes_before_its_answer_ends_the_message),
		status_test(an_echo_resolves_a_recipient_of_a_campaign),
		status_test(an_echo_that_may_be_of_two_messages_or_of_none_resolves_none),
		status_test(two_echoes_of_one_message_resolve_it_once),
		status_test(after_a_restore_an_id_counts_with_its_address),
		status_test(a_status_of_an_earlier_generation_is_counted_as_a_suspected_duplicate),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
