/* Conversations: found by whom they are with, counted as the messages say, merged without losing anything. */
#include "unit.h"

#include "db.h"
#include "store/conversations.h"
#include "store/conversations_merge.h"

#define CONTACTS \
	"INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 10, 'webjs'), (1, 20, 'webjs');" \
	"INSERT INTO whatsapp_groups (workspace_id, id, group_jid, name) VALUES (1, 5, '5@g.us', 'Five')"

static int with_contacts(void **state)
{
	db_empty(state);
	db_script(CONTACTS);
	return 0;
}

static struct conversation_row with(int64_t account_id, int64_t contact_id, int64_t group_id)
{
	return (struct conversation_row){
		.workspace_id = 1, .account_id = account_id, .contact_id = contact_id, .group_id = group_id
	};
}

static struct conversation_row create(int64_t account_id, int64_t contact_id, int64_t group_id)
{
	struct conversation_row v = with(account_id, contact_id, group_id), *row = &v;

	done(store_conversations_create(db.pg, &row, 1, db.arena, &db.err));
	assert_true(v.id > 0);
	return v;
}

static void a_conversation_is_created_once_per_account_and_peer(void **state)
{
	struct conversation_row a = with(1, 10, 0), b = with(2, 10, 0), c = with(1, 0, 5), again = with(1, 10, 0);
	struct conversation_row *rows[] = { &a, &b, &c };

	(void)state;
	uuid_v4(&a.uuid);
	again.uuid = a.uuid;
	done(store_conversations_create(db.pg, rows, 3, db.arena, &db.err));
	assert_true(a.id && b.id && c.id && a.id != b.id && b.id != c.id);
	assert_true(uuid_eq(&a.uuid, &again.uuid));
	assert_false(uuid_is_nil(&b.uuid));
	assert_true(a.last_read_us == PG_NO_TIME);
	again.uuid = (struct uuid){ 0 };
	rows[0] = &again;
	done(store_conversations_create(db.pg, rows, 1, db.arena, &db.err));
	assert_int_equal(again.id, a.id);
	assert_true(uuid_eq(&a.uuid, &again.uuid));
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 3);
}

static void conversations_are_found_by_peer_and_by_uuid(void **state)
{
	struct conversation_row contact = create(1, 10, 0), group = create(1, 0, 5);
	struct conversation_row a = with(1, 10, 0), b = with(1, 0, 5), c = with(2, 10, 0),
				d = { .workspace_id = 1, .uuid = group.uuid };
	struct conversation_row e = { .workspace_id = 2, .uuid = group.uuid };
	struct conversation_row *rows[] = { &a, &b, &c, &d, &e };

	(void)state;
	done(store_conversations_find(db.pg, rows, 5, db.arena, &db.err));
	assert_int_equal(a.id, contact.id);
	assert_int_equal(b.id, group.id);
	assert_int_equal(c.id, 0);
	assert_int_equal(d.id, group.id);
	assert_int_equal(d.group_id, 5);
	assert_int_equal(d.contact_id, 0);
	assert_int_equal(e.id, 0);
}

static void none_is_created_for_a_contact_that_was_merged(void **state)
{
	struct conversation_row v = with(1, 20, 0), gone = with(1, 999, 0);
	struct conversation_row *rows[] = { &v, &gone };

	(void)state;
	execute(db.admin, "UPDATE contacts SET merged_into = 10 WHERE id = 20");
	done(store_conversations_create(db.pg, rows, 2, db.arena, &db.err));
	assert_int_equal(v.id, 0);
	assert_int_equal(gone.id, 0);
}

static int create_other(struct pg *pg, void *ctx, struct err *err)
{
	struct conversation_row *row = ctx;
	struct arena *a = arena_new(1024);
	int rc = store_conversations_create(pg, &row, 1, a, err);

	arena_free(a);
	return rc;
}

static void a_contact_that_is_being_merged_is_waited_for_and_not_used(void **state)
{
	struct conversation_row theirs = with(1, 20, 0);
	struct other other = { .act = create_other, .ctx = &theirs };

	(void)state;
	done(pg_begin(db.pg, &db.err));
	execute(db.pg, "SELECT FROM contacts WHERE id = 20 FOR UPDATE");
	other_start(&other);
	execute(db.pg, "UPDATE contacts SET merged_into = 10 WHERE id = 20");
	done(pg_commit(db.pg, &db.err));
	other_end(&other);
	assert_int_equal(theirs.id, 0);
}

