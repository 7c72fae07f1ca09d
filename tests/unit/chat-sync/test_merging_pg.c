/* chat-sync against PostgreSQL: a conversation of more messages than one transaction moves merges in slices. While its messages are on
 * their way everything finds them as if they had come, and in the end it is as if they had moved at once. */
#include "unit.h"

#include "replica.h"

#define ANN  "12065550001"
#define MANY 2500 /* three slices */
#define LEFT \
	"SELECT count(*) FROM chats c JOIN conversations v ON v.workspace_id = c.workspace_id AND v.id = c.conversation_id" \
	" WHERE v.merged_into IS NOT NULL"

static bool step(void)
{
	return step_by(&replica1);
}

static void steps(void)
{
	while (step())
		;
	assert_int_equal(db_i64("SELECT count(*) FROM conversation_merges"), 0);
	assert_int_equal(db_i64(LEFT), 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

/* Message i of the conversation by LID, sent at second i of the hour. */
static struct inbound_event old_message(int i)
{
	char *key = arena_alloc(db.arena, 20);

	snprintf(key, 20, "false:O%d", i);
	return inbound_text(1, chat_of_lid("901"), key, "old", i);
}

/* Account 1 has a short conversation with Ann by phone and a long one by LID; the two merge. The newest slice has moved. */
static void merge_of_many(void)
{
	struct inbound_event alias = event(IN_IDENTITY_CHANGE, 1, 3000), *told = mem_calloc(MANY, sizeof(*told));
	struct inbound_event change;

	alias.u.identity_change = (struct in_identity_change){
		.kind = IDENTITY_ALIAS, .old_party = { .lid = STR("901") }, .new_party = { .phone = STR("+" ANN) }
	};
	for (int i = 0; i < MANY; i++)
		told[i] = old_message(i);
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "by phone", 5000));
	apply(told, MANY);
	free(told);
	apply_one(alias);
	assert_int_equal(out.n_inbound, 1);
	change = out.inbound[0];
	apply_one(change);
	assert_string_equal(published(), "contact.merged");
	assert_int_equal(db_i64(LEFT), MANY - 1000);
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), 1001);
}

static void assert_goes_on_with(const char *what)
{
	struct uuid goes_on = uuid_of(arena_cstr(db.arena,
		db_text("SELECT uuid::text FROM conversations WHERE merged_into IS NULL")));

	assert_string_equal(published(), what);
	for (size_t i = 0; i < out.n_events; i++)
		assert_true(uuid_eq(&out.events[i].conversation, &goes_on));
}

static void a_large_conversation_merges_in_slices(void **state)
{
	(void)state;
	merge_of_many();
	assert_true(step());
	assert_int_equal(db_i64(LEFT), MANY - 2000);
	assert_string_equal(published(), "contact.merged"); /* a slice publishes nothing */
	chat_sync_ops.assignment_changed(replica1.sync); /* killed, and another replica resumes */
	steps();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 1);
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), MANY + 1);
}

static void a_slice_that_was_rolled_back_is_repeated(void **state)
{
	(void)state;
	merge_of_many();
	assert_true(step_roll_back(&replica1));
	assert_int_equal(db_i64(LEFT), MANY - 1000);
	steps();
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), MANY + 1);
}

static void a_repeated_message_that_has_not_moved_yet_is_stored_once(void **state)
{
	(void)state;
	merge_of_many();
	apply((struct inbound_event[]){ old_message(3), old_message(3), old_message(2000),
		      inbound_text(1, chat_of_lid("901"), "false:N", "new", 6000) },
		4);
	assert_goes_on_with("message.created");
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 2);
	assert_int_equal(db_i64(LEFT), MANY - 1001);
	steps();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 2);
}

static void the_next_owner_resumes_pending_merges(void **state)
{
	(void)state;
	assert_false(step_by(&replica2));
	merge_of_many();
	chat_sync_ops.assignment_changed(replica2.sync);
	apply_by(&replica2, (struct inbound_event[]){ old_message(4) }, 1);
	assert_string_equal(published(), "");
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 1);
}

