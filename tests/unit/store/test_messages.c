/* Messages exactly once; receipts only forward; reactions and withdrawals by their time. */
#include "unit.h"

#include "db.h"
#include "store/messages.h"
#include "store/sender_renames.h"

static int with_conversations(void **state)
{
	db_empty(state);
	db_script(
		"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs'), (1, 20, 'webjs');"
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 100, 1, 10), (1, 200, 1, 20), (1, 300, 2, 10)");
	return 0;
}

static struct message_row message(int64_t id, const char *key)
{
	return (struct message_row){ .workspace_id = 1,
		.id = id,
		.account_id = 1,
		.conversation_id = 100,
		.key = str_of(key),
		.direction = DIR_INBOUND,
		.type = MSG_TEXT,
		.status = STATUS_DELIVERED,
		.origin = ORIGIN_LIVE,
		.metadata = STR("{\"body\": \"hi\"}"),
		.sent_us = AT(1),
		.delivered_us = PG_NO_TIME,
		.read_us = PG_NO_TIME,
		.edited_us = PG_NO_TIME,
		.revoked_us = PG_NO_TIME,
		.deleted_us = PG_NO_TIME };
}

static int insert(const struct message_row *const *rows, size_t n, bool *inserted)
{
	return store_messages_insert(db.pg, rows, n, &db.err) < 0
		? -1
		: store_messages_inserted(db.pg, rows, n, inserted, &db.err);
}

static bool insert_one(const struct message_row *m)
{
	bool inserted = false;

	done(insert(&m, 1, &inserted));
	return inserted;
}

static void ids_come_in_consecutive_blocks(void **state)
{
	int64_t first = 0, next = 0;
	size_t n = 0;

	(void)state;
	done(store_message_ids_draw(db.pg, 1, &first, &n, &db.err));
	assert_int_equal(n, 1024);
	done(store_message_ids_draw(db.pg, 1025, &next, &n, &db.err));
	assert_int_equal(n, 2048);
	assert_true(next >= first + 1024);
	done(store_message_ids_draw(db.pg, 0, &first, &n, &db.err));
	assert_int_equal(n, 1024);
	assert_true(first >= next + 2048);
}

static void a_message_is_inserted_once(void **state)
{
	struct message_row m[] = { message(1, "true:A"), message(2, "true:B"), message(3, "true:C"),
		message(4, "true:B") };
	const struct message_row *rows[] = { &m[0], &m[1], &m[2], &m[3] };
	bool inserted[4];

	(void)state;
	done(insert(&rows[1], 1, inserted));
	assert_true(inserted[0]);
	m[1].id = 5;             /* a repeat has another id */
	m[3].conversation_id = 200; /* the same key in another conversation is another message */
	done(insert(rows, 4, inserted));
	assert_true(inserted[0]);
	assert_false(inserted[1]);
	assert_true(inserted[2]);
	assert_true(inserted[3]);
	assert_text("SELECT string_agg(id::text, ' ' ORDER BY id) FROM chats", "1 2 3 4");
}

static struct message_row full_message(void)
{
	struct message_row m = message(7, "false:X");

	m.wam_id = STR("false_X");
	m.client_message_id = STR("c7");
	m.direction = DIR_OUTBOUND;
	m.type = MSG_IMAGE;
	m.status = STATUS_READ;
	m.sender = STR("lid:1");
	m.origin = ORIGIN_SYNC;
	m.placeholder = true;
	m.metadata = STR("{\"caption\": \"\xf0\x9f\x98\x80\"}");
	m.delivered_us = AT(2);
	m.read_us = AT(3);
	m.edited_us = AT(4);
	m.revoked_us = AT(5);
	m.deleted_us = AT(6);
	m.user_id = m.deleted_by = 1;
	return m;
}