static void loading_finds_all_conversations_or_fails(void **state)
{
	struct conversation_row have = create(1, 10, 0), a = { .workspace_id = 1, .id = have.id },
				b = { .workspace_id = 2, .id = have.id };
	struct conversation_row *rows[] = { &a, &b };

	(void)state;
	done(store_conversations_load(db.pg, rows, 1, db.arena, &db.err));
	assert_int_equal(a.contact_id, 10);
	assert_failed(store_conversations_load(db.pg, rows, 2, db.arena, &db.err), db.err, ERR_FATAL, "conversation");
}

static void stored_values_are_read_back(void **state)
{
	struct conversation_row v = create(1, 10, 0), back = { .workspace_id = 1, .id = v.id }, *row = &v;

	(void)state;
	v.sequence = 7;
	v.unread = 3;
	v.last_read_us = AT(1);
	v.last_message_us = AT(2);
	v.last_inbound_us = AT(3);
	v.last_message_id = 99;
	v.last_sender = STR("lid:9");
	v.archived = true;
	v.archived_us = 7654321;
	done(store_conversations(db.pg, (const struct conversation_row *const *)&row, 1, &db.err));
	row = &back;
	done(store_conversations_load(db.pg, &row, 1, db.arena, &db.err));
	assert_int_equal(back.sequence, 7);
	assert_int_equal(back.unread, 3);
	assert_int_equal(back.last_read_us, AT(1));
	assert_int_equal(back.last_message_us, AT(2));
	assert_int_equal(back.last_inbound_us, AT(3));
	assert_int_equal(back.last_message_id, 99);
	assert_str(back.last_sender, "lid:9");
	assert_true(back.archived);
	assert_int_equal(back.archived_us, 7654321);
}

static void unread_below_zero_is_rejected(void **state)
{
	struct conversation_row v = create(1, 10, 0), *row = &v;

	(void)state;
	v.unread = -1;
	assert_done(store_conversations(db.pg, (const struct conversation_row *const *)&row, 1, &db.err), db.err);
	assert_failed(pg_collect(db.pg, NULL, &db.err), db.err, ERR_INPUT, "23514");
}

/* A message at a second; the id is its key, too. */
static void message(int64_t id, const struct conversation_row *v, const char *type, const char *origin, int at,
	const char *more)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,"
		" metadata, sent_at) VALUES (1, %lld, %lld, %lld, 'true:%lld', '%s', 'text', 'delivered', '%s', '{}',"
		" to_timestamp(1767225600 + %d))",
		(long long)id, (long long)v->account_id, (long long)v->id, (long long)id, type, origin, at);
	execute(db.admin, sql);
	if (more) {
		snprintf(sql, sizeof(sql), "UPDATE chats SET %s WHERE id = %lld", more, (long long)id);
		execute(db.admin, sql);
	}
}

static void a_recount_counts_newer_live_and_synced_inbound_messages(void **state)
{
	struct conversation_row v = create(1, 10, 0), other = create(2, 10, 0);
	struct conversation_row *rows[] = { &v, &other };

	(void)state;
	message(1, &v, "inbound", "live", 10, NULL);
	message(2, &v, "inbound", "sync", 20, NULL);
	message(3, &v, "inbound", "history", 30, NULL);
	message(4, &v, "outbound", "live", 40, NULL);
	message(5, &v, "inbound", "live", 50, "deleted_at = now()");
	message(6, &v, "inbound", "live", 60, NULL);
	v.unread = 99;
	other.unread = 99;
	done(store_conversations_recount(db.pg, rows, 2, &db.err));
	assert_int_equal(v.unread, 3);
	assert_int_equal(other.unread, 0);
	v.last_read_us = AT(10); /* read up to and including */
	done(store_conversations_recount(db.pg, rows, 1, &db.err));
	assert_int_equal(v.unread, 2);
}

