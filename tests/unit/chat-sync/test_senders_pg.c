/* chat-sync against PostgreSQL: reactions, receipts and votes stay their sender's, whatever the sender is called when they come again.
 * `replica1` and `replica2` are two replicas: workspace 1, accounts 1 and 2. */
#include "unit.h"

#include "replica.h"
#include "store/conversations_merge.h"

#include <pthread.h>

#define ANN  "12065550001"
#define BOB  "12065550002"
#define LID  "901"
#define TEAM chat_of_group("1@g.us")

/* The emojis that are shown, and how many were withdrawn. */
#define REACTIONS \
	"SELECT coalesce(string_agg(emoji, ' ' ORDER BY emoji), '') || ', ' || (SELECT count(*) FROM chat_reactions_withdrawn)" \
	" FROM chat_reactions"
#define RECEIPTS "SELECT coalesce(string_agg(status, ' ' ORDER BY status), '') FROM chat_receipts"
/* Senders that are neither the account nor a contact that survives. */
#define STRANGERS \
	"SELECT count(*) FROM chat_reactions r WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.workspace_id = r.workspace_id" \
	" AND c.uuid::text = r.sender AND c.merged_into IS NULL)"

static const struct party ann = { .phone = { ANN, 11 } }, bob = { .phone = { BOB, 11 } }, lid = { .lid = { LID, 3 } };

static struct inbound_event said_in_team(struct party who, const char *key, int64_t second)
{
	struct inbound_event e = inbound_text(1, TEAM, key, "hi", second);

	e.u.message.sender = who;
	return e;
}

static struct inbound_event reacted_in_team(struct party who, const char *emoji, int64_t second)
{
	struct inbound_event e = reaction_of(1, TEAM, "false:T", emoji, second);

	e.u.reaction.sender = who;
	return e;
}

static struct inbound_event received_in_team(struct party who, enum message_status s, int64_t second)
{
	struct inbound_event e = status_of(1, TEAM, "true:T", s, second);

	e.u.status.participant = who;
	return e;
}

static struct inbound_event voted(struct party who, const char *option, int64_t second)
{
	static struct str options[8];
	static size_t n;
	struct inbound_event e = event(IN_POLL_VOTE, 1, second);

	options[n % COUNT(options)] = str_of(option);
	e.u.poll_vote = (struct in_poll_vote){ .target = { .key = STR("false:T") },
		.chat = TEAM,
		.voter = who,
		.direction = DIR_INBOUND,
		.options = &options[n++ % COUNT(options)],
		.n_options = 1 };
	return e;
}

static struct inbound_event identity(enum identity_kind kind, struct party old, struct party new, int64_t second)
{
	struct inbound_event e = event(IN_IDENTITY_CHANGE, 1, second);

	e.u.identity_change = (struct in_identity_change){ .kind = kind, .old_party = old, .new_party = new };
	return e;
}

/* Applies also the identity changes that the batch itself publishes. */
static void apply_all(const struct inbound_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		apply_one(events[i]);
		apply(out.inbound, out.n_inbound);
	}
}

/* After `first`, the others in every order, each in a batch of its own; then all again in one batch, which changes nothing. */
static void apply_in_every_order_after(const struct inbound_event *first, size_t n_first,
	const struct inbound_event *events, size_t n, const char *query, const char *want)
{
	size_t order[8];

	assert_in_range(n, 1, COUNT(order));
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	do {
		execute(db.admin, "TRUNCATE contacts CASCADE");
		chat_sync_ops.assignment_changed(replica1.sync);
		map_clear(sequences);
		apply_all(first, n_first);
		for (size_t i = 0; i < n; i++)
			apply_all(&events[order[i]], 1);
		assert_text(query, want);
		apply(events, n);
		assert_string_equal(published(), "");
		assert_text(query, want);
	} while (permutation_next(order, n));
}

static void a_reaction_stays_its_authors_when_the_number_changes(void **state)
{
	const struct inbound_event first[] = { inbound_text(1, chat_of(ANN), "false:A", "hi", 1) };
	const struct inbound_event events[] = { reaction_of(1, chat_of(ANN), "false:A", "old", 5),
		identity(IDENTITY_NUMBER_CHANGED, ann, bob, 10), reaction_of(1, chat_of(ANN), "false:A", "", 7),
		reaction_of(1, chat_of(BOB), "false:A", "new", 20) };

	(void)state;
	apply_in_every_order_after(first, 1, events, 4, REACTIONS, "new, 0");
}