static void assert_same(const struct message_row *a, const struct message_row *b)
{
	assert_int_equal(a->workspace_id, b->workspace_id);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->account_id, b->account_id);
	assert_int_equal(a->conversation_id, b->conversation_id);
	assert_true(str_eq(a->key, b->key));
	assert_true(str_eq(a->wam_id, b->wam_id));
	assert_true(str_eq(a->client_message_id, b->client_message_id));
	assert_int_equal(a->direction, b->direction);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->status, b->status);
	assert_true(str_eq(a->sender, b->sender));
	assert_int_equal(a->origin, b->origin);
	assert_int_equal(a->placeholder, b->placeholder);
	assert_true(str_eq(a->metadata, b->metadata));
	assert_int_equal(a->sent_us, b->sent_us);
	assert_int_equal(a->delivered_us, b->delivered_us);
	assert_int_equal(a->read_us, b->read_us);
	assert_int_equal(a->edited_us, b->edited_us);
	assert_int_equal(a->revoked_us, b->revoked_us);
	assert_int_equal(a->deleted_us, b->deleted_us);
	assert_int_equal(a->user_id, b->user_id);
	assert_int_equal(a->deleted_by, b->deleted_by);
}

struct found {
	struct message_row rows[8];
	size_t places[8], n;
};

static void keep(void *ctx, size_t place, const struct message_row *row)
{
	struct found *f = ctx;

	f->places[f->n] = place;
	f->rows[f->n++] = *row;
}

static struct found find(const char *key)
{
	struct message_key k = { 1, 1, str_of(key), 0, true };
	struct found f = { .n = 0 };

	done(store_messages_find(db.pg, &k, 1, db.arena, keep, &f, &db.err));
	return f;
}

static void inserted_messages_are_read_back(void **state)
{
	struct message_row full = full_message(), bare = message(8, "true:Y");

	(void)state;
	assert_true(insert_one(&full));
	assert_true(insert_one(&bare));
	assert_same(&find("false:X").rows[0], &full);
	assert_same(&find("true:Y").rows[0], &bare);
}