static void a_mark_leaves_the_newest_messages_unread(void **state)
{
	static const struct {
		const char *name;
		int32_t count;
		int until;
		int64_t want_us;
	} cases[] = {
		{ "none unread", 0, 100, AT(100) },
		{ "the newest", 1, 100, AT(40) - 1 },
		{ "two, of which one is in the company of a third", 2, 100, AT(30) - 1 },
		{ "three", 3, 100, AT(30) - 1 },
		{ "four", 4, 100, AT(20) - 1 },
		{ "all", 5, 100, AT(10) - 1 },
		{ "more than there are", 50, 100, AT(10) - 1 },
		{ "up to a time in between", 1, 25, AT(20) - 1 },
		{ "before the first", 1, 5, AT(5) },
	};
	struct conversation_row v = create(1, 10, 0);

	(void)state;
	message(1, &v, "inbound", "live", 10, NULL);
	message(2, &v, "inbound", "sync", 20, NULL);
	message(3, &v, "inbound", "live", 30, NULL);
	message(4, &v, "inbound", "live", 30, NULL);
	message(5, &v, "inbound", "live", 40, NULL);
	message(6, &v, "outbound", "live", 50, NULL);
	message(7, &v, "inbound", "history", 60, NULL);
	message(8, &v, "inbound", "live", 70, "deleted_at = now()");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unread_mark mark = { &v, cases[i].count, AT(cases[i].until), 0 };

		done(store_conversations_unread_marks(db.pg, &mark, 1, &db.err));
		if (mark.read_us != cases[i].want_us)
			fail_msg("%s: %lld", cases[i].name, (long long)(mark.read_us - AT(0)));
	}
}

static void a_conversation_is_moved_to_another_contact(void **state)
{
	struct conversation_row v = create(1, 20, 0);

	(void)state;
	done(store_conversations_give(db.pg, &v, 10, &db.err));
	assert_int_equal(db_i64("SELECT contact_id FROM conversations"), 10);
}

static struct conversation_merge merge_of(const struct conversation_row *from, const struct conversation_row *into)
{
	return (struct conversation_merge){ .workspace_id = 1,
		.from = from->id,
		.into = into->id,
		.topic = STR("t"),
		.partition = 3,
		.upto_us = PG_NO_TIME };
}

static void ignore_moved(void *ctx, const struct merged_message *m)
{
	(void)ctx, (void)m;
}

static int step(struct conversation_merge *m, int limit)
{
	int n = store_conversations_merge_step(db.pg, m, limit, ignore_moved, NULL, &db.err);

	if (n < 0)
		fail_msg("%s [%s]", db.err.msg, db.err.code);
	return n;
}

static void merge(const struct conversation_row *from, const struct conversation_row *into)
{
	struct conversation_merge m = merge_of(from, into);

	done(store_conversations_merge(db.pg, &m, &db.err));
	assert_in_range(step(&m, 10), 0, 9);
	assert_int_equal(db_i64("SELECT count(*) FROM conversation_merges"), 0);
}

static void merging_moves_messages_and_parked_updates(void **state)
{
	struct conversation_row from = create(1, 20, 0), into = create(1, 10, 0);
	char sql[500];

	(void)state;
	message(1, &from, "inbound", "live", 10, NULL);
	message(2, &into, "inbound", "live", 20, NULL);
	snprintf(sql, sizeof(sql),
		"INSERT INTO parked_updates (workspace_id, account_id, conversation_id, kind, target, event_id, record_value,"
		" record_headers, topic, partition, record_offset, record_timestamp_ms, expires_at) VALUES (1, 1, %lld, 'revoke', 'k',"
		" gen_random_uuid(), '', '', 't', 0, 0, 0, now());UPDATE conversations SET unread_messages = 1",
		(long long)from.id);
	db_script(sql);
	merge(&from, &into);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM chats WHERE conversation_id = %lld", (long long)into.id);
	assert_int_equal(db_i64(sql), 2);
	assert_int_equal(db_i64("SELECT conversation_id FROM parked_updates"), into.id);
	assert_int_equal(db_i64("SELECT merged_into FROM conversations WHERE contact_id = 20"), into.id);
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE contact_id = 20"), 0);
}

/* Two messages with one key: 1 in `from`, 2 in `into`. */
static void twins(const struct conversation_row *from, const struct conversation_row *into, const char *of_from,
	const char *of_into)
{
	message(1, from, "outbound", "live", 10, of_from);
	message(2, into, "outbound", "live", 10, "message_key = 'true:1'");
	if (of_into) {
		char sql[300];

		snprintf(sql, sizeof(sql), "UPDATE chats SET %s WHERE id = 2", of_into);
		execute(db.admin, sql);
	}
}