static void a_reaction_stays_its_authors_when_a_lid_gets_a_phone(void **state)
{
	const struct inbound_event first[] = { inbound_text(1, chat_of_lid(LID), "false:A", "hi", 1) };
	const struct inbound_event events[] = { reaction_of(1, chat_of_lid(LID), "false:A", "new", 20),
		identity(IDENTITY_ALIAS, ann, lid, 10), reaction_of(1, chat_of(ANN), "false:A", "old", 5) };

	(void)state;
	apply_in_every_order_after(first, 1, events, 3, REACTIONS, "new, 0");
}

static void of_two_merged_contacts_the_newer_reaction_stays(void **state)
{
	const struct inbound_event first[] = { said_in_team(ann, "false:T", 1), said_in_team(lid, "false:U", 2) };
	const struct inbound_event given[] = { reacted_in_team(ann, "old", 5), reacted_in_team(lid, "new", 20),
		identity(IDENTITY_ALIAS, ann, lid, 10) };
	const struct inbound_event withdrawn[] = { reacted_in_team(lid, "old", 5), reacted_in_team(ann, "", 20),
		identity(IDENTITY_ALIAS, ann, lid, 10) };

	(void)state;
	apply_in_every_order_after(first, 2, given, 3, REACTIONS, "new, 0");
	apply_in_every_order_after(first, 2, withdrawn, 3, REACTIONS, ", 1");
	apply_in_every_order_after(first, 2, given, 3, "SELECT (" STRANGERS ")::text", "0");
}

static void a_sender_that_reacted_before_it_became_a_contact_is_one_sender(void **state)
{
	const struct inbound_event first[] = { said_in_team(bob, "false:T", 1) };
	struct inbound_event both = said_in_team(ann, "false:U", 10);
	struct inbound_event events[] = { reacted_in_team(ann, "old", 5), both, reacted_in_team(lid, "new", 20) };

	(void)state;
	events[1].u.message.sender.lid = STR(LID);
	apply_in_every_order_after(first, 1, events, 3, REACTIONS, "new, 0");
	events[2] = reacted_in_team(ann, "new", 20);
	events[1] = both;
	apply_in_every_order_after(first, 1, events, 3, REACTIONS, "new, 0");
}

static void the_holder_of_a_number_reacts_beside_the_previous_holder(void **state)
{
	const struct inbound_event again[] = { reacted_in_team(ann, "former", 5),
		reacted_in_team(ann, "stranger", 20) };

	(void)state;
	apply_one(said_in_team(ann, "false:T", 1));
	apply_one(again[0]);
	apply_one(identity(IDENTITY_NUMBER_CHANGED, ann, bob, 10));
	apply_one(again[1]);
	assert_text(REACTIONS, "former stranger, 0");
	apply_one(said_in_team(ann, "false:U", 30));
	apply(again, 2);
	assert_string_equal(published(), "");
	assert_text(REACTIONS, "former stranger, 0");
	assert_int_equal(db_i64(STRANGERS), 0);
}

/* The change is dated before what had come by then. */
static void reactions_before_a_number_change_stay_with_their_sender(void **state)
{
	const struct inbound_event sent[] = { reacted_in_team(ann, "x", 20), reacted_in_team(ann, "", 30),
		received_in_team(ann, STATUS_READ, 20), voted(ann, "red", 20) };

	(void)state;
	apply_one(said_in_team(ann, "false:T", 1));
	apply_one(outbound_text(1, TEAM, "true:T", "hi", 2));
	apply_all(sent, 4);
	apply_one(identity(IDENTITY_NUMBER_CHANGED, ann, bob, 10));
	apply(sent, 4);
	assert_string_equal(published(), "");
	apply_one(said_in_team(ann, "false:U", 40)); /* another holder by now */
	apply(sent, 4);
	assert_string_equal(published(), "");
	assert_text(REACTIONS, ", 1");
	assert_text(RECEIPTS, "read");
}

