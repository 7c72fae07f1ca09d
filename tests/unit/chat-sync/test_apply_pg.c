/* chat-sync against PostgreSQL, by kind of event: what is rejected, what is parked, markers and counters, groups, syncs, sessions; and
 * that a batch that was rolled back never happened. */
#include "unit.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/metadata/vote.h"
#include "replica.h"
#include "store/syncs.h"

#define ANN  "12065550001"
#define BOB  "12065550002"
#define TEAM "120363000@g.us"

#define UNREAD "SELECT unread_messages FROM conversations"

/* Rejected */

static const struct {
	const char *name;
	int account;
	const char *workspace;
	const char *reason, *code, *retryable;
} rejected[] = {
	{ "another workspace's account", 3, WORKSPACE, "unknown_reference", "workspace", "false" },
	{ "an account that does not exist", 0, WORKSPACE, "unknown_reference", "account", "true" },
};

static void invalid_events_become_dead_letters_and_the_others_are_applied(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejected); i++) {
		struct inbound_event bad = inbound_text(1, chat_of(ANN), "false:X", "hi", 10);
		struct inbound_event good = inbound_text(1, chat_of(ANN),
			arena_cstr(db.arena, arena_printf(db.arena, "false:%zu", i)), "hi", 10);

		bad.account = rejected[i].account ? uuid_of(account_ids[rejected[i].account]) : event_id();
		apply((struct inbound_event[]){ bad, good }, 2);
		assert_int_equal(outcome_of(0), OUTCOME_DEAD_LETTERED);
		assert_int_equal(outcome_of(1), OUTCOME_APPLIED);
		assert_int_equal(out.n_dead, 1);
		if (!str_is(header_find(out.dead[0].headers, out.dead[0].n_headers, "x-dlq-reason"),
			    rejected[i].reason) ||
			!str_is(header_find(out.dead[0].headers, out.dead[0].n_headers, "x-dlq-code"),
				rejected[i].code) ||
			!str_is(header_find(out.dead[0].headers, out.dead[0].n_headers, "x-dlq-retryable"),
				rejected[i].retryable))
			fail_msg("%s", rejected[i].name);
	}
}

static void a_batch_that_was_rolled_back_never_happened(void **state)
{
	struct inbound_event events[] = { inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		inbound_text(1, chat_of_group(TEAM), "false:B", "hi", 11),
		status_of(1, chat_of(BOB), "true:C", STATUS_READ, 12) };

	(void)state;
	batch_reset(replica1.at.batch);
	take_in(&replica1, events, COUNT(events));
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	pg_rollback(replica1.at.pg);
	chat_sync_ops.rolled_back(replica1.sync);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 0);
	apply(events, COUNT(events)); /* numbers begin at 1, which out_read() checks */
	assert_string_equal(published(), "contact.created,message.created,message.created");
	assert_int_equal(outcome_of(2), OUTCOME_PARKED);
	assert_int_equal(db_i64("SELECT sum(unread_messages)::bigint FROM conversations"), 2);
}

/* Parked */

static void an_update_waits_for_its_message(void **state)
{
	struct inbound_event read = status_of(1, chat_of(ANN), "true:A", STATUS_READ, 12);

	(void)state;
	apply_one(read);
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	apply_one(read); /* the same event is parked once */
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	apply_one(outbound_text(1, chat_of(ANN), "true:A", "hi", 10));
	assert_string_equal(published(), "contact.created,message.created,message.status");
	assert_text("SELECT message_status FROM chats", "read");
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
}

static void what_was_parked_does_not_hide_a_new_group(void **state)
{
	struct inbound_event waiting = reaction_of(1, chat_of(ANN), "false:A", "x", 12),
			     group = event(IN_GROUP_CHANGE, 1, 20);

	(void)state;
	apply_one(waiting);
	group.u.group_change = (struct in_group_change){ .group = { .jid = STR(TEAM) }, .action = GROUP_SETTINGS };
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10), group }, 2);
	assert_string_equal(published(), "contact.created,message.created,group.updated,message.reaction");
}

static void a_stanza_without_a_direction_finds_its_message_in_the_conversation(void **state)
{
	struct inbound_event edit = edit_of(1, chat_of(BOB), NULL, "edited", 20);

	(void)state;
	edit.u.edit.target.stanza = STR("S");
	apply_one(inbound_text(1, chat_of(ANN), "false:S", "of Ann", 10));
	apply_one(outbound_text(1, chat_of(BOB), "true:S", "to Bob", 11));
	apply_one(edit);
	assert_text("SELECT metadata ->> 'body' FROM chats WHERE message_key = 'true:S'", "edited");
	assert_text("SELECT metadata ->> 'body' FROM chats WHERE message_key = 'false:S'", "of Ann");
}

static void a_target_that_could_be_two_messages_waits(void **state)
{
	struct inbound_event edit = edit_of(1, chat_of(ANN), NULL, "edited", 20);

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:S", "theirs", 10),
		      outbound_text(1, chat_of(ANN), "true:S", "ours", 11) },
		2);
	edit.u.edit.target.stanza = STR("S");
	apply_one(edit);
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	sweep(&replica1); /* nor can the sweep decide */
	assert_false(replica1.swept);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE edited_at IS NOT NULL"), 0);
}