static void duplicate_messages_merge_into_the_more_advanced_state(void **state)
{
	static const struct {
		const char *name, *from, *into, *query, *want;
	} cases[] = {
		{ "the further status", "message_status = 'read', read_at = '2026-01-02Z'", NULL,
			"message_status || ' ' || read_at::date", "read 2026-01-02" },
		{ "a nearer status changes nothing", "message_status = 'sent'", NULL, "message_status", "delivered" },
		{ "failed yields to delivered", "message_status = 'delivered'", "message_status = 'failed'",
			"message_status", "delivered" },
		{ "delivered does not yield to failed", "message_status = 'failed'", NULL, "message_status",
			"delivered" },
		{ "our own id, which is unique", "client_message_id = 'c1', user_id = 1", NULL,
			"client_message_id || ' ' || user_id", "c1 1" },
		{ "a placeholder is replaced", "message_type = 'image', metadata = '{\"caption\":1}'",
			"placeholder = true, message_type = 'unknown'",
			"concat_ws(' ', message_type, placeholder, metadata)", "image f {\"caption\": 1}" },
		{ "a placeholder replaces nothing", "placeholder = true, message_type = 'unknown'",
			"metadata = '{\"body\":1}'", "concat_ws(' ', message_type, placeholder, metadata)",
			"text f {\"body\": 1}" },
		{ "the later edit", "edited_at = '2026-01-03Z', metadata = '{\"body\":2}'", "edited_at = '2026-01-02Z'",
			"metadata::text", "{\"body\": 2}" },
		{ "the later edit stays", "edited_at = '2026-01-01Z', metadata = '{\"body\":2}'",
			"edited_at = '2026-01-02Z', metadata = '{\"body\":1}'", "metadata::text", "{\"body\": 1}" },
		{ "a revocation", "revoked_at = '2026-01-03Z'", NULL, "revoked_at::date::text", "2026-01-03" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conversation_row from, into;
		char sql[300];

		with_contacts(state);
		from = create(1, 20, 0);
		into = create(1, 10, 0);
		twins(&from, &into, cases[i].from, cases[i].into);
		merge(&from, &into);
		snprintf(sql, sizeof(sql), "SELECT %s FROM chats WHERE id = 2", cases[i].query);
		if (db_i64("SELECT count(*) FROM chats") != 1 || !str_is(db_text(sql), cases[i].want))
			fail_msg("%s: %s", cases[i].name, arena_cstr(db.arena, db_text(sql)));
	}
}

static void rows_of_a_merged_duplicate_message_are_kept(void **state)
{
	struct conversation_row from = create(1, 20, 0), into = create(1, 10, 0);

	(void)state;
	twins(&from, &into, NULL, NULL);
	db_script(
		"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) VALUES (1, 1, 'a', 'read', now()),"
		" (1, 2, 'a', 'delivered', now()), (1, 1, 'b', 'sent', now()), (1, 2, 'b', 'read', now()), (1, 1, 'c', 'read', now());"
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) VALUES (1, 1, 'a', 'new', '2026-01-02'),"
		" (1, 2, 'a', 'old', '2026-01-01'), (1, 1, 'b', 'given', '2026-01-03'), (1, 2, 'c', 'taken', '2026-01-01');"
		"INSERT INTO chat_reactions_withdrawn (workspace_id, chat_id, sender, at) VALUES (1, 2, 'b', '2026-01-02'),"
		" (1, 1, 'c', '2026-01-02');"
		"INSERT INTO chat_media (workspace_id, chat_id, mime) VALUES (1, 1, 'image/png')");
	merge(&from, &into);
	assert_text(
		"SELECT string_agg(chat_id || participant || ' ' || status, ', ' ORDER BY participant) FROM chat_receipts",
		"2a read, 2b read, 2c read");
	assert_text("SELECT string_agg(chat_id || sender || ' ' || emoji, ', ' ORDER BY sender) FROM chat_reactions",
		"2a new, 2b given");
	assert_text("SELECT string_agg(chat_id || sender, ', ') FROM chat_reactions_withdrawn", "2c");
	assert_text("SELECT chat_id || mime FROM chat_media", "2image/png");
}

static void merging_does_not_change_other_conversations(void **state)
{
	struct conversation_row from = create(1, 20, 0), into = create(1, 10, 0), other = create(2, 20, 0);

	(void)state;
	twins(&from, &into, NULL, NULL);
	message(3, &other, "outbound", "live", 10, "message_key = 'true:1'");
	merge(&from, &into);
	assert_int_equal(db_i64("SELECT conversation_id FROM chats WHERE id = 3"), other.id);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE merged_into IS NULL"), 2);
}