static void of_two_merged_contacts_the_furthest_receipt_stays(void **state)
{
	const struct inbound_event first[] = { outbound_text(1, TEAM, "true:T", "hi", 1),
		said_in_team(ann, "false:U", 2), said_in_team(lid, "false:V", 3) };
	const struct inbound_event events[] = { received_in_team(ann, STATUS_DELIVERED, 20),
		received_in_team(lid, STATUS_READ, 10), identity(IDENTITY_ALIAS, ann, lid, 15) };

	(void)state;
	apply_in_every_order_after(first, 3, events, 3, RECEIPTS, "read");
	apply_in_every_order_after(first, 1, events, 2, RECEIPTS,
		"delivered read"); /* no event has said that they are one */
	apply_in_every_order_after(first, 2, events, 3, RECEIPTS, "read"); /* the LID belonged to no contact */
}

static void a_vote_stays_its_voters(void **state)
{
	const struct inbound_event votes[] = { voted(ann, "red", 5), voted(lid, "blue", 6), voted(bob, "green", 7) };

	(void)state;
	apply_one(said_in_team(ann, "false:T", 1));
	apply_one(said_in_team(lid, "false:U", 2));
	apply(votes, 3);
	apply_one(said_in_team(bob, "false:V", 3));
	apply_one(identity(IDENTITY_ALIAS, ann, lid, 10));
	apply(votes, 3);
	assert_string_equal(published(), "");
	apply((struct inbound_event[]){ voted(lid, "black", 20), voted(bob, "white", 21) }, 2);
	assert_string_equal(published(), "message.reaction,message.reaction");
	assert_text("SELECT string_agg(value #>> '{options,0}', ' ' ORDER BY value ->> 'at') FROM chats,"
		    " jsonb_each(metadata -> 'votes') WHERE message_key = 'false:T'",
		"black white");
}

/* The other replica has not read the merge yet. */
static void a_contact_merged_meanwhile_is_read_again(void **state)
{
	struct inbound_event said = inbound_text(2, TEAM, "false:T", "hi", 1), late = reacted_in_team(lid, "x", 20);
	struct err err = { 0 };

	(void)state;
	said.u.message.sender = lid;
	late.account = said.account;
	apply_one(said_in_team(ann, "false:U", 1));
	apply_by(&replica2, &said, 1);
	apply_one(identity(IDENTITY_ALIAS, lid, ann, 10));
	batch_reset(replica2.at.batch);
	take_in(&replica2, &late, 1);
	done(pg_begin(replica2.at.pg, &db.err));
	assert_int_equal(applier_apply(&replica2.at, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	pg_rollback(replica2.at.pg);
	chat_sync_ops.rolled_back(replica2.sync);
	apply_by(&replica2, &late, 1);
	assert_string_equal(published(), "message.reaction");
	assert_int_equal(db_i64(STRANGERS), 0);
}

/* more than one transaction renames */

#define MANY   5000
#define OF(id) "(SELECT uuid::text FROM contacts WHERE merged_into IS " id ")"
#define LOSER  OF("NOT NULL")
#define WINNER OF("NULL")
#define LEFT \
	"SELECT (SELECT count(*) FROM chat_reactions WHERE sender = " LOSER ")" \
	" + (SELECT count(*) FROM chat_reactions_withdrawn WHERE sender = " LOSER ")" \
	" + (SELECT count(*) FROM chat_receipts WHERE participant = " LOSER ")"
#define BY_LID \
	"(SELECT c.uuid::text FROM contacts c JOIN contact_aliases a ON a.contact_id = c.id WHERE a.value = '" LID "')"
#define BY_ANN \
	"(SELECT c.uuid::text FROM contacts c JOIN contact_aliases a ON a.contact_id = c.id WHERE a.value = '" ANN "')"

#define STORED_MESSAGES \
	"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)" \
	" SELECT 1, 1000000 + g, c.account_id, c.conversation_id, 'false:M' || g, 'inbound', 'text', 'delivered', 'history', '{}', c.sent_at" \
	" FROM chats c, generate_series(1, 5000) g WHERE c.message_key = 'false:T'"

/* The LID reacted to message i at second 50, for each i; it received the first as read. To some Ann reacted as well. */
static void reactions_of_two_names(void)
{
	static const char *const rows[] = {
		STORED_MESSAGES,
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT 1, id, " BY_LID
		", 'x', sent_at + interval '48 s' FROM chats WHERE id > 1000000",
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT 1, id, " BY_ANN
		", 'newer', sent_at + interval '60 s' FROM chats WHERE id = 1000001",
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) SELECT 1, id, " BY_ANN
		", 'older', sent_at + interval '40 s' FROM chats WHERE id = 1000002",
		"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) VALUES (1, 1000001, " BY_LID
		", 'read', now()), (1, 1000001, " BY_ANN ", 'delivered', now())",
	};

	apply_one(said_in_team(ann, "false:A", 1));
	apply_one(said_in_team(lid, "false:T", 2));
	for (size_t i = 0; i < COUNT(rows); i++)
		execute(db.admin, rows[i]);
}

/* The first slice has been renamed. */
static void merge_of_many_reactions(void)
{
	reactions_of_two_names();
	execute(replica1.at.pg, "SET statement_timeout = '5s'");
	apply_one(identity(IDENTITY_ALIAS, lid, ann, 100));
	assert_int_equal(db_i64(LEFT), MANY + 1 - 1000);
}

/* The last of them finds nothing left. */
static void senders_steps(void)
{
	int64_t left = db_i64(LEFT);

	for (int i = 0; step_by(&replica1); left = db_i64(LEFT)) {
		assert_in_range(left - db_i64(LEFT), 0, 1001); /* with the receipt of the same message */
		assert_in_range(i++, 0, 2 * MANY / 1000);
	}
	assert_int_equal(db_i64(LEFT), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM sender_renames"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions"), MANY);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions WHERE sender <> " WINNER), 0);
	assert_text("SELECT string_agg(emoji, ' ' ORDER BY chat_id) FROM chat_reactions WHERE chat_id <= 1000002",
		"newer x");
	assert_text(RECEIPTS, "read");
}