static void the_sweep_applies_parked_updates_that_no_batch_looked_for(void **state)
{
	(void)state;
	/* Another replica that read the account before anything was parked: the partition has moved since. */
	apply_by(&replica2, (struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:0", "hi", 1) }, 1);
	apply_one(reaction_of(1, chat_of(ANN), "false:A", "x", 12));
	apply_by(&replica2, (struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10) }, 1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	chat_sync_ops.assignment_changed(replica1.sync);
	sweep(&replica1);
	assert_true(replica1.swept);
	assert_string_equal(published(), "message.reaction");
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions"), 1);
}

/* Updates of account 1, of messages that never arrive. */
static void park(int n)
{
	execute(db.admin,
		arena_cstr(db.arena,
			arena_printf(db.arena,
				"INSERT INTO parked_updates (workspace_id, account_id, kind, target, event_id, record_value,"
				" record_headers, topic, partition, record_offset, record_timestamp_ms, expires_at)"
				" SELECT 1, 1, 'reaction', 'never:' || n, gen_random_uuid(), '', '', 't.inbound', 1, 1, 1,"
				" now() + interval '1 hour' FROM generate_series(1, %d) n",
				n)));
}

static void parked_updates_of_an_account_are_bounded(void **state)
{
	struct inbound_event theirs_waits = reaction_of(2, chat_of(ANN), "false:X", "x", 12);

	(void)state;
	apply_one(reaction_of(1, chat_of(ANN), "false:0", "x", 12));
	park(9998);
	apply((struct inbound_event[]){ reaction_of(1, chat_of(ANN), "false:1", "x", 12),
		      reaction_of(1, chat_of(ANN), "false:2", "x", 12), theirs_waits },
		3);
	assert_int_equal(outcome_of(0), OUTCOME_PARKED);
	assert_int_equal(outcome_of(1), OUTCOME_DEAD_LETTERED);
	assert_int_equal(outcome_of(2), OUTCOME_PARKED); /* another account's */
	assert_int_equal(out.n_dead, 1);
	assert_true(str_is(header_find(out.dead[0].headers, out.dead[0].n_headers, "x-dlq-reason"), "expired"));
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates WHERE account_id = 1"), 10000);
	assert_text("SELECT sync ->> 'resync' FROM whatsapp_accounts WHERE id = 1", "true");
}

static void expired_update_of(int32_t topic, const char *name, const char *dlq)
{
	struct inbound_event e = reaction_of(1, chat_of(ANN), "false:A", "x", 12);
	struct kafka_message m = { .topic = topic, .partition = 1, .offset = 41, .timestamp_ms = 5, .key = STR("k") };
	const struct record_view *dead;
	struct str value;

	done(inbound_encode(&e, db.arena, &value, &db.err));
	m.value = value;
	m.headers = mem_calloc(60, sizeof(*m.headers)); /* more than an outbox row has room for */
	for (m.headers_count = 0; m.headers_count < 60; m.headers_count++)
		m.headers[m.headers_count] =
			(struct header){ arena_printf(db.arena, "h%zu", m.headers_count), STR("v") };
	batch_reset(replica1.at.batch);
	batch_add(replica1.at.batch, &m, &chat_sync_ops, replica1.sync);
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	done(pg_commit(replica1.at.pg, &db.err));
	chat_sync_ops.committed(replica1.sync);
	execute(db.admin, "UPDATE parked_updates SET expires_at = now()");
	sweep(&replica1);
	assert_int_equal(out.n_dead, 1);
	dead = &out.dead[0];
	assert_true(str_is(dead->topic, dlq));
	assert_true(str_is(header_find(dead->headers, dead->n_headers, "x-dlq-first-topic"), name));
	assert_true(str_eq(dead->value, value));
	assert_true(str_is(header_find(dead->headers, dead->n_headers, "x-dlq-reason"), "expired"));
	assert_true(str_is(header_find(dead->headers, dead->n_headers, "x-dlq-first-offset"), "41"));
	assert_true(str_is(header_find(dead->headers, dead->n_headers, "h0"), "v"));
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
}

static int64_t filtered_reactions(void)
{
	const char *values[] = { "reaction", "filtered" };

	return metric_value(metric_with(metric_counter("blazz_chat_sync_events", "", "kind,effect"), values));
}

static void expired_updates_are_dead_letters_and_gaps_where_messages_are_kept_for_ever(void **state)
{
	static const struct {
		const char *settings, *resync;
		size_t n_dead;
	} cases[] = {
		{ "{}", "true", 1 },
		{ "{\"retention\":{\"messages_days\":\"30\"}}", "true", 1 },
		{ "{\"retention\":{\"messages_days\":30}}", "none", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char sql[200];
		int64_t filtered;

		(void)replicas_empty(state);
		snprintf(sql, sizeof(sql), "UPDATE workspaces SET settings = settings || '%s'", cases[i].settings);
		execute(db.admin, sql);
		apply_one(reaction_of(1, chat_of(ANN), "false:A", "x", 12));
		execute(db.admin, "UPDATE parked_updates SET expires_at = now()");
		filtered = filtered_reactions();
		sweep(&replica1);
		assert_int_equal(out.n_dead, cases[i].n_dead);
		assert_int_equal(filtered_reactions(), filtered + 1 - (int64_t)cases[i].n_dead);
		assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
		assert_text("SELECT coalesce(sync ->> 'resync', 'none') FROM whatsapp_accounts WHERE id = 1",
			cases[i].resync);
	}
	execute(db.admin, "UPDATE workspaces SET settings = settings - 'retention'");
}

/* Of a message live or from a history, and of one in a sync, which brings the chat nevertheless. */
static void messages_older_than_their_workspace_keeps_them_are_filtered(void **state)
{
	struct inbound_event old = inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
			     history = inbound_text(1, chat_of(ANN), "false:B", "hi", 10),
			     sync = event(IN_SYNC_CHAT, 1, 10);
	struct in_history_message *m = ARENA_ARRAY(db.arena, struct in_history_message, 2);

	(void)state;
	execute(db.admin, "UPDATE workspaces SET settings = settings || '{\"retention\":{\"messages_days\":2}}'");
	old.source_time_ms = clock_now_ms() - 2 * 86400000LL - 1000;
	history.origin = ORIGIN_HISTORY;
	history.source_time_ms = old.source_time_ms;
	apply((struct inbound_event[]){ old, history, inbound_text(1, chat_of(ANN), "false:C", "hi", 20) }, 3);
	assert_int_equal(outcome_of(0), OUTCOME_FILTERED);
	assert_int_equal(outcome_of(1), OUTCOME_FILTERED);
	assert_int_equal(outcome_of(2), OUTCOME_APPLIED);
	sync.origin = ORIGIN_SYNC;
	for (int i = 0; i < 2; i++)
		m[i] = (struct in_history_message){ .message = history.u.message,
			.source_time_ms = i == 0 ? old.source_time_ms : old.source_time_ms + 3600000 };
	m[1].message.key = STR("false:D");
	sync.u.sync_chat = (struct in_sync_chat){
		.sync_id = STR("s"), .state = { .chat = chat_of(ANN) }, .messages = m, .n_messages = 2
	};
	apply_one(sync);
	assert_int_equal(outcome_of(0), OUTCOME_APPLIED);
	assert_text("SELECT string_agg(message_key, ' ' ORDER BY message_key) FROM chats", "false:C false:D");
	assert_int_equal(out.n_dead, 0);
	execute(db.admin, "UPDATE workspaces SET settings = settings - 'retention'");
}

static void an_expired_update_is_the_dead_letter_that_it_came_as(void **state)
{
	(void)state;
	expired_update_of(INBOUND, "t.inbound", "t.dlq");
	expired_update_of(INBOUND_BULK, "t.inbound.bulk", "t.bulk.dlq");
}

/* Large messages */

/* Text that does not compress. */
static const char *large_text(void)
{
	char *text = arena_alloc(db.arena, WIRE_MAX_BODY_BYTES + 1);
	uint64_t x = 1;

	for (size_t i = 0; i < WIRE_MAX_BODY_BYTES; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		text[i] = (char)('0' + (x >> 33) % 64);
		if (text[i] == '\\')
			text[i] = ' ';
	}
	return text;
}

/* The chunks of large values, and the transactions that wrote them. */
static struct str toasted(void)
{
	struct str table = db_text("SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'chats'::regclass");

	return db_text(arena_cstr(db.arena,
		arena_printf(db.arena, "SELECT string_agg(ctid || '=' || xmin, ' ' ORDER BY ctid) FROM %.*s",
			STR_ARG(table))));
}

static struct inbound_event deletion_of(const char *key, int64_t second)
{
	struct inbound_event e = event(IN_MESSAGE_DELETE, 1, second);

	e.u.message_delete.target.key = str_of(key);
	e.u.message_delete.chat = chat_of(ANN);
	return e;
}

static void an_update_without_content_does_not_rewrite_the_content(void **state)
{
	struct inbound_event updates[] = { status_of(1, chat_of(ANN), "true:A", STATUS_DELIVERED, 11),
		status_of(1, chat_of(ANN), "true:A", STATUS_READ, 12), reaction_of(1, chat_of(ANN), "true:A", "x", 13),
		revoke_of(1, chat_of(ANN), "true:A", 14), deletion_of("true:A", 15) };
	struct str parts;

	(void)state;
	apply_one(outbound_text(1, chat_of(ANN), "true:A", large_text(), 10));
	parts = toasted();
	assert_true(parts.n > 0);
	for (size_t i = 0; i < COUNT(updates); i++)
		apply_one(updates[i]);
	assert_true(str_eq(toasted(), parts));
	assert_text(
		"SELECT concat_ws(' ', message_status, read_at > delivered_at, revoked_at IS NOT NULL, deleted_at IS NOT NULL,"
		" length(metadata ->> 'body')) FROM chats",
		"read t t t 262144");
}

/* The edit makes the batch read the content; the status makes it write the row. */
static void content_that_was_read_and_stayed_is_not_written_anew(void **state)
{
	struct inbound_event edit = edit_of(1, chat_of(ANN), "true:A", large_text() + 1, 20);
	struct str parts;

	(void)state;
	apply_one(outbound_text(1, chat_of(ANN), "true:A", large_text(), 10));
	apply_one(edit);
	parts = toasted();
	assert_true(parts.n > 0);
	edit.source_time_ms -= 5000;
	edit.u.edit.body = STR("an older one");
	apply((struct inbound_event[]){ edit, status_of(1, chat_of(ANN), "true:A", STATUS_READ, 21) }, 2);
	assert_text("SELECT message_status || ' ' || length(metadata ->> 'body') FROM chats", "read 262143");
	assert_true(str_eq(toasted(), parts));
}

static void an_error_is_set_and_removed_beside_the_content(void **state)
{
	struct inbound_event failed = status_of(1, chat_of(ANN), "true:A", STATUS_FAILED, 11);

	(void)state;
	failed.u.status.error.code = STR("131026");
	apply_one(outbound_text(1, chat_of(ANN), "true:A", "hi", 10));
	apply_one(failed);
	assert_text("SELECT metadata::text FROM chats", "{\"body\": \"hi\", \"error\": {\"code\": \"131026\"}}");
	apply_one(status_of(1, chat_of(ANN), "true:A", STATUS_DELIVERED, 12));
	assert_text("SELECT metadata::text FROM chats", "{\"body\": \"hi\"}");
}

static void a_batch_reads_the_content_that_one_of_its_updates_needs(void **state)
{
	struct inbound_event events[] = { status_of(1, chat_of(ANN), "true:A", STATUS_READ, 12),
		edit_of(1, chat_of(ANN), "true:A", "edited", 11) };
	size_t order[] = { 0, 1 };
	struct inbound_event message = outbound_text(1, chat_of(ANN), "true:A", "hi", 10);

	message.u.message.extra = STR("{\"k\": 1}");
	do {
		replicas_empty(state);
		apply_one(message);
		apply((struct inbound_event[]){ events[order[0]], events[order[1]] }, 2);
		assert_text("SELECT message_status || metadata FROM chats",
			"read{\"body\": \"edited\", \"extra\": {\"k\": 1}}");
	} while (permutation_next(order, COUNT(order)));
}

/* The parked edit joins a batch that has read its message for a status only. */
static void a_parked_update_waits_until_its_messages_content_is_read(void **state)
{
	struct inbound_event stored = outbound_text(1, chat_of(BOB), "true:A", "hi", 10);

	(void)state;
	stored.u.message.extra = STR("{\"k\": 1}");
	apply_by(&replica2, (struct inbound_event[]){ outbound_text(1, chat_of(BOB), "true:0", "hi", 9) }, 1);
	apply_one(edit_of(1, chat_of(BOB), "true:A", "edited", 11));
	apply_by(&replica2, &stored, 1); /* whose cached account has no parked updates */
	chat_sync_ops.assignment_changed(replica1.sync);
	apply((struct inbound_event[]){ status_of(1, chat_of(BOB), "true:A", STATUS_READ, 12),
		      outbound_text(1, chat_of(ANN), "true:A", "another", 12) },
		2);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	sweep(&replica1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_text("SELECT message_status || metadata FROM chats WHERE edited_at IS NOT NULL",
		"read{\"body\": \"edited\", \"extra\": {\"k\": 1}}");
}

/* More than 64 MiB of messages: their statuses cost one batch little memory, their edits have to come in parts. */
static void statuses_of_many_large_messages_are_one_batch(void **state)
{
	enum { MANY = 100 };
	struct inbound_event *statuses = ARENA_ARRAY(db.arena, struct inbound_event, MANY),
			     *edits = ARENA_ARRAY(db.arena, struct inbound_event, MANY);

	(void)state;
	apply_one(outbound_text(1, chat_of(ANN), "true:A", "hi", 10));
	execute(db.admin,
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status,"
		" origin, metadata, sent_at) SELECT 1, id + 1 + n, 1, conversation_id, 'true:' || n, 'outbound', 'text', 'sent',"
		" 'live', jsonb_build_object('body', repeat('x', 900000)), now() FROM chats, generate_series(0, 99) AS n");
	for (size_t i = 0; i < MANY; i++) {
		const char *key = arena_cstr(db.arena, arena_printf(db.arena, "true:%zu", i));

		statuses[i] = status_of(1, chat_of(ANN), key, STATUS_READ, 12);
		edits[i] = edit_of(1, chat_of(ANN), key, "edited", 13);
	}
	apply(statuses, MANY);
	assert_in_range(arena_used_bytes(owner_tx_arena(replica1.at.batch->tx)), 1, 2 << 20);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE message_status = 'read'"), MANY);
	batch_reset(replica1.at.batch);
	take_in(&replica1, edits, MANY);
	done(pg_begin(replica1.at.pg, &db.err));
	assert_failed(applier_apply(&replica1.at, &db.err), db.err, ERR_INPUT, "too_large");
	pg_rollback(replica1.at.pg);
	chat_sync_ops.rolled_back(replica1.sync);
}

/* Counters */

static struct inbound_event read_until(const char *phone, int64_t second)
{
	struct inbound_event e = event(IN_READ_MARKER, 1, second);

	e.u.read_marker.chat = chat_of(phone);
	e.u.read_marker.read_at_ms = at_ms(second);
	return e;
}

static const struct {
	const char *name, *deleted, *restored;
} deletions[] = {
	{ "an account", "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1",
		"UPDATE whatsapp_accounts SET deleted_at = NULL" },
	{ "a workspace", "UPDATE workspaces SET deleted_at = now() WHERE id = 1",
		"UPDATE workspaces SET deleted_at = NULL" },
};

static void events_of_deleted_accounts_and_workspaces_are_filtered_except_read_markers(void **state)
{
	for (size_t i = 0; i < COUNT(deletions); i++) {
		(void)replicas_empty(state);
		apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
		execute(db.admin, deletions[i].deleted);
		chat_sync_ops.assignment_changed(replica1.sync);
		apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:B", "hi", 20),
			      status_of(1, chat_of(ANN), "true:C", STATUS_READ, 21), read_until(ANN, 22) },
			3);
		if (outcome_of(0) != OUTCOME_FILTERED || outcome_of(1) != OUTCOME_FILTERED ||
			outcome_of(2) != OUTCOME_APPLIED || out.n_dead != 0 || db_i64(UNREAD) != 0)
			fail_msg("%s: %d %d %d, %zu dead letters", deletions[i].name, outcome_of(0), outcome_of(1),
				outcome_of(2), out.n_dead);
		assert_int_equal(db_i64("SELECT count(*) FROM chats"), 1);
		assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
		execute(db.admin, deletions[i].restored);
		poll(NULL, 0, 2); /* another millisecond: two batches of one share what they have read */
		apply_one(inbound_text(1, chat_of(ANN), "false:D", "hi", 30));
		assert_int_equal(outcome_of(0), OUTCOME_APPLIED); /* although cache.ttl has not passed */
	}
}

static void a_parked_update_of_a_deleted_account_waits_for_its_end(void **state)
{
	(void)state;
	apply_by(&replica2, (struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:0", "hi", 1) }, 1);
	apply_one(status_of(1, chat_of(ANN), "true:A", STATUS_READ, 12));
	apply_by(&replica2, (struct inbound_event[]){ outbound_text(1, chat_of(ANN), "true:A", "hi", 10) }, 1);
	execute(db.admin, deletions[0].deleted);
	chat_sync_ops.assignment_changed(replica1.sync); /* the conversation's row is the other replica's */
	sweep(&replica1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	assert_text("SELECT message_status FROM chats WHERE message_key = 'true:A'", "sent");
	execute(db.admin, deletions[0].restored);
	poll(NULL, 0, 2);
	sweep(&replica1);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_text("SELECT message_status FROM chats WHERE message_key = 'true:A'", "read");
}

static void a_marker_moves_forward_and_recounts(void **state)
{
	struct inbound_event by_id;
	char id[37];

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "1", 10),
		      inbound_text(1, chat_of(ANN), "false:B", "2", 20),
		      inbound_text(1, chat_of(ANN), "false:C", "3", 30) },
		3);
	assert_int_equal(db_i64(UNREAD), 3);
	apply_one(read_until(ANN, 20));
	assert_string_equal(published(), "conversation.updated");
	assert_int_equal(out.events[0].u.conversation_updated.unread, 1);
	uuid_format(&out.events[0].conversation, id);
	apply_one(read_until(ANN, 15));
	assert_string_equal(published(), "");
	assert_int_equal(db_i64(UNREAD), 1);
	apply_one(inbound_text(1, chat_of(ANN), "false:late", "4", 12)); /* read already, by its time */
	assert_int_equal(db_i64(UNREAD), 1);
	by_id = read_until(ANN, 30);
	by_id.u.read_marker.chat = (struct chat_ref){ .is_group = false };
	by_id.u.read_marker.conversation_id = str_of(id);
	apply_one(by_id);
	assert_int_equal(db_i64(UNREAD), 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void duplicates_in_one_batch_count_once(void **state)
{
	struct inbound_event message = inbound_text(1, chat_of(ANN), "false:A", "hi", 10);

	(void)state;
	apply((struct inbound_event[]){ message, message }, 2);
	assert_string_equal(published(), "contact.created,message.created");
	assert_int_equal(outcome_of(1), OUTCOME_NO_EFFECT);
	assert_int_equal(db_i64(UNREAD), 1);
}

static void what_is_deleted_is_no_longer_unread(void **state)
{
	struct inbound_event deleted = event(IN_MESSAGE_DELETE, 1, 20);

	(void)state;
	deleted.u.message_delete.target.key = STR("false:A");
	deleted.u.message_delete.chat = chat_of(ANN);
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "1", 10),
		      inbound_text(1, chat_of(ANN), "false:B", "2", 11) },
		2);
	for (int i = 0; i < 2; i++) { /* a repeat: it is deleted already */
		apply_one(deleted);
		assert_int_equal(db_i64(UNREAD), 1);
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void an_older_message_does_not_move_the_list_back(void **state)
{
	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:B", "2", 20));
	apply_one(outbound_text(1, chat_of(ANN), "true:A", "1", 10));
	assert_text(
		"SELECT l.message_key || ' ' || v.last_sender FROM conversations v JOIN chats l ON l.id = v.last_message_id",
		"false:B +" ANN);
}

static struct inbound_event call_of(const char *outcome, int32_t duration_s, int64_t second)
{
	struct inbound_event e = event(IN_CALL, 1, second);

	e.u.call = (struct in_call){ .call_id = STR("c1"),
		.chat = chat_of(ANN),
		.direction = DIR_INBOUND,
		.video = true,
		.outcome = str_of(outcome),
		.duration_s = duration_s };
	return e;
}

static void a_call_is_a_message(void **state)
{
	struct inbound_event e = call_of("missed", 0, 10);

	(void)state;
	apply((struct inbound_event[]){ e, e }, 2);
	assert_string_equal(published(), "contact.created,message.created");
	assert_text(
		"SELECT concat_ws(' ', message_key, message_type, metadata ->> 'body', metadata ->> 'outcome') FROM chats",
		"call:c1 call video missed");
}

static void the_steps_of_a_call_end_the_same_in_every_order(void **state)
{
	const struct inbound_event answered[] = { call_of("offered", 0, 10), call_of("accepted", 0, 20),
		call_of("ended", 25, 30) },
				   missed[] = { call_of("offered", 0, 10), call_of("missed", 0, 20),
					   call_of("ended", 0, 30) };
	static const char *const query =
		"SELECT concat_ws(' ', metadata ->> 'outcome', metadata ->> 'duration', metadata ->> 'steps',"
		" (SELECT count(*) FROM chats)) FROM chats";

	(void)state;
	apply_in_every_order(answered, COUNT(answered), query, "ended 25 [\"offered\", \"ended\", \"accepted\"] 1");
	assert_int_equal(db_i64("SELECT extract(epoch FROM sent_at)::bigint FROM chats"), at_ms(10) / 1000);
	apply_in_every_order(missed, COUNT(missed), query, "missed [\"offered\", \"ended\", \"missed\"] 1");
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_step_of_a_call_is_published_if_it_changes_the_outcome(void **state)
{
	(void)state;
	apply_one(call_of("offered", 0, 10));
	assert_string_equal(published(), "contact.created,message.created");
	apply_one(call_of("accepted", 0, 20));
	assert_string_equal(published(), "message.edited");
	assert_true(out.events[0].u.message_edited.filled);
	apply_one(call_of("offered", 0, 25)); /* another device rings */
	assert_string_equal(published(), "");
	apply_one(call_of("ended", 12, 30));
	assert_string_equal(published(), "message.edited");
	apply_one(call_of("ended", 12, 31));
	assert_string_equal(published(), "");
}

/* Groups */

static struct inbound_event group_state(int account, const char *settings, int64_t second)
{
	static struct participant both[] = { { .party = { .phone = { ANN, 11 } } },
		{ .party = { .phone = { BOB, 11 } }, .admin = true } };
	struct inbound_event e = event(IN_CHAT_STATE, account, second);

	e.u.chat_state = (struct in_chat_state){ .chat = { .is_group = true,
							 .group = { .jid = STR(TEAM), .name = STR("Team") } },
		.has_participants = true,
		.participants = both,
		.n_participants = 2,
		.settings = str_of(settings) };
	return e;
}

static struct inbound_event group_delta(int account, enum group_action action, const char *phone, int64_t second)
{
	struct inbound_event e = event(IN_GROUP_CHANGE, account, second);

	e.u.group_change = (struct in_group_change){ .group = { .jid = STR(TEAM) },
		.action = action,
		.participants = ARENA_NEW(db.arena, struct participant),
		.n_participants = 1 };
	e.u.group_change.participants[0].party.phone = str_of(phone);
	return e;
}

static void two_accounts_in_a_group_are_two_conversations_with_one_group(void **state)
{
	(void)state;
	apply_one(group_state(1, "{\"messagesAdminsOnly\":true,\"ephemeralSeconds\":1024}", 10));
	assert_string_equal(published(), "group.updated");
	apply_by(&replica2,
		(struct inbound_event[]){
			group_state(2, "{\"ephemeralSeconds\": 1024, \"messagesAdminsOnly\": true}", 10) },
		1);
	assert_string_equal(published(), ""); /* nothing new of the group, however jsonb writes it */
	assert_int_equal(db_i64("SELECT count(*) FROM whatsapp_groups"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 2);
	apply_by(&replica2,
		(struct inbound_event[]){
			group_state(2, "{\"ephemeralSeconds\": 512, \"messagesAdminsOnly\": true}", 20) },
		1);
	assert_string_equal(published(), "group.updated");
}

static void deltas_from_two_accounts_and_an_older_snapshot_give_one_list(void **state)
{
	static const char *const list =
		"SELECT string_agg(p ->> 'phone', ',' ORDER BY p ->> 'phone') FROM whatsapp_groups,"
		" jsonb_array_elements(participants) p";

	(void)state;
	apply_one(group_delta(1, GROUP_REMOVE, BOB, 30));
	apply_by(&replica2, (struct inbound_event[]){ group_delta(2, GROUP_ADD, "12065550003", 40) }, 1);
	apply_one(group_state(1, NULL, 20));
	assert_text(list, ANN ",12065550003");
	apply_by(&replica2, (struct inbound_event[]){ group_delta(2, GROUP_ADD, "12065550004", 10) },
		1); /* before the snapshot, which has not them */
	assert_string_equal(published(), "");
	assert_text(list, ANN ",12065550003");
	assert_int_equal(db_i64("SELECT participants_count FROM whatsapp_groups"), 2);
}

static void many_changes_of_a_large_group_cost_it_once(void **state)
{
	enum { LARGE = 2000, CHANGES = 500 };
	struct inbound_event *events = mem_calloc(CHANGES, sizeof(*events)), all = group_state(1, NULL, 10);
	struct participant *members = mem_calloc(LARGE, sizeof(*members));

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		members[i].party.phone = arena_printf(db.arena, "1206%07zu", i);
	all.u.chat_state.participants = members;
	all.u.chat_state.n_participants = LARGE;
	apply_one(all);
	for (size_t i = 0; i < CHANGES; i++)
		events[i] = group_delta(1, GROUP_REMOVE, arena_cstr(db.arena, members[i].party.phone), 20);
	apply(events, CHANGES);
	assert_int_equal(out.n_events, CHANGES);
	assert_int_equal(out.events[0].u.group_updated.group.participants_count, LARGE - 1);
	assert_int_equal(out.events[CHANGES - 1].u.group_updated.group.participants_count, LARGE - CHANGES);
	assert_int_equal(db_i64("SELECT jsonb_array_length(participants) FROM whatsapp_groups"), LARGE - CHANGES);
	assert_true(arena_used_bytes(owner_tx_arena(replica1.at.batch->tx)) < 16 << 20); /* the list is 100 KiB */
	free(members);
	free(events);
}

static void the_newest_subject_and_description_stay(void **state)
{
	struct inbound_event subject = event(IN_GROUP_CHANGE, 1, 30), description = event(IN_GROUP_CHANGE, 1, 30),
			     old = group_state(2, NULL, 20);

	(void)state;
	subject.u.group_change =
		(struct in_group_change){ .group = { .jid = STR(TEAM) }, .action = GROUP_SUBJECT, .text = STR("New") };
	description.u.group_change = (struct in_group_change){
		.group = { .jid = STR(TEAM) }, .action = GROUP_DESCRIPTION, .text = STR("newer")
	};
	apply((struct inbound_event[]){ subject, description }, 2);
	old.u.chat_state.description = STR("older");
	apply_one(old);
	assert_text("SELECT name || ' ' || description FROM whatsapp_groups", "New newer");
}

static void older_settings_and_invite_codes_change_nothing(void **state)
{
	struct inbound_event old = event(IN_GROUP_CHANGE, 1, 10), new = event(IN_GROUP_CHANGE, 2, 20);

	(void)state;
	old.u.group_change = (struct in_group_change){ .group = { .jid = STR(TEAM) },
		.action = GROUP_SETTINGS,
		.settings = STR("{\"messagesAdminsOnly\": true}"),
		.invite_code = STR("older") };
	new.u.group_change = (struct in_group_change){ .group = { .jid = STR(TEAM) },
		.action = GROUP_SETTINGS,
		.settings = STR("{\"messagesAdminsOnly\": false}"),
		.invite_code = STR("newer") };
	apply_one(old);
	apply_by(&replica2, &new, 1);
	assert_string_equal(published(), "group.updated");
	apply_one(old);
	assert_string_equal(published(), "");
	assert_text("SELECT (settings ->> 'messagesAdminsOnly') || ' ' || invite_code FROM whatsapp_groups",
		"false newer");
}

static struct inbound_event settings_of(int account, const char *settings, int64_t second)
{
	struct inbound_event e = event(IN_GROUP_CHANGE, account, second);

	e.u.group_change = (struct in_group_change){
		.group = { .jid = STR(TEAM) }, .action = GROUP_SETTINGS, .settings = str_of(settings)
	};
	return e;
}

static void a_groups_settings_are_merged_member_by_member_in_every_order(void **state)
{
	const struct inbound_event events[] = { settings_of(1,
							"{\"messagesAdminsOnly\":true,\"approvalRequired\":true}", 10),
		settings_of(1, "{\"messagesAdminsOnly\":false}", 20),
		settings_of(1, "{\"ephemeralSeconds\":86400}", 30), settings_of(1, "{\"picture\":\"x\"}", 40) };

	(void)state;
	apply_in_every_order(events, COUNT(events), "SELECT settings::text FROM whatsapp_groups",
		"{\"approvalRequired\": true, \"ephemeralSeconds\": 86400, \"messagesAdminsOnly\": false}");
}

static struct inbound_event archived(bool is, int64_t second)
{
	struct inbound_event e = event(IN_CHAT_STATE, 1, second);

	e.u.chat_state = (struct in_chat_state){ .chat = chat_of(ANN), .has_archived = true, .archived = is };
	return e;
}

static void the_newest_state_decides_whether_a_chat_is_archived(void **state)
{
	struct inbound_event states[] = { archived(true, 10), archived(false, 20), archived(true, 30),
		archived(false, 30) };

	(void)state;
	apply_in_every_order(states, COUNT(states), "SELECT archived::text FROM conversations", "true");
}

/* Syncs */

static struct inbound_event sync_chat(const char *sync, int32_t rank, const char *phone, size_t messages,
	int32_t unread)
{
	struct inbound_event e = event(IN_SYNC_CHAT, 1, 1000);

	e.origin = ORIGIN_SYNC;
	e.u.sync_chat = (struct in_sync_chat){ .sync_id = str_of(sync),
		.rank = rank,
		.index = rank / 50,
		.state = { .chat = chat_of(phone), .has_unread = unread >= 0, .unread = unread },
		.messages = ARENA_ARRAY(db.arena, struct in_history_message, messages),
		.n_messages = messages };
	for (size_t i = 0; i < messages; i++) {
		const char *key = arena_cstr(db.arena, arena_printf(db.arena, "false:%s-%zu", phone, i));

		e.u.sync_chat.messages[i] = (struct in_history_message){ .message = message_in_chat(chat_of(phone),
										 DIR_INBOUND, key, "old"),
			.source_time_ms = at_ms((int64_t)(10 * i)) };
	}
	return e;
}

static struct inbound_event sync_end(const char *sync, int32_t chats)
{
	struct inbound_event e = event(IN_SYNC_BATCH_END, 1, 1001);

	e.origin = ORIGIN_SYNC;
	e.u.sync_batch_end =
		(struct in_sync_batch_end){ .sync_id = str_of(sync), .total = 1, .last = true, .chats = chats };
	return e;
}

static void a_sync_is_complete_when_its_chats_are_accounted_for(void **state)
{
	struct inbound_event events[] = { sync_end("s", 3), sync_chat("s", 0, ANN, 3, 2),
		sync_chat("s", 20, BOB, 1, 0), /* max_chats is 20 */
		sync_chat("s", 2, "12065550003", 0, 0) };
	const struct ce_sync *done_sync;

	(void)state;
	apply(events, 3);
	assert_string_equal(published(),
		"contact.created,message.created,message.created,message.created,conversation.updated,sync.progress");
	assert_int_equal(outcome_of(2), OUTCOME_FILTERED);
	apply(&events[3], 1);
	done_sync = &out.events[0].u.sync;
	for (size_t i = 0; i < out.n_events; i++)
		if (out.events[i].kind == CE_SYNC_COMPLETED)
			done_sync = &out.events[i].u.sync;
	assert_int_equal(done_sync->synced, 2);
	assert_int_equal(done_sync->skipped, 1);
	assert_text("SELECT sync ->> 'status' FROM whatsapp_accounts WHERE id = 1", "completed");
	assert_int_equal(db_i64("SELECT sum(unread_messages)::bigint FROM conversations"), 2);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	apply(events, 4); /* repeated */
	assert_string_equal(published(), "");
}

static const struct chat_event *sync_told(void)
{
	for (size_t i = 0; i < out.n_events; i++)
		if (out.events[i].kind == CE_SYNC_PROGRESS)
			return &out.events[i];
	fail_msg("no sync.progress in %s", published());
	return NULL;
}

static void a_repeated_end_publishes_later_progress_under_another_id(void **state)
{
	struct inbound_event events[] = { sync_chat("s", 0, ANN, 1, 0), sync_end("s", 3) };
	struct uuid before;

	(void)state;
	apply(&events[1], 1);
	before = sync_told()->id;
	apply(events, 2);
	assert_int_equal(sync_told()->u.sync.synced, 1);
	assert_false(uuid_eq(&before, &sync_told()->id));
}

static void a_sync_in_parts_counts_unread_over_all_of_them(void **state)
{
	struct inbound_event first = sync_chat("s", 0, ANN, 4, 3), second = first;

	(void)state;
	first.u.sync_chat.n_messages = 2;
	second.id = event_id();
	second.u.sync_chat.messages += 2;
	second.u.sync_chat.n_messages = 2;
	second.u.sync_chat.continued = true;
	apply_one(first);
	apply_one(second);
	assert_int_equal(db_i64(UNREAD), 3);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_sync_never_takes_back_a_newer_read(void **state)
{
	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:" ANN "-2", "old", 20));
	apply_one(read_until(ANN, 20));
	apply_one(sync_chat("s", 0, ANN, 3, 3));
	assert_int_equal(db_i64(UNREAD), 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_sync_that_is_switched_off_is_counted_and_skipped(void **state)
{
	(void)state;
	execute(db.admin,
		"UPDATE workspaces SET settings = jsonb_set(settings, '{sync,enabled}', 'false') WHERE id = 1");
	apply((struct inbound_event[]){ sync_chat("s", 0, ANN, 3, 3), sync_end("s", 1),
		      inbound_text(1, chat_of(BOB), "false:A", "live", 10) },
		3);
	execute(db.admin, "UPDATE workspaces SET settings = settings #- '{sync,enabled}' WHERE id = 1");
	assert_string_equal(published(), "sync.completed,contact.created,message.created");
	assert_int_equal(outcome_of(0), OUTCOME_FILTERED);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 1);
}

/* An item without an id is the live message of the same time and body, whether that is stored or came in the same batch. */
static void an_item_without_an_id_finds_its_message(void **state)
{
	for (int together = 0; together < 2; together++) {
		struct inbound_event events[2];

		replicas_empty(state);
		events[0] = inbound_text(1, chat_of(ANN), "false:A", "old", 0);
		events[1] = sync_chat("s", 0, ANN, 2, 1);
		for (size_t i = 0; i < 2; i++) {
			events[1].u.sync_chat.messages[i].message.synthetic_key = true;
			events[1].u.sync_chat.messages[i].message.key = arena_printf(db.arena, "h:%zu", i);
		}
		if (!together)
			apply(events, 1);
		apply(events + !together, 1 + (size_t)together);
		assert_text("SELECT string_agg(message_key, ',' ORDER BY sent_at) FROM chats", "false:A,h:1");
		assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE origin = 'live'"), 1);
		assert_int_equal(db_i64(UNREAD), 1);
		assert_int_equal(db_i64(MISCOUNTED), 0);
		apply(events + 1, 1);
		assert_string_equal(published(), "");
	}
}

static void items_without_an_id_at_one_moment_cost_no_more_than_others(void **state)
{
	enum { MORE = 200 };
	struct inbound_event *events = mem_calloc(MORE, sizeof(*events));

	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "first", 10));
	execute(db.admin,
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin,"
		" metadata, sent_at) SELECT c.workspace_id, -n, c.account_id, c.conversation_id, 'false:N' || n, c.type, c.message_type,"
		" c.message_status, c.origin, jsonb_build_object('body', repeat('x', 10000)), c.sent_at FROM chats c, generate_series(1, 2000) n");
	for (size_t i = 0; i < MORE; i++) {
		events[i] = inbound_text(1, chat_of(ANN), arena_cstr(db.arena, arena_printf(db.arena, "h:%zu", i)),
			"another", 10);
		events[i].u.message.synthetic_key = true;
	}
	apply(events, MORE);
	assert_true(arena_used_bytes(owner_tx_arena(replica1.at.batch->tx)) < 16
			<< 20); /* what is stored is 20 MB, for each of them */
	free(events);
}

static void a_sync_without_progress_fails_and_is_published_once(void **state)
{
	(void)state;
	apply_one(sync_chat("s", 0, ANN, 1, 0));
	sweep(&replica1);
	assert_text("SELECT sync ->> 'status' FROM whatsapp_accounts WHERE id = 1", "running");
	execute(db.admin, "UPDATE account_syncs SET updated_at = now() - interval '31 minutes'");
	sweep(&replica1);
	assert_true(replica1.swept);
	assert_string_equal(published(), "sync.completed");
	assert_true(str_is(out.events[0].u.sync.status, "failed"));
	assert_true(str_is(out.events[0].u.sync.sync_id, "s"));
	assert_text("SELECT (sync ->> 'status') || ' ' || (sync ->> 'resync') FROM whatsapp_accounts WHERE id = 1",
		"failed true");
	sweep(&replica1);
	assert_string_equal(published(), "");
	apply_one(sync_end("s", 1));
	assert_text("SELECT concat_ws(' ', sync ->> 'status', sync ->> 'resync') FROM whatsapp_accounts WHERE id = 1",
		"completed");
}

/* A later single batch, of a replay say, neither shows nor keeps the sync from failing. */
static void a_stalled_sync_is_not_hidden_by_another_batch(void **state)
{
	struct inbound_event end = sync_end("s", 1);

	(void)state;
	end.u.sync_batch_end.total = 4;
	end.u.sync_batch_end.last = false;
	apply_one(sync_chat("s", 0, ANN, 1, 0));
	apply_one(end);
	assert_int_equal(out.events[0].u.sync.batches, 1);
	assert_int_equal(out.events[0].u.sync.batches_total, 4);
	apply_one(sync_chat("alone", 0, BOB, 1, 0));
	apply_one(sync_end("alone", 1));
	assert_string_equal(published(), "sync.completed");
	assert_text(
		"SELECT concat_ws(' ', sync ->> 'sync_id', sync ->> 'status', sync ->> 'batches', sync ->> 'batches_total')"
		" FROM whatsapp_accounts WHERE id = 1",
		"s running 1 4");
	execute(db.admin, "UPDATE account_syncs SET updated_at = now() - interval '31 minutes'");
	sweep(&replica1);
	assert_string_equal(published(), "sync.completed");
	assert_true(str_is(out.events[0].u.sync.status, "failed"));
	assert_text("SELECT sync ->> 'status' FROM whatsapp_accounts WHERE id = 1", "failed");
}

static void the_agent_who_wrote_or_deleted_is_remembered(void **state)
{
	static const struct {
		const char *user;
		int64_t id;
	} cases[] = { { "00000000-0000-4000-8000-0000000000a1", 1 }, { "00000000-0000-4000-8000-00000000ffff", 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *key = i ? "true:B" : "true:A";
		struct inbound_event sent = outbound_text(1, chat_of(ANN), key, "hi", 10),
				     gone = event(IN_MESSAGE_DELETE, 1, 20);

		sent.u.message.user_id = str_of(cases[i].user);
		gone.u.message_delete.target.key = str_of(key);
		gone.u.message_delete.user_id = str_of(cases[i].user);
		apply((struct inbound_event[]){ sent, gone }, 2);
		assert_int_equal(db_i64("SELECT coalesce(user_id, 0) FROM chats ORDER BY id DESC LIMIT 1"),
			cases[i].id);
		assert_int_equal(db_i64("SELECT coalesce(deleted_by, 0) FROM chats ORDER BY id DESC LIMIT 1"),
			cases[i].id);
	}
}

static void a_target_is_found_without_its_chat(void **state)
{
	struct inbound_event edits[] = { edit_of(1, (struct chat_ref){ 0 }, "false:A", "edited", 20),
		edit_of(1, (struct chat_ref){ 0 }, "false:B", "edited", 20) };

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		      inbound_text(1, chat_of(ANN), "false:B", "hi", 11) },
		2);
	chat_sync_ops.assignment_changed(replica1.sync); /* and its conversation is not cached */
	apply(edits, COUNT(edits));
	assert_string_equal(published(), "message.edited,message.edited");
	assert_false(uuid_is_nil(&out.events[0].conversation));
}

static void a_status_that_says_deleted_is_a_revoke(void **state)
{
	(void)state;
	apply_one(outbound_text(1, chat_of(ANN), "true:A", "hi", 10));
	apply_one(status_of(1, chat_of(ANN), "true:A", STATUS_DELETED, 20));
	assert_string_equal(published(), "message.revoked");
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE revoked_at IS NOT NULL"), 1);
}

static void a_group_that_was_deleted_stays_as_a_memory(void **state)
{
	struct inbound_event gone = event(IN_GROUP_CHANGE, 1, 20);

	(void)state;
	gone.u.group_change = (struct in_group_change){ .group = { .jid = STR(TEAM) }, .action = GROUP_DELETE };
	apply_one(inbound_text(1, chat_of_group(TEAM), "false:A", "hi", 10));
	apply_one(gone);
	assert_string_equal(published(), "group.updated");
	assert_true(str_is(out.events[0].u.group_updated.action, "delete"));
	apply_one(gone);
	assert_string_equal(published(), "");
}

/* Accounts */

static struct inbound_event session_of(enum session_word word, enum session_reason reason, int64_t second)
{
	struct inbound_event e = event(IN_SESSION_STATE, 1, second);

	e.u.session_state =
		(struct in_session_state){ .state = word, .reason = reason, .details = STR("said the bridge") };
	return e;
}

static void a_session_is_published_when_its_state_differs(void **state)
{
	(void)state;
	apply((struct inbound_event[]){ session_of(SESSION_QR, REASON_NONE, 10),
		      session_of(SESSION_CONNECTED, REASON_NONE, 20), session_of(SESSION_CONNECTED, REASON_NONE, 21),
		      session_of(SESSION_STARTING, REASON_NONE, 22) },
		4);
	assert_string_equal(published(), "session.state,session.state");
	apply_one(session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 15)); /* older */
	assert_string_equal(published(), "");
	apply_one(session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 30));
	assert_text("SELECT status || ' ' || disconnect_reason || ' ' || is_active FROM whatsapp_accounts WHERE id = 1",
		"disconnected timeout false");
	assert_int_equal(
		db_i64("SELECT count(*) FROM whatsapp_accounts WHERE id = 1 AND first_connected_at IS NOT NULL"), 1);
}

/* Our own messages */

static void our_own_message_is_sent_unless_its_ack_says_otherwise(void **state)
{
	const struct {
		const char *name;
		bool by_sync;
		enum message_status ack;
		const char *want;
	} cases[] = {
		{ "an echo without an ack", false, STATUS_NONE, "sent" },
		{ "an echo whose ack is pending", false, STATUS_PENDING, "pending" },
		{ "an echo that was read", false, STATUS_READ, "read" },
		{ "of a sync, without an ack", true, STATUS_NONE, "sent" },
		{ "of a sync, with one", true, STATUS_DELIVERED, "delivered" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct inbound_event live, sync;

		replicas_empty(state);
		live = outbound_text(1, chat_of(ANN), "true:A", "hi", 10);
		sync = sync_chat("s", 0, ANN, 1, 0);
		live.u.message.status = cases[i].ack;
		sync.u.sync_chat.messages[0].message.direction = DIR_OUTBOUND;
		sync.u.sync_chat.messages[0].message.status = cases[i].ack;
		apply_one(cases[i].by_sync ? sync : live);
		if (!str_is(db_text("SELECT message_status FROM chats"), cases[i].want))
			fail_msg("%s", cases[i].name);
	}
}

/* Times that cannot be true */

#define YEAR_2100_MS INT64_C(4102444800000)

/* As its source dates it; taken in at the second it was made for. */
static struct inbound_event suspect(struct inbound_event e)
{
	e.source_time_ms = YEAR_2100_MS;
	e.time_suspect = true;
	return e;
}

static struct inbound_event named(struct inbound_event e, const char *name)
{
	e.u.message.chat.contact.name = str_of(name);
	return e;
}

static struct inbound_event subject_of(const char *text, int64_t second)
{
	struct inbound_event e = event(IN_GROUP_CHANGE, 1, second);

	e.u.group_change = (struct in_group_change){
		.group = { .jid = STR(TEAM) }, .action = GROUP_SUBJECT, .text = str_of(text)
	};
	return e;
}

static void a_time_that_cannot_be_true_decides_nothing(void **state)
{
	const struct inbound_event message = inbound_text(1, chat_of(ANN), "false:A", "hi", 10);
	const struct {
		const char *name;
		struct inbound_event events[3];
		const char *query, *want;
	} cases[] = {
		{ "a message, and the latest of its conversation",
			{ message, suspect(inbound_text(1, chat_of(ANN), "false:B", "2100", 20)),
				inbound_text(1, chat_of(ANN), "false:C", "ho", 30) },
			"SELECT string_agg(message_key, ' ' ORDER BY sent_at) || '; ' || (SELECT message_key FROM chats c"
			" JOIN conversations v ON c.id = v.last_message_id) FROM chats",
			"false:A false:B false:C; false:C" },
		{ "what was unread",
			{ message, suspect(inbound_text(1, chat_of(ANN), "false:B", "2100", 20)), read_until(ANN, 25) },
			"SELECT unread_messages::text FROM conversations", "0" },
		{ "an edit",
			{ message, suspect(edit_of(1, chat_of(ANN), "false:A", "2100", 20)),
				edit_of(1, chat_of(ANN), "false:A", "new", 30) },
			"SELECT metadata ->> 'body' FROM chats", "new" },
		{ "a reaction",
			{ message, suspect(reaction_of(1, chat_of(ANN), "false:A", "2100", 20)),
				reaction_of(1, chat_of(ANN), "false:A", "x", 30) },
			"SELECT emoji FROM chat_reactions", "x" },
		{ "a name",
			{ message, suspect(named(inbound_text(1, chat_of(ANN), "false:B", "2100", 20), "Old")),
				named(inbound_text(1, chat_of(ANN), "false:C", "ho", 30), "New") },
			"SELECT full_name FROM contacts", "New" },
		{ "a group's subject", { message, suspect(subject_of("Old", 20)), subject_of("New", 30) },
			"SELECT name FROM whatsapp_groups", "New" },
		{ "a session",
			{ message, suspect(session_of(SESSION_CONNECTED, REASON_NONE, 20)),
				session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 30) },
			"SELECT status FROM whatsapp_accounts WHERE id = 1", "disconnected" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		replicas_empty(state);
		for (size_t k = 0; k < COUNT(cases[i].events); k++)
			apply_one(cases[i].events[k]);
		if (!str_is(db_text(cases[i].query), cases[i].want))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(db_text(cases[i].query)));
		assert_int_equal(db_i64(MISCOUNTED), 0);
	}
}

static void a_time_of_a_sync_that_cannot_be_true_decides_nothing(void **state)
{
	struct inbound_event e = sync_chat("s", 0, ANN, 3, 0);

	(void)state;
	e.u.sync_chat.messages[0].source_time_ms = YEAR_2100_MS;
	e.u.sync_chat.messages[0].time_suspect = true;
	e.u.sync_chat.messages[1].source_time_ms = 1000; /* not left out as too old */
	e.u.sync_chat.messages[1].time_suspect = true;
	apply_one(e);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE sent_at < now()"), 3);
	assert_text("SELECT string_agg(metadata ->> 'source_time', ' ' ORDER BY message_key) FROM chats",
		"4102444800000 1000");
	apply_one(inbound_text(1, chat_of(ANN), "false:B", "ho", 2000));
	assert_int_equal(db_i64(UNREAD), 1);
	assert_text("SELECT message_key FROM chats c JOIN conversations v ON c.id = v.last_message_id", "false:B");
}

static void an_edit_repeated_with_a_later_time_publishes_nothing(void **state)
{
	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	apply_one(edit_of(1, chat_of(ANN), "false:A", "ho", 20));
	assert_string_equal(published(), "message.edited");
	apply_one(edit_of(1, chat_of(ANN), "false:A", "ho", 30));
	assert_string_equal(published(), "");
}

static struct inbound_event notice_of(const char *kind, const char *text, int64_t second)
{
	struct inbound_event e = event(IN_ACCOUNT_NOTICE, 1, second);

	e.u.account_notice =
		(struct in_account_notice){ .kind = str_of(kind), .severity = SEVERITY_WARNING, .text = str_of(text) };
	return e;
}

static void of_notices_of_a_kind_the_newest_stays(void **state)
{
	(void)state;
	apply((struct inbound_event[]){ notice_of("quality", "first", 10), notice_of("quality", "third", 30),
		      notice_of("quality", "second", 20), notice_of("ban", "other", 5) },
		4);
	assert_string_equal(published(), "account.notice,account.notice");
	assert_text("SELECT notices #>> '{quality,text}' FROM whatsapp_accounts WHERE id = 1", "third");
	assert_text("SELECT notices #>> '{ban,text}' FROM whatsapp_accounts WHERE id = 1", "other");
}

static void a_notice_is_published_whole_and_stored_short(void **state)
{
	char text[3001] = { 0 }, extra[3001] = { 0 };
	struct inbound_event e = notice_of("quality", memset(text, 'x', 3000), 10);

	(void)state;
	memset(extra, ' ', 3000);
	extra[0] = '{';
	extra[2999] = '}';
	e.u.account_notice.extra = str_of(extra);
	apply_one(e);
	assert_string_equal(published(), "account.notice");
	assert_int_equal(out.events[0].u.account.text.n, 3000);
	assert_int_equal(out.events[0].u.account.extra.n, 3000);
	assert_int_equal(db_i64("SELECT length(notices #>> '{quality,text}') FROM whatsapp_accounts WHERE id = 1"),
		1024);
	assert_int_equal(
		db_i64("SELECT (notices -> 'quality' ? 'extra')::integer::bigint FROM whatsapp_accounts WHERE id = 1"),
		0);
}

static void components_of_a_template_are_stored_and_publish_nothing_alone(void **state)
{
	struct inbound_event e = event(IN_TEMPLATE_STATUS, 1, 10);

	(void)state;
	e.u.template_status = (struct in_template_status){ .name = STR("welcome"),
		.language = STR("en"),
		.status = STR("APPROVED"),
		.components = STR("[{\"type\":\"BODY\"}]") };
	apply_one(e);
	assert_string_equal(published(), "template.status");
	e = event(IN_TEMPLATE_STATUS, 1, 20);
	e.u.template_status = (struct in_template_status){
		.name = STR("welcome"), .language = STR("en"), .components = STR("[{\"type\":\"FOOTER\"}]")
	};
	apply_one(e);
	assert_string_equal(published(), "");
	assert_text("SELECT status || components::text FROM templates", "APPROVED[{\"type\": \"FOOTER\"}]");
}

/* As after the database was restored from a backup: consumers that have seen the first ones know these, and the public ids in them. */
static void a_repeat_has_the_same_ids(void **state)
{
	const struct inbound_event events[] = { inbound_text(1, chat_of("12065550001"), "false:A", "hi", 10),
		edit_of(1, chat_of("12065550001"), "false:A", "ho", 20),
		reaction_of(1, chat_of("12065550001"), "false:A", "x", 30),
		inbound_text(1, chat_of_group(TEAM), "false:B", "hi", 40) };
	struct chat_event *before;
	size_t n;

	(void)state;
	apply(events, COUNT(events));
	before = out.events;
	n = out.n_events;
	execute(db.admin, "TRUNCATE contacts CASCADE");
	chat_sync_ops.assignment_changed(replica1.sync);
	map_clear(sequences);
	apply(events, COUNT(events));
	assert_int_equal(out.n_events, n);
	assert_string_equal(published(),
		"contact.created,message.created,message.edited,message.reaction,message.created");
	for (size_t i = 0; i < n; i++) {
		assert_true(uuid_eq(&out.events[i].id, &before[i].id));
		assert_true(uuid_eq(&out.events[i].conversation, &before[i].conversation));
	}
}

static const struct chat_event *event_of(const struct chat_event *events, size_t n, enum chat_event_kind kind,
	const struct uuid *account)
{
	for (size_t i = 0; i < n; i++)
		if (events[i].kind == kind && uuid_eq(&events[i].account, account))
			return &events[i];
	fail_msg("no such event");
	return NULL;
}

/* As after a restore, too: partitions are read at a pace of their own. Only the contact may have another id. */
static void the_order_of_two_accounts_changes_no_id_of_conversations_and_groups(void **state)
{
	const struct inbound_event events[] = { inbound_text(1, chat_of("12065550001"), "false:A", "hi", 10),
		inbound_text(1, chat_of_group(TEAM), "false:B", "hi", 20),
		inbound_text(2, chat_of("12065550001"), "false:C", "hi", 30),
		inbound_text(2, chat_of_group(TEAM), "false:D", "hi", 40) };
	struct uuid conversations[2];
	char group[37];

	(void)state;
	apply(events, COUNT(events));
	for (size_t i = 0; i < 2; i++)
		conversations[i] =
			event_of(out.events, out.n_events, CE_MESSAGE_CREATED, &events[2 * i].account)->conversation;
	snprintf(group, sizeof(group), "%s", arena_cstr(db.arena, db_text("SELECT uuid::text FROM whatsapp_groups")));
	execute(db.admin, "TRUNCATE contacts, whatsapp_groups CASCADE");
	chat_sync_ops.assignment_changed(replica1.sync);
	map_clear(sequences);
	for (size_t i = 2; i-- > 0;) {
		apply(&events[2 * i], 2);
		assert_true(uuid_eq(&event_of(out.events, out.n_events, CE_MESSAGE_CREATED, &events[2 * i].account)
					    ->conversation,
			&conversations[i]));
	}
	assert_text("SELECT uuid::text FROM whatsapp_groups", group);
}

static void two_events_of_one_id_open_two_conversations(void **state)
{
	struct inbound_event events[] = { inbound_text(1, chat_of("12065550001"), "false:A", "hi", 10),
		inbound_text(1, chat_of("12065550002"), "false:A", "hi", 10) };

	(void)state;
	events[1].id = events[0].id;
	apply(events, COUNT(events));
	assert_int_equal(db_i64("SELECT count(DISTINCT uuid) FROM conversations"), 2);
}

static void the_event_of_a_new_contact_has_an_id_of_the_contact_alone(void **state)
{
	struct chat_event want = { .kind = CE_CONTACT_CREATED };

	(void)state;
	apply_one(inbound_text(1, chat_of("12065550001"), "false:A", "hi", 10));
	assert_int_equal(out.events[0].kind, CE_CONTACT_CREATED);
	chat_event_derive_id(&want, &out.events[0].u.contact_changed.contact.id,
		&out.events[0].u.contact_changed.contact.id);
	assert_true(uuid_eq(&out.events[0].id, &want.id));
}

/* As after an erasure: the person of the event is another contact, and the conversation is another one. */
static void a_repeat_whose_ids_are_taken_gets_others(void **state)
{
	const struct inbound_event event = inbound_text(1, chat_of(ANN), "false:A", "hi", 10);

	(void)state;
	apply_one(event);
	execute(db.admin, "DELETE FROM contact_aliases");
	execute(db.admin, "TRUNCATE chats CASCADE");
	chat_sync_ops.assignment_changed(replica1.sync);
	apply_one(event);
	assert_string_equal(published(), "contact.created,message.created");
	assert_int_equal(db_i64("SELECT count(DISTINCT uuid) FROM contacts"), 2);
	assert_int_equal(db_i64("SELECT count(DISTINCT uuid) FROM conversations"), 2);
}

static void an_older_state_than_the_last_that_was_reported_changes_nothing(void **state)
{
	(void)state;
	apply_one(session_of(SESSION_CONNECTED, REASON_NONE, 10));
	apply_one(session_of(SESSION_CONNECTED, REASON_NONE, 30));
	assert_string_equal(published(), "");
	apply_one(session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 20));
	assert_string_equal(published(), "");
	chat_sync_ops.assignment_changed(replica1.sync);
	apply_one(session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 20));
	assert_string_equal(published(), "");
	assert_text(
		"SELECT status || ' ' || extract(epoch FROM status_at - status_since)::int FROM whatsapp_accounts WHERE id = 1",
		"connected 20");
}