#define MISCOUNTED \
	"SELECT count(*) FROM conversations v WHERE merged_into IS NULL AND v.unread_messages <> (SELECT count(*) FROM chats c" \
	" WHERE c.workspace_id = v.workspace_id AND c.conversation_id = v.id AND c.type = 'inbound' AND c.origin IN ('live', 'sync')" \
	" AND c.deleted_at IS NULL AND c.sent_at > coalesce(v.last_read_at, '-infinity'))"

/* Of both, and what it takes to be one of those that count. */
static void eleven_of(const struct conversation_row *from, const struct conversation_row *into)
{
	static const char *const others[] = { "type = 'outbound'", "origin = 'history'", "deleted_at = now()",
		"message_key = 'true:20', deleted_at = now()", "message_key = 'true:21'" };

	for (int i = 0; i < 6; i++)
		message(1 + i, from, "inbound", "live", 10 + i, i == 5 ? "sent_at = sent_at - interval '1 day'" : NULL);
	for (int i = 0; i < 5; i++)
		message(7 + i, from, "inbound", "live", 30 + i, others[i]);
	message(20, into, "inbound", "live", 40, "message_key = 'true:20'");
	message(21, into, "inbound", "live", 41, "message_key = 'true:21'");
	db_script(
		"UPDATE conversations SET unread_messages = 2, last_message_id = 11, last_read_at = '2025-12-31 12:00Z'"
		" WHERE contact_id = 10; UPDATE conversations SET unread_messages = 7 WHERE contact_id = 20");
}

static void a_merge_goes_in_slices_the_newest_first_and_counts_hold_after_each(void **state)
{
	struct conversation_row from = create(1, 20, 0), into = create(1, 10, 0);
	struct conversation_merge m = merge_of(&from, &into), *pending;
	const int32_t partitions[] = { 2, 3 };
	size_t n;

	(void)state;
	eleven_of(&from, &into);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	done(store_conversations_merge(db.pg, &m, &db.err));
	assert_int_equal(db_i64("SELECT count(*) FROM chats c JOIN conversations v ON v.id = c.conversation_id"
				" WHERE v.contact_id = 10"),
		2);
	for (int moved = 0; moved < 9; moved += 3) {
		assert_int_equal(step(&m, 3), 3);
		assert_int_equal(db_i64(MISCOUNTED), 0);
		done(store_conversations_merging(db.pg, STR("t"), partitions, 2, 5, db.arena, &pending, &n, &db.err));
		assert_int_equal(n, 1);
		assert_true(pending->upto_us == m.upto_us && pending->from == from.id && pending->into == into.id &&
			pending->partition == 3);
		assert_int_equal(
			db_i64("SELECT count(*) FROM chats f JOIN chats t ON t.sent_at < f.sent_at JOIN conversations v"
			       " ON v.id = f.conversation_id JOIN conversations o ON o.id = t.conversation_id"
			       " WHERE v.contact_id = 20 AND o.contact_id = 10"),
			0); /* none that stays is newer than one that came */
	}
	assert_int_equal(step(&m, 3), 2);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM conversation_merges"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chats c JOIN conversations v ON v.id = c.conversation_id"
				" WHERE v.contact_id = 10"),
		11);
	assert_int_equal(db_i64("SELECT last_message_id FROM conversations WHERE contact_id = 10"), 21);
}

static void messages_of_one_moment_all_move(void **state)
{
	struct conversation_row from = create(1, 20, 0), into = create(1, 10, 0);
	struct conversation_merge m = merge_of(&from, &into);

	(void)state;
	for (int i = 1; i <= 7; i++)
		message(i, &from, "inbound", "live", 10, NULL);
	done(store_conversations_merge(db.pg, &m, &db.err));
	while (step(&m, 2) == 2)
		;
	assert_int_equal(db_i64("SELECT count(*) FROM chats c JOIN conversations v ON v.id = c.conversation_id"
				" WHERE v.contact_id = 10"),
		7);
}