static void many_reactions_follow_in_slices(void **state)
{
	(void)state;
	merge_of_many_reactions();
	assert_true(step_by(&replica1));
	assert_in_range(db_i64(LEFT), MANY - 2001, MANY - 1999);
	chat_sync_ops.assignment_changed(replica1.sync); /* killed, and another replica resumes */
	assert_true(step_by(&replica2));
	assert_in_range(db_i64(LEFT), MANY - 3001, MANY - 2999);
	senders_steps();
}

static void a_slice_of_reactions_that_was_rolled_back_comes_again(void **state)
{
	int64_t left;

	(void)state;
	merge_of_many_reactions();
	left = db_i64(LEFT);
	assert_true(step_roll_back(&replica1));
	assert_int_equal(db_i64(LEFT), left);
	senders_steps();
}

static void a_reaction_still_under_the_old_key_is_not_published_again(void **state)
{
	const char *key;
	struct inbound_event again, older, newer;

	(void)state;
	merge_of_many_reactions();
	key = arena_cstr(db.arena,
		db_text("SELECT c.message_key FROM chats c JOIN chat_reactions r ON r.chat_id = c.id WHERE c.id > 1000002 AND r.sender = " LOSER
			" LIMIT 1"));
	again = reaction_of(1, TEAM, key, "x", 50);
	again.u.reaction.sender = lid;
	older = reaction_of(1, TEAM, key, "older", 45);
	older.u.reaction.sender = ann;
	newer = reaction_of(1, TEAM, key, "newer", 70);
	newer.u.reaction.sender = ann;
	apply_one(older);
	assert_string_equal(published(), "");
	apply_one(again);
	assert_string_equal(published(), "");
	assert_int_equal(db_i64(LEFT), MANY - 1000); /* the row that the batch named was renamed */
	apply_one(newer);
	assert_string_equal(published(), "message.reaction");
	senders_steps();
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions WHERE emoji = 'newer'"), 2);
}

/* of many keys, each with few rows */

#define BATCH 100

/* Many LIDs that reacted to a message each, at second 50, become Ann. The statistics are those of the table as it is most of
 * the time: empty. */
static void renames_of_many_names(void)
{
	static const char *const rows[] = {
		STORED_MESSAGES,
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at)"
		" SELECT 1, id, 'n' || id, 'x', sent_at + interval '48 s' FROM chats WHERE id > 1000000",
		"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition)"
		" SELECT 1, sender, c.id, 't.inbound', 1 FROM chat_reactions, contacts c WHERE c.uuid::text = " BY_ANN,
		"DELETE FROM sender_renames",
		"VACUUM (ANALYZE, TRUNCATE false) sender_renames",
		"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition)"
		" SELECT 1, sender, c.id, 't.inbound', 1 FROM chat_reactions, contacts c WHERE c.uuid::text = " BY_ANN,
	};

	apply_one(said_in_team(ann, "false:A", 1));
	apply_one(said_in_team(bob, "false:T", 2));
	for (size_t i = 0; i < COUNT(rows); i++)
		execute(db.admin, rows[i]);
}