static void a_connected_session_that_is_silent_is_marked_for_a_sync(void **state)
{
	struct chat_sync_settings settings = replica_settings;
	struct replica patient = { 0 };

	(void)state;
	settings.session_silent_ms = 60000;
	replica_open(&patient, &settings);
	apply_one(session_of(SESSION_CONNECTED, REASON_NONE, 10));
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 20));
	execute(db.admin, "UPDATE whatsapp_accounts SET last_activity_at = now() WHERE id = 1");
	sweep(&patient);
	assert_false(patient.swept);
	execute(db.admin, "UPDATE whatsapp_accounts SET last_activity_at = now() - interval '2 minutes' WHERE id = 1");
	sweep(&patient);
	assert_true(patient.swept);
	assert_text("SELECT sync ->> 'resync' FROM whatsapp_accounts WHERE id = 1", "true");
	sweep(&patient); /* once */
	assert_false(patient.swept);
	replica_close(&patient);
}

static struct inbound_event session_with_phone(const char *phone, int64_t second)
{
	struct inbound_event e = session_of(SESSION_CONNECTED, REASON_NONE, second);

	e.u.session_state.phone = str_of(phone);
	return e;
}

#define PHONE "SELECT reported_phone FROM whatsapp_accounts WHERE id = 1"
#define LOST  "SELECT disconnect_count FROM whatsapp_accounts WHERE id = 1"