static void an_update_of_a_message_that_has_not_moved_yet_belongs_to_the_surviving_conversation(void **state)
{
	struct inbound_event edit = edit_of(1, chat_of(ANN), NULL, "by stanza", 7002), bare;

	(void)state;
	merge_of_many();
	edit.u.edit.target.stanza = STR("O4");
	bare = revoke_of(1, chat_of(ANN), "false:O5", 7003);
	bare.u.revoke.chat = (struct chat_ref){ .contact = { .phone = STR("") } };
	apply((struct inbound_event[]){ reaction_of(1, chat_of(ANN), "false:O3", "x", 7001), edit, bare }, 3);
	assert_goes_on_with("message.reaction,message.edited,message.revoked");
	steps();
	assert_text("SELECT metadata ->> 'body' FROM chats WHERE message_key = 'false:O4'", "by stanza");
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE revoked_at IS NOT NULL"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions"), 1);
}

static void a_message_that_has_not_moved_yet_is_found_by_our_own_id(void **state)
{
	struct inbound_event read = status_of(1, chat_of(ANN), "wamid.3", STATUS_READ, 7001),
			     sent = event(IN_DISPATCH, 1, 7002);

	(void)state;
	merge_of_many();
	execute(db.admin,
		"UPDATE chats SET type = 'outbound', client_message_id = message_key WHERE message_key IN ('false:O3', 'false:O4')");
	read.u.status.client_message_id = STR("false:O3");
	sent.u.dispatch.message = message_in_chat(chat_of(ANN), DIR_OUTBOUND, "wamid.4", "old");
	sent.u.dispatch.message.client_message_id = STR("false:O4");
	sent.u.dispatch.outcome = DISPATCH_SENT;
	apply((struct inbound_event[]){ read, sent }, 2);
	assert_goes_on_with("message.status");
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 1);
	assert_int_equal(db_i64(LEFT), MANY - 1002);
	assert_text("SELECT string_agg(message_key || ' ' || wam_id || ' ' || message_status, ',' ORDER BY message_key)"
		    " FROM chats WHERE client_message_id IS NOT NULL",
		"false:O3 false:O3 read,false:O4 false:O4 delivered");
}

static void an_item_without_an_id_finds_the_message_on_its_way(void **state)
{
	struct inbound_event item = old_message(7);

	(void)state;
	merge_of_many();
	item.origin = ORIGIN_HISTORY;
	item.u.message.key = STR("synthetic:1");
	item.u.message.provider_id = STR("");
	item.u.message.synthetic_key = true;
	apply_one(item);
	assert_string_equal(published(), "");
	steps();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 1);
}

static void a_read_marker_meanwhile_counts_for_what_comes_later(void **state)
{
	struct inbound_event marker = event(IN_READ_MARKER, 1, 8000);

	(void)state;
	merge_of_many();
	marker.u.read_marker.conversation_id =
		db_text("SELECT uuid::text FROM conversations WHERE merged_into IS NOT NULL");
	marker.u.read_marker.read_at_ms = at_ms(99);
	apply_one(marker);
	assert_goes_on_with("conversation.updated");
	steps();
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), MANY + 1 - 100);
}

static void what_is_stored_twice_meanwhile_collapses(void **state)
{
	(void)state;
	merge_of_many();
	execute(db.admin,
		"INSERT INTO chats SELECT (jsonb_populate_record(c, jsonb_build_object('id', c.id + 100000, 'conversation_id', v.id))).*"
		" FROM chats c, conversations v WHERE v.merged_into IS NULL AND c.message_key IN ('false:O1', 'false:O2')");
	execute(db.admin, "UPDATE conversations SET unread_messages = unread_messages + 2 WHERE merged_into IS NULL");
	chat_sync_ops.assignment_changed(replica1.sync);
	apply_one(reaction_of(1, chat_of(ANN), "false:O2", "x", 7001));
	assert_goes_on_with("message.reaction");
	steps();
	assert_int_equal(db_i64("SELECT count(*) FROM chats"), MANY + 1);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions"), 1);
}

#define T(test) cmocka_unit_test_setup(test, replicas_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_large_conversation_merges_in_slices),
		T(a_slice_that_was_rolled_back_is_repeated),
		T(a_repeated_message_that_has_not_moved_yet_is_stored_once),
		T(the_next_owner_resumes_pending_merges),
		T(an_update_of_a_message_that_has_not_moved_yet_belongs_to_the_surviving_conversation),
		T(a_message_that_has_not_moved_yet_is_found_by_our_own_id),
		T(an_item_without_an_id_finds_the_message_on_its_way),
		T(a_read_marker_meanwhile_counts_for_what_comes_later),
		T(what_is_stored_twice_meanwhile_collapses),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