/* Look-ups by index since the transaction began, and the rows that they fetched. */
static int64_t look_ups(struct pg *pg)
{
	struct pg_rows *rows = query(pg,
		"SELECT sum(idx_scan + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables"
		" WHERE relname IN ('sender_renames', 'chat_receipts', 'chat_reactions', 'chat_reactions_withdrawn')",
		NULL);
	int64_t n = pg_i64(rows, 0, 0);

	pg_rows_free(rows);
	return n;
}

static void what_a_batch_looks_up_does_not_depend_on_how_many_renames_are_pending(void **state)
{
	struct inbound_event late[BATCH];
	int64_t begun;

	(void)state;
	renames_of_many_names();
	for (size_t i = 0; i < BATCH; i++) {
		late[i] = reaction_of(1, TEAM, arena_cstr(db.arena, arena_printf(db.arena, "false:M%zu", i + 1)),
			"older", 40);
		late[i].u.reaction.sender = ann;
	}
	batch_reset(replica1.at.batch);
	take_in(&replica1, late, BATCH);
	done(pg_begin(replica1.at.pg, &db.err));
	begun = look_ups(replica1.at.pg);
	done(applier_apply(&replica1.at, &db.err));
	assert_in_range(look_ups(replica1.at.pg) - begun, BATCH, 100 * BATCH);
	done(pg_commit(replica1.at.pg, &db.err));
	chat_sync_ops.committed(replica1.sync);
	out_read(&replica1);
	assert_string_equal(published(), "");
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions WHERE sender LIKE 'n%'"), MANY - BATCH);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions WHERE emoji <> 'x'"), 0);
}