static void the_newest_phone_that_a_session_reports_is_kept(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET reported_phone = NULL");
	apply_one(session_of(SESSION_CONNECTED, REASON_NONE, 30));
	apply_one(session_with_phone(ANN, 30)); /* of the same second */
	assert_text(PHONE, ANN);
	chat_sync_ops.assignment_changed(replica1.sync);
	apply_one(session_with_phone(BOB, 20));
	assert_text(PHONE, ANN);
	apply_one(session_with_phone(BOB, 40));
	assert_text(PHONE, BOB);
	apply_one(session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 50)); /* says nothing of a phone */
	assert_text(PHONE, BOB);
}

static void lost_sessions_are_counted_while_the_account_should_be_connected(void **state)
{
	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET disconnect_count = 0");
	apply((struct inbound_event[]){ session_of(SESSION_CONNECTED, REASON_NONE, 10),
		      session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 20),
		      session_of(SESSION_CONNECTED, REASON_NONE, 30), session_of(SESSION_FAILED, REASON_ERROR, 40),
		      session_of(SESSION_CONNECTED, REASON_NONE, 50),
		      session_of(SESSION_DISCONNECTED, REASON_USER_INITIATED, 60) },
		6);
	assert_int_equal(db_i64(LOST), 2);
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 65)); /* another batch does not count them again */
	apply_one(session_of(SESSION_CONNECTED, REASON_NONE, 70));
	assert_int_equal(db_i64(LOST), 2);
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_state = 'disconnected'");
	apply_one(session_of(SESSION_DISCONNECTED, REASON_UNKNOWN, 80));
	execute(db.admin, "UPDATE whatsapp_accounts SET desired_state = 'connected'");
	assert_int_equal(db_i64(LOST), 2);
}