static void named_messages_are_moved_at_once_also_from_several_conversations(void **state)
{
	struct conversation_row third, from = create(1, 20, 0), into = create(1, 10, 0);
	struct conversation_merge first = merge_of(&from, &into), second;
	const struct message_key keys[] = { { 1, 1, STR("true:x"), into.id, false }, { 1, 1, STR("true:y"), 0, false },
		{ 1, 1, STR("true:y"), into.id, false }, { 1, 1, STR("none"), into.id, false } };

	(void)state;
	db_script("INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 30, 'webjs')");
	third = create(1, 30, 0);
	second = merge_of(&third, &into);
	message(1, &from, "inbound", "live", 10, "message_key = 'true:x'");
	message(2, &third, "inbound", "live", 10, "message_key = 'true:x', deleted_at = now()");
	message(3, &third, "inbound", "live", 11, "message_key = 'true:y'");
	message(4, &third, "inbound", "live", 12, NULL);
	done(store_conversations_merge(db.pg, &first, &db.err));
	done(store_conversations_merge(db.pg, &second, &db.err));
	done(store_conversations_merge_named(db.pg, keys, 4, ignore_moved, NULL, &db.err));
	assert_text(
		"SELECT string_agg(c.id || coalesce(' ' || deleted_at::date - now()::date, ''), ', ' ORDER BY c.id) FROM chats c"
		" JOIN conversations v ON v.id = c.conversation_id WHERE contact_id = 10",
		"1 0, 3");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 3);
	assert_int_equal(step(&first, 5), 0);
	assert_int_equal(step(&second, 5), 1);
}

static void messages_of_a_pending_merge_follow_a_conversation_that_is_merged_itself(void **state)
{
	struct conversation_row last, from = create(1, 20, 0), into = create(1, 10, 0);
	struct conversation_merge m = merge_of(&from, &into), *pending;
	size_t n;

	(void)state;
	db_script("INSERT INTO contacts (workspace_id, id, source_type) VALUES (1, 30, 'webjs')");
	last = create(1, 30, 0);
	message(1, &from, "inbound", "live", 10, NULL);
	done(store_conversations_merge(db.pg, &m, &db.err));
	m = merge_of(&into, &last);
	done(store_conversations_merge(db.pg, &m, &db.err));
	done(store_conversations_merging(db.pg, STR("t"), &m.partition, 1, 5, db.arena, &pending, &n, &db.err));
	assert_int_equal(n, 2);
	for (size_t i = n; i-- > 0;) /* the first one last */
		(void)step(&pending[i], 5);
	assert_int_equal(db_i64("SELECT contact_id FROM chats c JOIN conversations v ON v.id = c.conversation_id"), 30);
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE contact_id = 30"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_conversation_is_created_once_per_account_and_peer, with_contacts),
		cmocka_unit_test_setup(conversations_are_found_by_peer_and_by_uuid, with_contacts),
		cmocka_unit_test_setup(none_is_created_for_a_contact_that_was_merged, with_contacts),
		cmocka_unit_test_setup(a_contact_that_is_being_merged_is_waited_for_and_not_used, with_contacts),
		cmocka_unit_test_setup(loading_finds_all_conversations_or_fails, with_contacts),
		cmocka_unit_test_setup(stored_values_are_read_back, with_contacts),
		cmocka_unit_test_setup(unread_below_zero_is_rejected, with_contacts),
		cmocka_unit_test_setup(a_recount_counts_newer_live_and_synced_inbound_messages, with_contacts),
		cmocka_unit_test_setup(a_mark_leaves_the_newest_messages_unread, with_contacts),
		cmocka_unit_test_setup(a_conversation_is_moved_to_another_contact, with_contacts),
		cmocka_unit_test_setup(merging_moves_messages_and_parked_updates, with_contacts),
		cmocka_unit_test_setup(duplicate_messages_merge_into_the_more_advanced_state, with_contacts),
		cmocka_unit_test_setup(rows_of_a_merged_duplicate_message_are_kept, with_contacts),
		cmocka_unit_test_setup(a_merge_goes_in_slices_the_newest_first_and_counts_hold_after_each,
			with_contacts),
		cmocka_unit_test_setup(messages_of_one_moment_all_move, with_contacts),
		cmocka_unit_test_setup(named_messages_are_moved_at_once_also_from_several_conversations, with_contacts),
		cmocka_unit_test_setup(messages_of_a_pending_merge_follow_a_conversation_that_is_merged_itself,
			with_contacts),
		cmocka_unit_test_setup(merging_does_not_change_other_conversations, with_contacts),
	};

	return cmocka_run_group_tests(tests, db_start, db_stop);
}