static void a_key_finds_its_messages_in_all_conversations_of_the_account(void **state)
{
	struct message_row a = message(1, "true:A"), b = message(2, "true:A"), c = message(3, "true:A");
	struct message_key keys[] = { { 1, 1, STR("true:Z"), 0, true }, { 1, 1, STR("true:A"), 0, true },
		{ 2, 1, STR("true:A"), 0, true } };
	struct found f = { .n = 0 };

	(void)state;
	b.conversation_id = 200;
	c.conversation_id = 300;
	c.account_id = 2;
	assert_true(insert_one(&a) && insert_one(&b) && insert_one(&c));
	done(store_messages_find(db.pg, keys, 3, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 2);
	assert_int_equal(f.places[0], 1);
	assert_int_equal(f.rows[0].id + f.rows[1].id, 3);
}

static void a_key_of_many_conversations_reads_the_one_asked_for_or_two(void **state)
{
	struct message_key in = { 1, 1, STR("true:A"), 200, true }, elsewhere = { 1, 1, STR("true:A"), 999, true };
	struct message_row m = message(0, "true:A");
	struct found f = { .n = 0 };

	(void)state;
	db_script("INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 30, 'webjs');"
		  "INSERT INTO conversations (workspace_id, id, account_id, contact_id) VALUES (1, 400, 1, 30)");
	for (m.id = 1; m.id <= 3; m.id++) {
		m.conversation_id = m.id == 3 ? 400 : m.id * 100;
		assert_true(insert_one(&m));
	}
	done(store_messages_find(db.pg, &in, 1, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 1);
	assert_int_equal(f.rows[0].conversation_id, 200);
	f.n = 0;
	done(store_messages_find(db.pg, &elsewhere, 1, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 2);
}

static void drop(void *ctx, size_t place, const struct message_row *row)
{
	(void)row;
	*(size_t *)ctx = place;
}

/* Rows of chats that this session fetched since its transaction began. */
static int64_t chats_fetched(void)
{
	struct pg_rows *rows = query(db.pg,
		"SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'chats'",
		NULL);
	int64_t n = pg_i64(rows, 0, 0);

	pg_rows_free(rows);
	return n;
}

static void count_found(void *ctx, size_t key, const struct message_row *row)
{
	(void)key, (void)row;
	++*(size_t *)ctx;
}

/* The table has not been analysed. */
static void a_key_is_not_searched_through_its_conversation(void **state)
{
	struct message_key keys[100];
	size_t found = 0;
	int64_t before;

	(void)state;
	execute(db.admin,
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)"
		" SELECT 1, g, 1, 100, 'true:' || md5(g::text), 'inbound', 'text', 'delivered', 'live', '{}', now() - g * interval '1 s'"
		" FROM generate_series(1, 10000) g");
	for (size_t i = 0; i < 100; i++)
		keys[i] = (struct message_key){ 1, 1,
			db_text(arena_cstr(db.arena,
				arena_printf(db.arena, "SELECT 'true:' || md5('%zu')", i * 100 + 1))),
			100, true };
	done(pg_begin(db.pg, &db.err));
	before = chats_fetched();
	done(store_messages_find(db.pg, keys, 100, db.arena, count_found, &found, &db.err));
	assert_in_range(chats_fetched() - before, 100, 300);
	pg_rollback(db.pg);
	assert_int_equal(found, 100);
}

static void many_large_messages_are_not_read_at_once(void **state)
{
	enum { LARGE = 256 * 1024, MANY = 400 };
	struct message_key keys[MANY];
	size_t last = 0;

	(void)state;
	execute(db.admin,
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type,"
		" message_status, origin, metadata, sent_at) SELECT 1, n, 1, 100, 'true:' || n, 'inbound', 'text', 'delivered',"
		" 'live', jsonb_build_object('body', repeat('x', 262144)), now() FROM generate_series(0, 399) AS n");
	for (int i = 0; i < MANY; i++)
		keys[i] = (struct message_key){ 1, 1, arena_printf(db.arena, "true:%d", i), 100, true };
	assert_failed(store_messages_find(db.pg, keys, MANY, db.arena, drop, &last, &db.err), db.err, ERR_INPUT,
		"too_large");
	assert_true(last * LARGE < 2 * 64 * 1024 * 1024); /* it gave up in between */
	done(store_messages_find(db.pg, keys, 200, db.arena, drop, &last, &db.err));
	for (int i = 0; i < MANY; i++)
		keys[i].content = false;
	done(store_messages_find(db.pg, keys, MANY, db.arena, drop, &last, &db.err));
}

static void content_is_read_on_request_or_when_the_message_failed(void **state)
{
	struct message_row a = message(1, "true:A"), b = message(2, "true:B"), c = message(3, "true:C");
	struct message_key keys[] = { { 1, 1, STR("true:A"), 0, false }, { 1, 1, STR("true:B"), 0, true },
		{ 1, 1, STR("true:C"), 0, false } };
	struct found f = { .n = 0 };

	(void)state;
	c.status = STATUS_FAILED;
	assert_true(insert_one(&a) && insert_one(&b) && insert_one(&c));
	done(store_messages_find(db.pg, keys, 3, db.arena, keep, &f, &db.err));
	assert_int_equal(f.n, 3);
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(f.rows[i].metadata.p != NULL, f.places[i] != 0);
}

static void absent_metadata_leaves_the_stored_value(void **state)
{
	struct message_row m = message(7, "true:A"), want = m;

	(void)state;
	assert_true(insert_one(&m));
	m.metadata = STR_NONE;
	m.status = want.status = STATUS_READ;
	done(store_messages(db.pg, (const struct message_row *const[]){ &m }, 1, &db.err));
	assert_same(&find("true:A").rows[0], &want);
}

struct matched {
	struct str keys[4];
};

static void keep_key(void *ctx, size_t place, struct str key)
{
	((struct matched *)ctx)->keys[place] = key;
}

struct own {
	struct str keys[2];
	int64_t conversations[2];
};

static void keep_own(void *ctx, size_t i, struct str key, int64_t conversation_id)
{
	struct own *own = ctx;

	own->keys[i] = key;
	own->conversations[i] = conversation_id;
}

static void messages_are_found_by_moment_and_by_our_own_id(void **state)
{
	struct message_row a = message(1, "true:A"), b = message(2, "true:B");
	struct message_moment moments[] = { { 1, 100, AT(2), a.direction, STR("true:S"), STR("hi") },
		{ 1, 100, AT(1), a.direction, STR("true:S"), STR("hi") },
		{ 1, 100, AT(1), a.direction, STR("true:S"), STR("another") },
		{ 1, 200, AT(1), a.direction, STR("true:S"), STR("hi") } };
	struct matched matched = { { STR_NONE } };
	struct message_key ids[] = { { 1, 2, STR("c1"), 0, true }, { 1, 1, STR("c1"), 0, true } };
	struct own own = { .keys = { STR_NONE } };

	(void)state;
	a.client_message_id = STR("c1");
	b.sent_us = AT(1) + 1;
	assert_true(insert_one(&a) && insert_one(&b));
	done(store_messages_at(db.pg, moments, 4, db.arena, keep_key, &matched, &db.err));
	assert_true(str_is(matched.keys[1], "true:A"));
	assert_true(!matched.keys[0].p && !matched.keys[2].p && !matched.keys[3].p);
	done(store_messages_by_client_id(db.pg, ids, 2, db.arena, keep_own, &own, &db.err));
	assert_false(own.keys[0].p);
	assert_true(str_is(own.keys[1], "true:A"));
	assert_int_equal(own.conversations[1], 100);
}

static void every_column_is_written_but_ids_account_and_conversation(void **state)
{
	struct message_row m = message(7, "true:A"), full = full_message(), want = full_message();

	(void)state;
	assert_true(insert_one(&m));
	full.account_id = 2;
	full.conversation_id = 200;
	done(store_messages(db.pg, (const struct message_row *const[]){ &full }, 1, &db.err));
	assert_int_equal(find("true:A").n, 0);
	assert_same(&find("false:X").rows[0], &want);
}

static void text_that_no_column_can_hold_is_rejected_as_a_whole(void **state)
{
	struct message_row good = message(1, "true:A"), bad = message(2, "true:B");
	const struct message_row *rows[] = { &good, &bad };
	bool inserted[2] = { true, true };

	(void)state;
	bad.metadata = STR("{\"body\": \"\xff\"}");
	assert_failed(insert(rows, 2, inserted), db.err, ERR_INPUT, "22021");
	assert_true(inserted[0] && inserted[1]); /* outputs are untouched */
	bad.metadata = STR("{\"body\": \"\\u0000\"}");
	assert_failed(insert(rows, 2, inserted), db.err, ERR_INPUT, "22P05");
	bad.metadata = STR("{}");
	bad.conversation_id = 999;
	assert_failed(insert(rows, 2, inserted), db.err, ERR_INPUT, "23503");
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 0);
}

static void a_participants_status_never_moves_back(void **state)
{
	static const struct {
		enum message_status have, got;
		bool changes;
	} cases[] = {
		{ STATUS_SENT, STATUS_DELIVERED, true },
		{ STATUS_DELIVERED, STATUS_READ, true },
		{ STATUS_READ, STATUS_PLAYED, true },
		{ STATUS_READ, STATUS_DELIVERED, false },
		{ STATUS_DELIVERED, STATUS_SENT, false },
		{ STATUS_READ, STATUS_READ, false },
		{ STATUS_SENT, STATUS_FAILED, true },
		{ STATUS_FAILED, STATUS_DELIVERED, true },
		{ STATUS_FAILED, STATUS_SENT, false },
		{ STATUS_READ, STATUS_FAILED, false },
		{ STATUS_PLAYED, STATUS_READ, false },
	};
	struct message_row m = message(1, "true:A");

	(void)state;
	assert_true(insert_one(&m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct receipt_row have = { 1, 1, STR("p"), cases[i].have, AT(1), false, STR_NONE },
				   got = { 1, 1, STR("p"), cases[i].got, AT(2), false, STR_NONE };

		execute(db.admin, "TRUNCATE chat_receipts");
		done(store_receipts(db.pg, &have, 1, &db.err));
		assert_true(have.changed);
		done(store_receipts(db.pg, &got, 1, &db.err));
		if (got.changed != cases[i].changes)
			fail_msg("%s after %s", message_status_word(cases[i].got), message_status_word(cases[i].have));
		assert_text("SELECT status FROM chat_receipts",
			message_status_word(cases[i].changes ? cases[i].got : cases[i].have));
	}
}

static void each_of_several_receipts_reports_whether_it_changed(void **state)
{
	struct message_row a = message(1, "true:A"), b = message(2, "true:B");
	struct receipt_row rows[] = {
		{ 1, 2, STR("p"), STATUS_SENT, AT(1), false, STR_NONE },
		{ 1, 1, STR("p"), STATUS_READ, AT(1), false, STR_NONE },
		{ 1, 1, STR("q"), STATUS_SENT, AT(1), false, STR_NONE },
	};

	(void)state;
	assert_true(insert_one(&a) && insert_one(&b));
	done(store_receipts(db.pg, &rows[1], 1, &db.err));
	done(store_receipts(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed);
	assert_false(rows[1].changed);
	assert_true(rows[2].changed);
}

static void reactions_follow_their_times(void **state)
{
	static const struct {
		const char *name, *emoji;
		int at;
		bool timed, changed;
		const char *want; /* the emoji afterwards, "" for none */
	} cases[] = {
		{ "the first", "A", 10, true, true, "A" },
		{ "the same again", "A", 10, true, false, "A" },
		{ "an older one", "B", 5, true, false, "A" },
		{ "an older withdrawal", "", 5, true, false, "A" },
		{ "a newer one", "B", 20, true, true, "B" },
		{ "the same, newer", "B", 30, true, false, "B" },
		{ "older than the renewed time", "C", 25, true, false, "B" },
		{ "another of the same time", "C", 30, true, true, "C" },
		{ "a withdrawal", "", 40, true, true, "" },
		{ "the withdrawal again", "", 40, true, false, "" },
		{ "given before it was withdrawn, arrives later", "D", 35, true, false, "" },
		{ "given again", "E", 50, true, true, "E" },
		{ "without a time of its own: the last to arrive", "F", 1, false, true, "F" },
		{ "withdrawn without a time of its own", "", 1, false, true, "" },
		{ "withdrawn twice", "", 1, false, false, "" },
	};
	struct message_row m = message(1, "true:A");

	(void)state;
	assert_true(insert_one(&m));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reaction_row row = { 1, 1, STR("p"), str_of(cases[i].emoji), AT(cases[i].at), cases[i].timed,
			!cases[i].changed, STR_NONE };

		done(store_reactions(db.pg, &row, 1, &db.err));
		if (row.changed != cases[i].changed)
			fail_msg("%s: changed %d", cases[i].name, row.changed);
		if (!str_is(db_text("SELECT coalesce(max(emoji), '') FROM chat_reactions"), cases[i].want))
			fail_msg("%s: %s", cases[i].name,
				arena_cstr(db.arena, db_text("SELECT max(emoji) FROM chat_reactions")));
		assert_int_equal(
			db_i64("SELECT (SELECT count(*) FROM chat_reactions) + (SELECT count(*) FROM chat_reactions_withdrawn)"),
			1);
	}
}

static void reactions_of_one_batch_are_independent(void **state)
{
	struct message_row m = message(1, "true:A");
	struct reaction_row rows[] = {
		{ 1, 1, STR("p"), STR("A"), AT(1), true, false, STR_NONE },
		{ 1, 1, STR("q"), STR_NONE, AT(1), true, true, STR_NONE }, /* nothing to withdraw */
		{ 1, 1, STR("r"), STR("B"), AT(1), false, false, STR_NONE },
	};

	(void)state;
	assert_true(insert_one(&m));
	done(store_reactions(db.pg, rows, 3, &db.err));
	assert_true(rows[0].changed);
	assert_false(rows[1].changed);
	assert_true(rows[2].changed);
	assert_text("SELECT string_agg(sender || emoji, ' ' ORDER BY sender) FROM chat_reactions", "pA rB");
	assert_text("SELECT sender FROM chat_reactions_withdrawn", "q");
}

static const struct sender_change renames[] = { { 1, 1, { "old", 3 }, { "new", 3 } },
	{ 1, 1, { "older", 5 }, { "new", 3 } } };

static void a_renamed_sender_keeps_the_newest_reaction(void **state)
{
	static const struct {
		const char *old, *older, *new, *want;
	} cases[] = {
		      /* at 20, 10 and 15 */
		{ "A", NULL, NULL, "A" },
		{ "A", "B", "C", "A" },
		{ NULL, "B", "C", "C" },
		{ "", "B", "C", "" },
		{ NULL, "", "C", "C" },
		{ "A", NULL, "", "A" },
	};
	struct message_row m[] = { message(1, "true:A"), message(2, "true:B") };

	(void)state;
	assert_true(insert_one(&m[0]) && insert_one(&m[1]));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *emojis[] = { cases[i].old, cases[i].older, cases[i].new };
		struct reaction_row rows[] = { { 1, 1, STR("old"), STR_NONE, AT(20), true, false, STR_NONE },
			{ 1, 1, STR("older"), STR_NONE, AT(10), true, false, STR_NONE },
			{ 1, 1, STR("new"), STR_NONE, AT(15), true, false, STR_NONE },
			{ 1, 2, STR("old"), STR("another message"), AT(20), true, false, STR_NONE } };

		execute(db.admin, "TRUNCATE chat_reactions, chat_reactions_withdrawn");
		for (size_t k = 0; k < 3; k++) {
			rows[k].emoji = str_of(emojis[k]);
			if (emojis[k])
				done(store_reactions(db.pg, &rows[k], 1, &db.err));
		}
		done(store_reactions(db.pg, &rows[3], 1, &db.err));
		done(store_reactions_rename(db.pg, renames, 2, &db.err));
		assert_text("SELECT coalesce(max(emoji), '') FROM chat_reactions WHERE chat_id = 1", cases[i].want);
		assert_int_equal(
			db_i64("SELECT (SELECT count(*) FROM chat_reactions) + (SELECT count(*) FROM"
			       " chat_reactions_withdrawn) + (SELECT count(*) FROM chat_reactions WHERE sender = 'old')"),
			3);
	}
}

static void a_renamed_participant_keeps_the_most_advanced_receipt(void **state)
{
	struct message_row m[] = { message(1, "true:A"), message(2, "true:B") };
	struct receipt_row rows[] = { { 1, 1, STR("old"), STATUS_READ, AT(1), false, STR_NONE },
		{ 1, 1, STR("older"), STATUS_SENT, AT(2), false, STR_NONE },
		{ 1, 1, STR("new"), STATUS_DELIVERED, AT(3), false, STR_NONE },
		{ 1, 2, STR("old"), STATUS_SENT, AT(4), false, STR_NONE } };

	(void)state;
	assert_true(insert_one(&m[0]) && insert_one(&m[1]));
	done(store_receipts(db.pg, rows, 4, &db.err));
	done(store_receipts_rename(db.pg, renames, 2, &db.err));
	assert_text(
		"SELECT string_agg(chat_id || participant || ' ' || status, ', ' ORDER BY chat_id) FROM chat_receipts",
		"1new read, 2old sent");
}

#define SENT_BY(name) \
	"SELECT (SELECT count(*) FROM chat_reactions WHERE sender = " name ")" \
	" + (SELECT count(*) FROM chat_reactions_withdrawn WHERE sender = " name ")" \
	" + (SELECT count(*) FROM chat_receipts WHERE participant = " name ")"

/* Contact 10 reacted to message 1, withdrew a reaction to message 2 and received both, as 'old'. */
static struct sender_rename rename_of_four(void)
{
	struct message_row m[] = { message(1, "true:A"), message(2, "true:B") };
	struct reaction_row reactions[] = { { 1, 1, STR("old"), STR("x"), AT(20), true, false, STR_NONE },
		{ 1, 2, STR("old"), STR(""), AT(20), true, false, STR_NONE } };
	struct receipt_row receipts[] = { { 1, 1, STR("old"), STATUS_READ, AT(1), false, STR_NONE },
		{ 1, 2, STR("old"), STATUS_SENT, AT(4), false, STR_NONE } };

	assert_true(insert_one(&m[0]) && insert_one(&m[1]));
	done(store_reactions(db.pg, reactions, 2, &db.err));
	done(store_receipts(db.pg, receipts, 2, &db.err));
	return (struct sender_rename){ .workspace_id = 1,
		.from = STR("old"),
		.contact_id = 10,
		.to = db_text("SELECT uuid::text FROM contacts WHERE id = 10"),
		.topic = STR("t"),
		.partition = 3 };
}

/* The contact whose renames are due in two partitions; 0: none is. */
static int64_t due(void)
{
	const int32_t partitions[] = { 2, 3 };
	int64_t workspace, contact;

	done(store_sender_renames_due(db.pg, STR("t"), partitions, 2, &workspace, &contact, &db.err));
	assert_int_equal(workspace, contact ? 1 : 0);
	return contact;
}

/* The names that are being renamed to a contact, with spaces. */
static const char *names_of(int64_t contact, int limit)
{
	struct buf out = BUF_INIT;
	struct str *names;
	const char *text;
	size_t n;

	done(store_sender_renames_of(db.pg, 1, contact, limit, db.arena, &names, &n, &db.err));
	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "", STR_ARG(names[i]));
	text = arena_cstr(db.arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void a_sender_is_renamed_in_slices(void **state)
{
	struct sender_rename both[2] = { rename_of_four() };
	bool begun[2];
	int n;

	(void)state;
	both[1] = both[0];
	both[1].from = STR("nothing is stored under it");
	done(store_sender_renames_begin(db.pg, both, 2, begun, &db.err));
	assert_true(begun[0]);
	assert_false(begun[1]);
	assert_int_equal(due(), 10);
	assert_string_equal(names_of(10, 100), "old");
	n = store_sender_renames_step(db.pg, both, 1, 1, &db.err);
	assert_int_equal(n, 1);
	assert_int_equal(db_i64(SENT_BY("'old'")), 2); /* the other message's */
	assert_int_equal(due(), 10);
	n = store_sender_renames_step(db.pg, both, 1, 1, &db.err);
	assert_int_equal(n, 1);
	assert_int_equal(db_i64(SENT_BY("'old'")), 0);
	assert_int_equal(db_i64(SENT_BY("(SELECT uuid::text FROM contacts WHERE id = 10)")), 4);
	assert_int_equal(due(), 0);
	assert_int_equal(store_sender_renames_step(db.pg, both, 1, 1, &db.err), 0);
}

static void one_slice_renames_several_aliases(void **state)
{
	struct sender_rename old = rename_of_four(), several[] = { old, old, old };
	struct reaction_row more[] = { { 1, 1, STR("older"), STR("y"), AT(30), true, false, STR_NONE },
		{ 1, 2, STR("oldest"), STR("z"), AT(10), true, false, STR_NONE } };
	bool begun[3];

	(void)state;
	several[1].from = STR("older");
	several[2].from = STR("oldest");
	done(store_reactions(db.pg, more, 2, &db.err));
	done(store_sender_renames_begin(db.pg, several, 3, begun, &db.err));
	assert_int_equal(store_sender_renames_step(db.pg, several, 3, 4, &db.err), 4);
	assert_string_equal(names_of(10, 100), "older oldest");
	assert_int_equal(store_sender_renames_step(db.pg, several, 3, 4, &db.err), 2);
	assert_string_equal(names_of(10, 100), "");
	assert_text("SELECT string_agg(emoji, ' ') FROM chat_reactions", "y"); /* a withdrawal is newer than z */
}

static void aliases_are_renamed_in_turn(void **state)
{
	struct sender_rename old = rename_of_four(), several[] = { old, old };
	struct reaction_row more = { 1, 1, STR("other"), STR("y"), AT(30), true, false, STR_NONE };
	bool begun[2];

	(void)state;
	several[1].from = STR("other");
	several[1].contact_id = 20;
	done(store_reactions(db.pg, &more, 1, &db.err));
	done(store_sender_renames_begin(db.pg, several, 2, begun, &db.err));
	for (int i = 0; i < 2; i++) {
		struct sender_rename first = several[due() == 20];

		assert_int_equal(due(), i == 0 ? 10 : 20);
		assert_int_equal(store_sender_renames_step(db.pg, &first, 1, 1, &db.err), 1);
	}
	assert_int_equal(due(), 10);
}

static void an_alias_with_a_pending_rename_keeps_its_holder(void **state)
{
	struct sender_rename first = rename_of_four(), second = first;
	bool begun;

	(void)state;
	second.contact_id = 20;
	done(store_sender_renames_begin(db.pg, &first, 1, &begun, &db.err));
	done(store_sender_renames_begin(db.pg, &second, 1, &begun, &db.err));
	assert_false(begun);
	assert_int_equal(due(), 10);
}

static void a_rename_follows_a_contact_that_is_merged(void **state)
{
	struct sender_rename rename = rename_of_four();
	struct sender_on_message before = { 1, 1, 10 }, named[] = { { 1, 1, 20 }, { 1, 1, 20 } };
	bool begun;

	(void)state;
	done(store_sender_renames_begin(db.pg, &rename, 1, &begun, &db.err));
	done(store_sender_renames_redirect(db.pg, 1, 10, 20, &db.err));
	assert_int_equal(due(), 20);
	done(store_sender_renames_named(db.pg, &before, 1, &db.err));
	assert_int_equal(db_i64(SENT_BY("'old'")), 4);
	done(store_sender_renames_named(db.pg, named, 2, &db.err));
	assert_int_equal(db_i64(SENT_BY("(SELECT uuid::text FROM contacts WHERE id = 20)")), 2);
	assert_int_equal(db_i64(SENT_BY("'old'")), 2);
}

/* With more renames than are looked up each: from what is stored on the message. */
static void all_rows_of_a_message_are_found_for_any_number_of_pending_renames(void **state)
{
	struct sender_rename rename = rename_of_four();
	struct sender_on_message other = { 1, 1, 20 }, named = { 1, 1, 10 };
	bool begun;

	(void)state;
	done(store_sender_renames_begin(db.pg, &rename, 1, &begun, &db.err));
	execute(db.admin,
		"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition) SELECT 1, 'n' || g || '-' || c, c, 't', 3"
		" FROM generate_series(1, 100) g, (VALUES (10), (20)) AS c (c)");
	done(store_sender_renames_named(db.pg, &other, 1, &db.err));
	assert_int_equal(db_i64(SENT_BY("'old'")), 4);
	done(store_sender_renames_named(db.pg, &named, 1, &db.err));
	assert_int_equal(db_i64(SENT_BY("(SELECT uuid::text FROM contacts WHERE id = 10)")), 2);
	assert_int_equal(db_i64(SENT_BY("'old'")), 2);
}

static void media_are_filled_in_and_never_overwritten(void **state)
{
	struct message_row m = message(1, "true:A");
	struct media_row first = { .workspace_id = 1, .chat_id = 1, .mime = STR("image/png") };
	struct media_row second = { .workspace_id = 1,
		.chat_id = 1,
		.mime = STR("image/gif"),
		.url = STR("https://x"),
		.size_bytes = 9,
		.provider_media_id = STR("m"),
		.sha256 = STR("s"),
		.file_name = STR("f") };

	(void)state;
	assert_true(insert_one(&m));
	done(store_media(db.pg, &first, 1, &db.err));
	done(store_media(db.pg, &second, 1, &db.err));
	done(store_media(db.pg, &first, 1, &db.err));
	assert_text(
		"SELECT concat_ws(' ', mime, url, size_bytes, provider_media_id, sha256, file_name) FROM chat_media",
		"image/png https://x 9 m s f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ids_come_in_consecutive_blocks, with_conversations),
		cmocka_unit_test_setup(a_message_is_inserted_once, with_conversations),
		cmocka_unit_test_setup(inserted_messages_are_read_back, with_conversations),
		cmocka_unit_test_setup(a_key_finds_its_messages_in_all_conversations_of_the_account,
			with_conversations),
		cmocka_unit_test_setup(a_key_of_many_conversations_reads_the_one_asked_for_or_two, with_conversations),
		cmocka_unit_test_setup(a_key_is_not_searched_through_its_conversation, with_conversations),
		cmocka_unit_test_setup(many_large_messages_are_not_read_at_once, with_conversations),
		cmocka_unit_test_setup(content_is_read_on_request_or_when_the_message_failed, with_conversations),
		cmocka_unit_test_setup(absent_metadata_leaves_the_stored_value, with_conversations),
		cmocka_unit_test_setup(messages_are_found_by_moment_and_by_our_own_id, with_conversations),
		cmocka_unit_test_setup(every_column_is_written_but_ids_account_and_conversation, with_conversations),
		cmocka_unit_test_setup(text_that_no_column_can_hold_is_rejected_as_a_whole, with_conversations),
		cmocka_unit_test_setup(a_participants_status_never_moves_back, with_conversations),
		cmocka_unit_test_setup(each_of_several_receipts_reports_whether_it_changed, with_conversations),
		cmocka_unit_test_setup(reactions_follow_their_times, with_conversations),
		cmocka_unit_test_setup(reactions_of_one_batch_are_independent, with_conversations),
		cmocka_unit_test_setup(a_renamed_sender_keeps_the_newest_reaction, with_conversations),
		cmocka_unit_test_setup(a_renamed_participant_keeps_the_most_advanced_receipt, with_conversations),
		cmocka_unit_test_setup(a_sender_is_renamed_in_slices, with_conversations),
		cmocka_unit_test_setup(one_slice_renames_several_aliases, with_conversations),
		cmocka_unit_test_setup(aliases_are_renamed_in_turn, with_conversations),
		cmocka_unit_test_setup(all_rows_of_a_message_are_found_for_any_number_of_pending_renames,
			with_conversations),
		cmocka_unit_test_setup(an_alias_with_a_pending_rename_keeps_its_holder, with_conversations),
		cmocka_unit_test_setup(a_rename_follows_a_contact_that_is_merged, with_conversations),
		cmocka_unit_test_setup(media_are_filled_in_and_never_overwritten, with_conversations),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