#define ACTIVITY \
	"SELECT coalesce(extract(epoch FROM now() - last_activity_at) < 60, false)::text FROM whatsapp_accounts WHERE id = 1"

static void only_what_the_account_sent_moves_its_last_activity(void **state)
{
	struct header *by_cleanup = mem_calloc(1, sizeof(*by_cleanup)); /* freed with the message */
	struct inbound_event seen = session_of(SESSION_CONNECTED, REASON_NONE, 20);
	struct kafka_message m = { .key = STR("k"), .timestamp_ms = seen.ingest_time_ms };

	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	assert_text(ACTIVITY, "true");
	execute(db.admin, "UPDATE whatsapp_accounts SET last_activity_at = now() - interval '7 hours'");
	chat_sync_ops.assignment_changed(replica1.sync);
	apply_one(read_until(ANN, 10));
	assert_text(ACTIVITY, "false");
	batch_reset(replica1.at.batch);
	*by_cleanup = (struct header){ STR("ce_source"), STR("cleanup") };
	m.headers = by_cleanup;
	m.headers_count = 1;
	done(inbound_encode(&seen, db.arena, &m.value, &db.err));
	assert_non_null(applier_receive(&replica1.at, &m)->decoded);
	applier_commit(&replica1.at);
	out_read(&replica1);
	assert_string_equal(published(), "session.state"); /* the row was written, its last activity stayed */
	assert_text(ACTIVITY, "false");
	apply_one(inbound_text(1, chat_of(ANN), "false:B", "hi", 30));
	assert_text(ACTIVITY, "true");
}

