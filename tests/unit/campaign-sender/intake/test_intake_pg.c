/* Intake against PostgreSQL: what becomes of requests to send messages. */
#include "unit.h"

#include "../part.h"
#include "base/clock.h"
#include "campaign-sender/intake/intake.h"

#define ANN  "00000000-0000-4000-8000-0000000000d1"
#define BOB  "00000000-0000-4000-8000-0000000000d2"
#define ROWS "SELECT string_agg(concat_ws('|', address, account_id, status, error_code), ' ' ORDER BY id) FROM sends"

static struct intake *intake;
static const struct sender_settings settings = { .media_max_bytes = 1024 };
static int64_t due[20];
static size_t n_due;
static int64_t local; /* the account whose lane this replica has */

static void due_note(void *ctx, int64_t workspace_id, int64_t account_id)
{
	(void)ctx;
	assert_int_equal(workspace_id, 1);
	due[n_due++] = account_id;
}

static bool is_local(void *ctx, int64_t account_id)
{
	(void)ctx;
	return account_id == local;
}

static int decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	(void)ctx;
	return intake_decode(intake, m, a, decoded, err);
}

static int apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	(void)ctx;
	return intake_apply(intake, tx, items, n, err);
}

static void committed(void *ctx)
{
	(void)ctx;
	intake_committed(intake);
}

static void rolled_back(void *ctx)
{
	(void)ctx;
	intake_rolled_back(intake);
}

static const struct worker_ops ops = { .decode = decode,
	.apply = apply,
	.committed = committed,
	.rolled_back = rolled_back };

static int start(void **state)
{
	if (part_open(state, &ops, 0) < 0)
		return -1;
	shared.settings = &settings;
	intake = intake_new(&shared, &(struct intake_ops){ .due = due_note, .local = is_local });
	return 0;
}

static int stop(void **state)
{
	intake_free(intake);
	return part_close(state);
}

/* Ann wrote to account 2 last, Bob is known by his BSUID only. */
static int people(void **state)
{
	part_empty(state);
	n_due = 0;
	local = 1;
	db_script(
		"INSERT INTO contacts (workspace_id, id, uuid, source_type, phone, match_key) VALUES"
		" (1, 10, '" ANN "', 'meta', '+5511987654321', '551187654321'), (1, 11, '" BOB "', 'meta', NULL, NULL);"
		"INSERT INTO contact_aliases (workspace_id, contact_id, kind, scope, value) VALUES"
		" (1, 10, 'phone', '', '551187654321'), (1, 11, 'bsuid', 'p1', 'ID.1');"
		"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name) VALUES (1, 5, 'g@g.us', 'g');"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id, group_id, last_message_at) VALUES"
		" (1, 1, 1, 10, NULL, '2026-01-01Z'), (1, 2, 2, 10, NULL, '2026-01-02Z'), (1, 3, 2, NULL, 5, NULL);"
		"INSERT INTO templates (workspace_id, account_id, provider_template_id, name, language, status, category) VALUES"
		" (1, 4, 't1', 'good', 'id', 'APPROVED', 'UTILITY'), (1, 4, 't2', 'bad', 'id', 'PAUSED', 'UTILITY')");
	return 0;
}

static struct uuid request_id(uint8_t n)
{
	return (struct uuid){ .b = { [6] = 0x40, [8] = 0x80, [15] = n } };
}

static struct send_message text_to(uint8_t n, const char *phone)
{
	return (struct send_message){ .request = request_id(n),
		.workspace = uuid_of(WORKSPACE),
		.chat = { .contact = { .phone = str_of(phone) } },
		.type = MSG_TEXT,
		.u.text = STR("hello"),
		.requested_at_ms = clock_now_ms() };
}

static void receive(const struct send_message *m)
{
	struct kafka_message record = { .timestamp_ms = m->requested_at_ms };
	struct buf value = BUF_INIT;

	assert_done(send_message_encode(m, &value, &db.err), db.err);
	record.key = STR("k");
	record.value = arena_str(db.arena, buf_str(&value));
	buf_fini(&value);
	assert_non_null(applier_receive(&applier, &record)->decoded);
}

static void apply_all(const struct send_message *messages, size_t n)
{
	batch_reset(applier.batch);
	n_due = 0;
	for (size_t i = 0; i < n; i++)
		receive(&messages[i]);
	batch_commit();
}

static void apply_one(struct send_message m)
{
	apply_all(&m, 1);
}