static void many_renames_end_in_few_steps(void **state)
{
	int steps = 0;

	(void)state;
	renames_of_many_names();
	while (step_by(&replica1))
		steps++;
	assert_in_range(steps, 2, MANY / 50);
	assert_int_equal(db_i64("SELECT count(*) FROM sender_renames"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions WHERE sender = " BY_ANN), MANY);
}

static void what_is_being_renamed_to_a_contact_that_was_merged_meanwhile_is_renamed_to_the_one_that_goes_on(void *
		*state)
{
	(void)state;
	merge_of_many_reactions();
	execute(db.admin,
		"UPDATE sender_renames SET contact_id = (SELECT id FROM contacts WHERE merged_into IS NOT NULL)");
	assert_true(step_by(&replica1));
	assert_int_equal(db_i64(LEFT), MANY - 999);
	senders_steps();
}

/* messages that collapse meanwhile, in their account's partition */

#define MOVED "2000000"

/* A message that is stored twice, in conversations that merge; the LID, which becomes Ann, reacted to the one that is removed. */
static struct conversation_merge merge_of_one_message(void)
{
	static const char *const rows[] = {
		"INSERT INTO conversations (workspace_id, id, account_id, contact_id) SELECT 1, " MOVED
		", 1, max(id) FROM contacts",
		"INSERT INTO chats (workspace_id, id, account_id, conversation_id, message_key, type, message_type, message_status, origin, metadata, sent_at)"
		" SELECT 1, " MOVED ", account_id, " MOVED
		", message_key, type, message_type, message_status, origin, metadata, sent_at FROM chats WHERE message_key = 'false:A'",
		"INSERT INTO chat_reactions (workspace_id, chat_id, sender, emoji, at) VALUES (1, " MOVED
		", 'gone', 'x', now())",
		"INSERT INTO chat_receipts (workspace_id, chat_id, participant, status, at) VALUES (1, " MOVED
		", 'gone', 'read', now())",
		"INSERT INTO conversation_merges (workspace_id, conversation_id, into_id, topic, partition) SELECT 1, " MOVED
		", conversation_id, 't.inbound', 2 FROM chats WHERE message_key = 'false:A' AND id <> " MOVED,
		"INSERT INTO sender_renames (workspace_id, sender, contact_id, topic, partition)"
		" SELECT 1, 'gone', c.id, 't.inbound', 1 FROM contacts c WHERE c.uuid::text = " BY_ANN,
	};

	apply_one(said_in_team(ann, "false:A", 1));
	for (size_t i = 0; i < COUNT(rows); i++)
		execute(db.admin, rows[i]);
	execute(replica1.at.pg, "SET statement_timeout = '5s'");
	return (struct conversation_merge){ .workspace_id = 1,
		.from = db_i64("SELECT conversation_id FROM conversation_merges"),
		.into = db_i64("SELECT into_id FROM conversation_merges"),
		.upto_us = PG_NO_TIME };
}

static void keep_nothing(void *ctx, const struct merged_message *m)
{
	(void)ctx, (void)m;
}

struct collapse {
	struct conversation_merge merge;
	struct err err;
	int rc;
};

static void *collapse_run(void *arg)
{
	struct collapse *c = arg;

	c->rc = pg_begin(replica2.at.pg, &c->err);
	if (c->rc == 0)
		c->rc = store_conversations_merge_step(replica2.at.pg, &c->merge, 1000, keep_nothing, NULL, &c->err);
	if (c->rc >= 0)
		c->rc = pg_commit(replica2.at.pg, &c->err);
	else
		pg_rollback(replica2.at.pg);
	return NULL;
}

static void assert_all_is_anns(void)
{
	while (step_by(&replica1))
		continue;
	assert_int_equal(db_i64("SELECT count(*) FROM sender_renames"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), 1);
	assert_int_equal(
		db_i64("SELECT count(*) FROM chat_reactions r JOIN chat_receipts h USING (workspace_id, chat_id)"
		       " WHERE r.sender = " BY_ANN " AND h.participant = r.sender"),
		1);
}

static void a_message_collapses_after_the_slice_that_renames_on_it(void **state)
{
	struct collapse collapse = { merge_of_one_message(), { 0 }, 0 };
	int64_t give_up_ms = clock_mono_ms() + 10000;
	pthread_t thread;

	(void)state;
	assert_true(step_run(&replica1));
	assert_int_equal(pthread_create(&thread, NULL, collapse_run, &collapse), 0);
	while (db_i64("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") ==
		0)
		assert_true(clock_mono_ms() < give_up_ms);
	done(pg_commit(replica1.at.pg, &db.err));
	chat_sync_ops.committed(replica1.sync);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (collapse.rc < 0)
		fail_msg("%s [%s]", collapse.err.msg, collapse.err.code);
	assert_all_is_anns();
}

static void a_slice_leaves_out_a_message_that_is_collapsing(void **state)
{
	struct conversation_merge merge = merge_of_one_message();

	(void)state;
	done(pg_begin(replica2.at.pg, &db.err));
	assert_int_equal(store_conversations_merge_step(replica2.at.pg, &merge, 1000, keep_nothing, NULL, &db.err), 1);
	assert_true(step_by(&replica1));
	assert_int_equal(db_i64("SELECT count(*) FROM sender_renames"), 1);
	done(pg_commit(replica2.at.pg, &db.err));
	assert_all_is_anns();
}

/* Tests that fail leave transactions open. */
static int setup(void **state)
{
	pg_rollback(replica2.at.pg);
	pg_rollback(replica1.at.pg);
	return replicas_empty(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(a_reaction_stays_its_authors_when_the_number_changes),
		T(a_reaction_stays_its_authors_when_a_lid_gets_a_phone),
		T(of_two_merged_contacts_the_newer_reaction_stays),
		T(a_sender_that_reacted_before_it_became_a_contact_is_one_sender),
		T(the_holder_of_a_number_reacts_beside_the_previous_holder),
		T(reactions_before_a_number_change_stay_with_their_sender),
		T(of_two_merged_contacts_the_furthest_receipt_stays),
		T(a_vote_stays_its_voters),
		T(a_contact_merged_meanwhile_is_read_again),
		T(many_reactions_follow_in_slices),
		T(a_slice_of_reactions_that_was_rolled_back_comes_again),
		T(a_reaction_still_under_the_old_key_is_not_published_again),
		T(what_a_batch_looks_up_does_not_depend_on_how_many_renames_are_pending),
		T(many_renames_end_in_few_steps),
		T(a_message_collapses_after_the_slice_that_renames_on_it),
		T(a_slice_leaves_out_a_message_that_is_collapsing),
		T(what_is_being_renamed_to_a_contact_that_was_merged_meanwhile_is_renamed_to_the_one_that_goes_on),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