/* An outage */

static void where_no_account_can_be_seen_nothing_is_a_dead_letter(void **state)
{
	struct inbound_event e = inbound_text(1, chat_of(ANN), "false:A", "hi", 10);
	struct replica blind = { 0 };
	struct err err = { 0 };

	(void)state;
	execute(db.admin, "ALTER POLICY service ON whatsapp_accounts USING (false)");
	replica_open(&blind, &replica_settings);
	take_in(&blind, &e, 1);
	done(pg_begin(blind.at.pg, &db.err));
	assert_failed(applier_apply(&blind.at, &err), err, ERR_RETRY, "no_accounts");
	pg_rollback(blind.at.pg);
	replica_close(&blind);
	execute(db.admin, "ALTER POLICY service ON whatsapp_accounts USING (true)");
}

/* Trimming reads all syncs of the account: it is for syncs that begin. */
static void syncs_are_trimmed_when_one_begins(void **state)
{
	(void)state;
	execute(db.admin,
		"INSERT INTO account_syncs (workspace_id, account_id, sync_id, index, open) SELECT 1, 1, 'sync ' || n, 0, false"
		" FROM generate_series(1, 10100) n");
	apply_one(sync_chat("sync 1", 60, "+6281100000001", 1, 0));
	assert_int_equal(db_i64("SELECT count(*) FROM account_syncs"), 10101);
	apply_one(sync_chat("new", 0, "+6281100000001", 1, 0));
	assert_int_equal(db_i64("SELECT count(DISTINCT sync_id) FROM account_syncs"), SYNCS_KEPT);
	assert_int_equal(db_i64("SELECT count(*) FROM account_syncs WHERE sync_id = 'new'"), 1);
}