static void a_message_is_sent_through_the_account_of_the_latest_conversation(void **state)
{
	struct send_message m = text_to(1, "1");

	(void)state;
	m.contact = uuid_of(ANN);
	m.chat = (struct chat_ref){ .is_group = false };
	apply_one(m);
	assert_text(ROWS, "551187654321|2|pending");
	assert_int_equal(outcome_of(0), OUTCOME_APPLIED);
	assert_int_equal(db_i64("SELECT contact_id FROM sends WHERE next_attempt_at <= now()"), 10);
	assert_int_equal(db_i64("SELECT count(*) FROM send_lanes WHERE account_id = 2"), 1);
	assert_true(out.n_dead + out.n_inbound == 0);
}

static void the_number_that_is_dialled_is_kept_with_the_row(void **state)
{
	struct send_message m = text_to(1, "1"), stored;

	(void)state;
	m.contact = uuid_of(ANN);
	m.chat = (struct chat_ref){ .is_group = false };
	apply_one(m);
	done(send_message_decode(&stored, db_text("SELECT request FROM sends"), db.arena, &db.err));
	assert_true(uuid_is_nil(&stored.contact));
	assert_str(stored.chat.contact.phone, "+5511987654321");
	assert_str(stored.u.text, "hello");
}

static void a_recipient_that_is_no_contact_is_reached_through_the_primary(void **state)
{
	(void)state;
	apply_one(text_to(1, "62811100"));
	assert_text(ROWS, "62811100|1|pending");
}

static void a_known_number_is_its_contact(void **state)
{
	(void)state;
	apply_one(text_to(1, "5511987654321"));
	assert_text(ROWS, "551187654321|2|pending");
	assert_int_equal(db_i64("SELECT contact_id FROM sends"), 10);
}

static void a_named_account_is_used_even_if_it_is_not_connected(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	db_script("UPDATE whatsapp_accounts SET status = 'disconnected' WHERE id = 2");
	m.account = uuid_of(account_ids[2]);
	apply_one(m);
	assert_text(ROWS, "62811100|2|pending");
}

static void a_content_is_sent_through_an_account_that_can_carry_it(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	m.type = MSG_TEMPLATE;
	memset(&m.u, 0, sizeof(m.u));
	m.u.template = (struct send_template){ .present = true, .name = STR("good"), .language = STR("id") };
	apply_one(m);
	assert_text(ROWS, "62811100|4|pending");
}

/* The row, the Dispatch and the account under which the tenant sees it. */
static void assert_fails(const struct send_message *m, const char *row, const char *code, int account)
{
	struct uuid want = uuid_of(account_ids[account]);

	apply_all(m, 1);
	assert_text(ROWS, row);
	assert_int_equal(out.n_inbound, 1);
	assert_int_equal(out.inbound[0].kind, IN_DISPATCH);
	assert_int_equal(out.inbound[0].u.dispatch.outcome, DISPATCH_FAILED);
	assert_str(out.inbound[0].u.dispatch.error.code, code);
	assert_true(uuid_eq(&out.inbound[0].account, &want));
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE request IS NOT NULL"), 0);
	assert_int_equal(n_due, 0);
}

static void a_message_past_its_deadline_fails(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	m.requested_at_ms -= SEND_DEFAULT_DEADLINE_MS;
	assert_fails(&m, "62811100|1|failed|deadline", "deadline", 1);
}

/* It may have been sent after the backup. */
static void until_a_restore_is_accepted_a_message_past_its_deadline_waits(void **state)
{
	struct send_message m = text_to(1, "62811100"), other = text_to(2, "62811100");

	(void)state;
	m.requested_at_ms -= SEND_DEFAULT_DEADLINE_MS;
	other.requested_at_ms -= SEND_DEFAULT_DEADLINE_MS;
	db_script("INSERT INTO restores DEFAULT VALUES");
	apply_one(m);
	assert_text(ROWS, "62811100|1|pending");
	assert_int_equal(db_i64("SELECT count(*) FROM sends WHERE deadline < now()"), 1);
	db_script("DELETE FROM sends; UPDATE restores SET accepted_at = now()");
	assert_fails(&other, "62811100|1|failed|deadline", "deadline", 1);
}

static void a_template_that_cannot_be_used_fails(void **state)
{
	static const char *const names[] = { "bad", "none" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct send_message m = text_to(1, "62811100");

		people(state);
		m.account = uuid_of(account_ids[4]);
		m.type = MSG_TEMPLATE;
		memset(&m.u, 0, sizeof(m.u));
		m.u.template =
			(struct send_template){ .present = true, .name = str_of(names[i]), .language = STR("id") };
		assert_fails(&m, "62811100|4|failed|template_unusable", "template_unusable", 4);
	}
}

static void a_content_that_no_account_can_carry_fails(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	m.account = uuid_of(account_ids[1]);
	m.type = MSG_TEMPLATE;
	memset(&m.u, 0, sizeof(m.u));
	m.u.template = (struct send_template){ .present = true, .name = STR("good"), .language = STR("id") };
	assert_fails(&m, "62811100|1|failed|unsupported_content", "unsupported_content", 1);
}