static int64_t looked_up(const char *cache, const char *result)
{
	struct metric *m = metric_counter("blazz_chat_sync_cache", "", "cache,result");

	return metric_value(METRIC_CELL(m, cache, result));
}

static void what_is_found_in_memory_is_counted(void **state)
{
	static const char *const caches[] = { "accounts", "contacts", "conversations" };
	int64_t hits[COUNT(caches)], misses[COUNT(caches)];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(caches); i++) {
			hits[i] = looked_up(caches[i], "hit");
			misses[i] = looked_up(caches[i], "miss");
		}
		apply_one(inbound_text(1, chat_of("+6281100000001"), round ? "true:b" : "true:a", "text", round));
		for (size_t i = 0; i < COUNT(caches); i++) {
			assert_int_equal(looked_up(caches[i], "hit") - hits[i], round);
			assert_int_equal(looked_up(caches[i], "miss") - misses[i], !round);
		}
	}
}

static int64_t syncs_started(void)
{
	return metric_value(METRIC_CELL(metric_counter("blazz_chat_sync_syncs", "", "status"), "started"));
}

static int logged(void (*act)(struct inbound_event *e), struct inbound_event *e, const char *event)
{
	int fds[2], saved = dup(STDERR_FILENO), found = 0;
	static char text[65536];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	log_set_level(LOG_INFO);
	act(e);
	log_set_level(LOG_ERROR);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	text[n > 0 ? n : 0] = '\0';
	for (const char *at = text; (at = strstr(at, event)); at++)
		found++;
	return found;
}

static void try_and_roll_back(struct inbound_event *e)
{
	batch_reset(replica1.at.batch);
	take_in(&replica1, e, 1);
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	pg_rollback(replica1.at.pg);
	chat_sync_ops.rolled_back(replica1.sync);
}

static void try_and_commit(struct inbound_event *e)
{
	apply_one(*e);
}

/* Sessions are logged once a second at most, and a test before may have changed one. */
static void log_limit_wait(void)
{
	for (int64_t until = clock_mono_ms() + 1000; clock_mono_ms() < until;)
		(void)poll(NULL, 0, 20);
}