static void a_number_that_nobody_can_have_fails(void **state)
{
	struct send_message m = text_to(1, "628111");

	assert_fails(&m, "628111|1|failed|no_address", "no_address", 1);
	people(state);
	m = text_to(1, "6281110000000000");
	assert_fails(&m, "6281110000000000|1|failed|no_address", "no_address", 1);
}

static void media_beyond_the_bound_fails(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	m.type = MSG_DOCUMENT;
	memset(&m.u, 0, sizeof(m.u));
	m.u.media = (struct media){ .present = true, .url = STR("https://files.example/a.pdf"), .size_bytes = 1025 };
	assert_fails(&m, "62811100|1|failed|unsupported_content", "unsupported_content", 1);
	assert_str(out.inbound[0].u.dispatch.error.title, "the media file has 1025 bytes, and media.max_bytes is 1024");
	people(state);
	m.u.media.size_bytes = 1024;
	apply_one(m);
	assert_text(ROWS, "62811100|1|pending");
}

static void a_contact_is_not_reached_through_a_provider_without_its_address(void **state)
{
	struct send_message m = text_to(1, "1");

	(void)state;
	m.contact = uuid_of(BOB);
	m.chat = (struct chat_ref){ .is_group = false };
	m.account = uuid_of(account_ids[1]);
	assert_fails(&m, "bsuid:ID.1|1|failed|no_address", "no_address", 1);
	people(state);
	m.account = (struct uuid){ 0 };
	apply_one(m);
	assert_text(ROWS, "bsuid:ID.1|4|pending");
}

static struct send_message text_to_group(uint8_t n, const char *jid)
{
	struct send_message m = text_to(n, "1");

	m.chat = (struct chat_ref){ .is_group = true, .group = { .jid = str_of(jid) } };
	return m;
}

static void a_group_is_reached_through_an_account_that_is_in_it(void **state)
{
	struct send_message m = text_to_group(1, "g@g.us");

	apply_one(m);
	assert_text(ROWS, "g@g.us|2|pending");
	for (int account = 1; account <= 4; account += 3) { /* a bridge's that is not in it, Meta's */
		char row[60];

		people(state);
		snprintf(row, sizeof(row), "g@g.us|%d|failed|unsupported_content", account);
		m.account = uuid_of(account_ids[account]);
		assert_fails(&m, row, "unsupported_content", account);
	}
}

static void without_a_usable_account_the_primary_stands_for_the_workspace(void **state)
{
	struct send_message m = text_to(1, "62811100");

	(void)state;
	db_script("UPDATE whatsapp_accounts SET desired_state = 'disconnected'");
	assert_fails(&m, "62811100|1|failed|no_active_account", "no_active_account", 1);
}

/* Another one may have sent it after the backup. */
static void until_a_restore_is_accepted_a_message_without_a_usable_account_waits(void **state)
{
	struct send_message other = text_to(2, "62811100");

	(void)state;
	db_script("UPDATE whatsapp_accounts SET desired_state = 'disconnected'; INSERT INTO restores DEFAULT VALUES");
	apply_one(text_to(1, "62811100"));
	assert_text(ROWS, "62811100|1|pending");
	db_script("DELETE FROM sends; UPDATE restores SET accepted_at = now()");
	assert_fails(&other, "62811100|1|failed|no_active_account", "no_active_account", 1);
}

static void without_any_account_only_the_row_says_so(void **state)
{
	(void)state;
	db_script("UPDATE whatsapp_accounts SET deleted_at = now()");
	apply_one(text_to(1, "62811100"));
	assert_text(ROWS, "62811100|failed|no_active_account");
	assert_true(out.n_inbound + out.n_dead == 0);
}

static void a_request_has_its_effect_once(void **state)
{
	struct send_message twice[] = { text_to(1, "62811100"), text_to(1, "62822200") };

	(void)state;
	apply_all(twice, 2);
	assert_text(ROWS, "62811100|1|pending");
	assert_int_equal(outcome_of(1), OUTCOME_NO_EFFECT);
	apply_one(text_to(1, "62833300"));
	assert_text(ROWS, "62811100|1|pending");
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
	assert_int_equal(n_due, 0);
}

static void what_does_not_exist_makes_a_dead_letter_that_can_be_replayed(void **state)
{
	struct send_message m[] = { text_to(1, "1"), text_to(2, "1"), text_to(3, "1"), text_to(4, "1") };

	(void)state;
	m[0].workspace = uuid_of(ANN);
	m[1].account = uuid_of(ANN);
	m[2].account = uuid_of(account_ids[3]); /* another workspace's */
	m[3].contact = uuid_of(account_ids[1]);
	apply_all(m, 4);
	assert_int_equal(db_i64("SELECT count(*) FROM sends"), 0);
	assert_int_equal(out.n_dead, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_str(dead_header(i, "x-dlq-reason"), "unknown_reference");
		assert_str(dead_header(i, "x-dlq-retryable"), "true");
		assert_int_equal(outcome_of(i), OUTCOME_DEAD_LETTERED);
	}
}

static void messages_to_one_recipient_keep_their_order(void **state)
{
	struct send_message m[] = { text_to(9, "62811100"), text_to(3, "62811100"), text_to(5, "62811100") };

	(void)state;
	apply_all(m, 3);
	assert_text(
		"SELECT string_agg(right(request_id::text, 1) || CASE next_attempt_at WHEN 'infinity' THEN 'waits' ELSE 'due' END,"
		" ' ' ORDER BY id) FROM sends",
		"9due 3waits 5waits");
}

static void reactions_and_read_markers_become_rows(void **state)
{
	struct send_message m[] = { text_to(1, "62811100"), text_to(2, "62811100") };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		m[i].kind = i == 0 ? SEND_REACTION : SEND_READ;
		m[i].type = MSG_NONE;
		memset(&m[i].u, 0, sizeof(m[i].u));
		m[i].reply_to = (struct target){ .key = STR("true:ABC") };
	}
	m[0].u.emoji = STR("+");
	apply_all(m, 2);
	assert_text("SELECT string_agg(kind || '|' || status, ' ' ORDER BY id) FROM sends",
		"reaction|pending read|pending");
}

static void lanes_of_this_replica_are_woken_after_the_commit_and_others_by_it(void **state)
{
	struct send_message m[] = { text_to(1, "62811100"), text_to(2, "62822200"), text_to(3, "62833300") };
	struct str channel, payload;

	(void)state;
	done(pg_listen(db.pg, "blazz_sending", &db.err));
	m[2].account = uuid_of(account_ids[2]);
	apply_all(m, 3);
	assert_true(n_due == 1 && due[0] == 1);
	execute(db.pg, "SELECT 1");
	for (int rc = 0;;) {
		rc = pg_notification(db.pg, &channel, &payload, &db.err);
		assert_int_equal(rc, 1);
		if (str_starts(payload, STR("due:")))
			break;
	}
	assert_str(payload, "due:00000000-0000-4000-8000-000000000012");
}

static void what_cannot_be_read_is_rejected(void **state)
{
	struct kafka_message m = { .value = STR("\xff") };
	void *decoded = NULL;

	(void)state;
	assert_int_equal(intake_decode(intake, &m, db.arena, &decoded, &db.err), -1);
	assert_true(db.err.kind == ERR_INPUT && db.err.reason == DEAD_DECODE);
	assert_null(decoded);
}

#define intake_test(name) cmocka_unit_test_setup((name), people)

int main(void)
{
	const struct CMUnitTest tests[] = {
		intake_test(a_message_is_sent_through_the_account_of_the_latest_conversation),
		intake_test(the_number_that_is_dialled_is_kept_with_the_row),
		intake_test(a_recipient_that_is_no_contact_is_reached_through_the_primary),
		intake_test(a_known_number_is_its_contact),
		intake_test(a_named_account_is_used_even_if_it_is_not_connected),
		intake_test(a_content_is_sent_through_an_account_that_can_carry_it),
		intake_test(a_message_past_its_deadline_fails),
		intake_test(until_a_restore_is_accepted_a_message_past_its_deadline_waits),
		intake_test(a_template_that_cannot_be_used_fails),
		intake_test(a_content_that_no_account_can_carry_fails),
		intake_test(a_number_that_nobody_can_have_fails),
		intake_test(media_beyond_the_bound_fails),
		intake_test(a_contact_is_not_reached_through_a_provider_without_its_address),
		intake_test(a_group_is_reached_through_an_account_that_is_in_it),
		intake_test(without_a_usable_account_the_primary_stands_for_the_workspace),
		intake_test(until_a_restore_is_accepted_a_message_without_a_usable_account_waits),
		intake_test(without_any_account_only_the_row_says_so),
		intake_test(a_request_has_its_effect_once),
		intake_test(what_does_not_exist_makes_a_dead_letter_that_can_be_replayed),
		intake_test(messages_to_one_recipient_keep_their_order),
		intake_test(reactions_and_read_markers_become_rows),
		intake_test(lanes_of_this_replica_are_woken_after_the_commit_and_others_by_it),
		intake_test(what_cannot_be_read_is_rejected),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