static void a_session_is_logged_once_it_is_committed(void **state)
{
	struct inbound_event e = session_of(SESSION_QR, REASON_NONE, 10);

	(void)state;
	log_limit_wait();
	assert_int_equal(logged(try_and_roll_back, &e, "session changed"), 0);
	assert_int_equal(logged(try_and_commit, &e, "session changed"), 1);
	assert_int_equal(logged(try_and_commit, &e, "session changed"), 0);
}

static void a_sync_is_counted_once_it_is_committed(void **state)
{
	struct inbound_event e = sync_chat("s", 0, "+6281100000001", 1, 0);
	int64_t before = syncs_started();

	(void)state;
	batch_reset(replica1.at.batch);
	take_in(&replica1, &e, 1);
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	assert_int_equal(syncs_started(), before);
	pg_rollback(replica1.at.pg);
	chat_sync_ops.rolled_back(replica1.sync);
	apply_one(e);
	assert_int_equal(syncs_started(), before + 1);
}

/* For more options than a vote may have bytes. */
static struct inbound_event large_vote(int64_t second)
{
	static struct str options[100];
	struct inbound_event e = event(IN_POLL_VOTE, 1, second);

	for (size_t i = 0; i < COUNT(options); i++)
		options[i] = arena_printf(db.arena, "%0*zu", VOTE_MAX_BYTES / 50, i);
	e.u.poll_vote.target.key = STR("true:A");
	e.u.poll_vote.chat = chat_of(ANN);
	e.u.poll_vote.direction = DIR_INBOUND;
	e.u.poll_vote.options = options;
	e.u.poll_vote.n_options = COUNT(options);
	return e;
}

static const struct {
	const char *family, *labels, *values[2];
} counted[] = {
	{ "blazz_chat_sync_events", "kind,effect", { "message", "applied" } },
	{ "blazz_chat_sync_disconnects", "reason", { "timeout" } },
	{ "blazz_chat_sync_over_limit", "what", { "votes" } },
	{ "blazz_chat_sync_over_limit", "what", { "parked" } },
	{ "blazz_chat_sync_gaps", "kind", { "expired_update" } },
};

static void assert_counted(const int64_t *before, int64_t more)
{
	for (size_t i = 0; i < COUNT(counted); i++) {
		struct metric *m = metric_counter(counted[i].family, "", counted[i].labels);

		if (metric_value(metric_with(m, counted[i].values)) != before[i] + more)
			fail_msg("%s: not %" PRId64 " more", counted[i].values[0], more);
	}
}

static void what_a_batch_did_is_counted_once_it_is_committed(void **state)
{
	struct inbound_event events[] = { inbound_text(1, chat_of(ANN), "false:B", "hi", 11),
		session_of(SESSION_DISCONNECTED, REASON_TIMEOUT, 30), large_vote(12),
		reaction_of(1, chat_of(ANN), "false:X", "x", 13) };
	int64_t before[COUNT(counted)];

	(void)state;
	apply((struct inbound_event[]){ outbound_text(1, chat_of(ANN), "true:A", "poll", 10),
		      session_of(SESSION_CONNECTED, REASON_NONE, 5) },
		2);
	park(10000);
	for (size_t i = 0; i < COUNT(counted); i++)
		before[i] = metric_value(metric_with(metric_counter(counted[i].family, "", counted[i].labels),
			counted[i].values));
	batch_reset(replica1.at.batch);
	take_in(&replica1, events, COUNT(events));
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	assert_counted(before, 0);
	pg_rollback(replica1.at.pg);
	chat_sync_ops.rolled_back(replica1.sync);
	apply(events, COUNT(events));
	assert_counted(before, 1);
	apply_one(reaction_of(1, chat_of(ANN), "false:B", "x", 14));
	assert_counted(before, 1);
}

/* As while the worker isolates rejected records. */
static void applied_records_are_counted_and_rejected_ones_are_not(void **state)
{
	struct inbound_event first = inbound_text(1, chat_of(ANN), "false:B", "hi", 11),
			     second = inbound_text(1, chat_of(ANN), "false:C", "hi", 12);
	struct metric_cell *applied =
		METRIC_CELL(metric_counter("blazz_chat_sync_events", "", "kind,effect"), "message", "applied");
	int64_t before = metric_value(applied);

	(void)state;
	batch_reset(replica1.at.batch);
	take_in(&replica1, &first, 1);
	done(pg_begin(replica1.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	chat_sync_ops.kept(replica1.sync);
	done(pg_savepoint(replica1.at.pg, &db.err));
	batch_reset(replica1.at.batch);
	take_in(&replica1, &second, 1);
	done(applier_apply(&replica1.at, &db.err));
	chat_sync_ops.rolled_back(replica1.sync);
	done(pg_savepoint_rollback(replica1.at.pg, &db.err));
	done(pg_commit(replica1.at.pg, &db.err));
	chat_sync_ops.committed(replica1.sync);
	assert_int_equal(metric_value(applied), before + 1);
}

static void a_sweep_that_changes_nothing_counts_nothing(void **state)
{
	struct metric_cell *parked =
		METRIC_CELL(metric_counter("blazz_chat_sync_events", "", "kind,effect"), "edit", "parked");
	struct inbound_event edit = edit_of(1, chat_of(ANN), NULL, "edited", 20);
	int64_t before;

	(void)state;
	edit.u.edit.target.stanza = STR("S");
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:S", "theirs", 10),
		      outbound_text(1, chat_of(ANN), "true:S", "ours", 11), edit },
		3);
	before = metric_value(parked);
	sweep(&replica1);
	apply_one(inbound_text(1, chat_of(ANN), "false:B", "hi", 11));
	assert_int_equal(metric_value(parked), before);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, replicas_empty)
	const struct CMUnitTest tests[] = {
		T(invalid_events_become_dead_letters_and_the_others_are_applied),
		T(a_batch_that_was_rolled_back_never_happened),
		T(events_of_deleted_accounts_and_workspaces_are_filtered_except_read_markers),
		T(a_parked_update_of_a_deleted_account_waits_for_its_end),
		T(an_update_waits_for_its_message),
		T(what_was_parked_does_not_hide_a_new_group),
		T(a_stanza_without_a_direction_finds_its_message_in_the_conversation),
		T(a_target_that_could_be_two_messages_waits),
		T(the_sweep_applies_parked_updates_that_no_batch_looked_for),
		T(parked_updates_of_an_account_are_bounded),
		T(an_expired_update_is_the_dead_letter_that_it_came_as),
		T(expired_updates_are_dead_letters_and_gaps_where_messages_are_kept_for_ever),
		T(messages_older_than_their_workspace_keeps_them_are_filtered),
		T(an_update_without_content_does_not_rewrite_the_content),
		T(content_that_was_read_and_stayed_is_not_written_anew),
		T(an_error_is_set_and_removed_beside_the_content),
		T(a_batch_reads_the_content_that_one_of_its_updates_needs),
		T(a_parked_update_waits_until_its_messages_content_is_read),
		T(statuses_of_many_large_messages_are_one_batch),
		T(a_marker_moves_forward_and_recounts),
		T(duplicates_in_one_batch_count_once),
		T(what_is_deleted_is_no_longer_unread),
		T(an_older_message_does_not_move_the_list_back),
		T(a_call_is_a_message),
		T(the_steps_of_a_call_end_the_same_in_every_order),
		T(a_step_of_a_call_is_published_if_it_changes_the_outcome),
		T(two_accounts_in_a_group_are_two_conversations_with_one_group),
		T(deltas_from_two_accounts_and_an_older_snapshot_give_one_list),
		T(many_changes_of_a_large_group_cost_it_once),
		T(the_newest_subject_and_description_stay),
		T(a_groups_settings_are_merged_member_by_member_in_every_order),
		T(older_settings_and_invite_codes_change_nothing),
		T(the_newest_state_decides_whether_a_chat_is_archived),
		T(a_sync_is_complete_when_its_chats_are_accounted_for),
		T(a_repeated_end_publishes_later_progress_under_another_id),
		T(a_sync_in_parts_counts_unread_over_all_of_them),
		T(a_sync_never_takes_back_a_newer_read),
		T(a_sync_that_is_switched_off_is_counted_and_skipped),
		T(an_item_without_an_id_finds_its_message),
		T(items_without_an_id_at_one_moment_cost_no_more_than_others),
		T(a_sync_without_progress_fails_and_is_published_once),
		T(a_stalled_sync_is_not_hidden_by_another_batch),
		T(the_agent_who_wrote_or_deleted_is_remembered),
		T(a_target_is_found_without_its_chat),
		T(a_status_that_says_deleted_is_a_revoke),
		T(a_group_that_was_deleted_stays_as_a_memory),
		T(a_session_is_published_when_its_state_differs),
		T(our_own_message_is_sent_unless_its_ack_says_otherwise),
		T(a_time_that_cannot_be_true_decides_nothing),
		T(a_time_of_a_sync_that_cannot_be_true_decides_nothing),
		T(an_edit_repeated_with_a_later_time_publishes_nothing),
		T(where_no_account_can_be_seen_nothing_is_a_dead_letter),
		T(of_notices_of_a_kind_the_newest_stays),
		T(components_of_a_template_are_stored_and_publish_nothing_alone),
		T(a_notice_is_published_whole_and_stored_short),
		T(a_repeat_has_the_same_ids),
		T(the_order_of_two_accounts_changes_no_id_of_conversations_and_groups),
		T(two_events_of_one_id_open_two_conversations),
		T(the_event_of_a_new_contact_has_an_id_of_the_contact_alone),
		T(a_repeat_whose_ids_are_taken_gets_others),
		T(an_older_state_than_the_last_that_was_reported_changes_nothing),
		T(a_connected_session_that_is_silent_is_marked_for_a_sync),
		T(the_newest_phone_that_a_session_reports_is_kept),
		T(lost_sessions_are_counted_while_the_account_should_be_connected),
		T(only_what_the_account_sent_moves_its_last_activity),
		T(syncs_are_trimmed_when_one_begins),
		T(what_is_found_in_memory_is_counted),
		T(a_session_is_logged_once_it_is_committed),
		T(a_sync_is_counted_once_it_is_committed),
		T(what_a_batch_did_is_counted_once_it_is_committed),
		T(applied_records_are_counted_and_rejected_ones_are_not),
		T(a_sweep_that_changes_nothing_counts_nothing),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
