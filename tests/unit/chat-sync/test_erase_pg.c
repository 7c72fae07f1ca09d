/* chat-sync against PostgreSQL: erasing a contact, stage by stage. `replica1` and `replica2` are two replicas: workspace 1, accounts 1 and 2. */
#include "unit.h"

#include "replica.h"

#define ANN    "12065550001"
#define BOB    "12065550002"
#define BEFORE "12065550009" /* Ann's former number */
#define LID    "901901901"
#define GROUP  "1234@g.us"
#define T(s)   { (s), sizeof(s) - 1 }

/* All by which rows name Ann besides her id, as cleanup finds it. */
static struct party names[] = { { .phone = T(ANN) }, { .lid = T(LID) }, { .phone = T(BEFORE) } };

static struct inbound_event stage_of(int account, const struct uuid *contact, enum erase_stage stage)
{
	struct inbound_event e = event(IN_CONTACT_ERASE, account, 900);

	e.u.contact_erase.contact = *contact;
	e.u.contact_erase.stage = stage;
	if (stage == ERASE_IDENTITY)
		e.u.contact_erase.aliases = COUNT(names);
	if (stage != ERASE_GROUPS && stage != ERASE_MESSAGES)
		return e;
	e.u.contact_erase.names = names;
	e.u.contact_erase.n_names = COUNT(names);
	return e;
}

static void erase_identity(const struct uuid *contact)
{
	apply_one(stage_of(1, contact, ERASE_IDENTITY));
}

static void erase_group(const struct uuid *contact)
{
	static struct str groups[] = { T(GROUP) };
	struct inbound_event e = stage_of(1, contact, ERASE_GROUPS);

	e.u.contact_erase.groups = groups;
	e.u.contact_erase.n_groups = 1;
	apply_one(e);
}

/* All messages of the account. */
static void erase_messages(int account, const struct uuid *contact)
{
	struct inbound_event e = stage_of(account, contact, ERASE_MESSAGES);
	struct pg_rows *rows = query(db.admin,
		account == 1 ? "SELECT DISTINCT message_key FROM chats WHERE account_id = 1"
			     : "SELECT DISTINCT message_key FROM chats WHERE account_id = 2",
		NULL);

	e.u.contact_erase.n_keys = (size_t)pg_rows_count(rows);
	e.u.contact_erase.keys = ARENA_ARRAY(db.arena, struct str, e.u.contact_erase.n_keys);
	for (int i = 0; i < pg_rows_count(rows); i++)
		e.u.contact_erase.keys[i] = arena_str(db.arena, pg_text(rows, i, 0));
	pg_rows_free(rows);
	apply_one(e);
}

static void erase_messages_named(int account, const struct uuid *contact, struct str *keys, size_t n)
{
	struct inbound_event e = stage_of(account, contact, ERASE_MESSAGES);

	e.u.contact_erase.keys = keys;
	e.u.contact_erase.n_keys = n;
	apply_one(e);
}

static void erase_conversations(int account, const struct uuid *contact)
{
	apply_one(stage_of(account, contact, ERASE_CONVERSATIONS));
}

static void erase_all(const struct uuid *contact)
{
	erase_identity(contact);
	erase_group(contact);
	for (int account = 1; account <= 2; account++) {
		erase_messages(account, contact);
		erase_conversations(account, contact);
	}
}

static struct uuid holder_of(const char *alias)
{
	struct str sql = arena_printf(db.arena,
		"SELECT c.uuid::text FROM contact_aliases a JOIN contacts c ON c.id = a.contact_id WHERE a.value = '%s'",
		alias);

	return uuid_of(arena_cstr(db.arena, db_text(arena_cstr(db.arena, sql))));
}

/* Ann writes, known by phone and LID. */
static struct inbound_event from_ann(int account, const char *key, int64_t second)
{
	struct inbound_event e = inbound_text(account, chat_of(ANN), key, "marker", second);

	e.u.message.chat.contact.lid = STR(LID);
	e.u.message.chat.contact.name = STR("Marker Ann");
	return e;
}

static struct inbound_event in_group(const char *author, const char *key, const char *body, int64_t second)
{
	struct inbound_event e = inbound_text(1, chat_of_group(GROUP), key, body, second);

	e.u.message.sender.phone = str_of(author);
	return e;
}

static struct inbound_event number_change(int64_t second)
{
	struct inbound_event e = event(IN_IDENTITY_CHANGE, 1, second);

	e.u.identity_change.kind = IDENTITY_NUMBER_CHANGED;
	e.u.identity_change.old_party.phone = STR(BEFORE);
	e.u.identity_change.new_party.phone = STR(ANN);
	return e;
}

/* Ann wrote under her former number, then under the present one. */
static struct uuid ann_made(void)
{
	apply_one(inbound_text(1, chat_of(BEFORE), "false:0", "marker", 9));
	apply_one(number_change(10));
	apply_one(from_ann(1, "false:1", 11));
	apply_one(from_ann(2, "false:1", 11));
	return holder_of(ANN);
}

static struct inbound_event opt_out(bool stop, int64_t second)
{
	struct inbound_event e = event(IN_OPT_OUT, 1, second);

	e.u.opt_out = (struct in_opt_out){
		.party = { .phone = STR(ANN) }, .category = STR("marketing_messages"), .stop = stop
	};
	return e;
}

/* The tables that have a text, in a value or in bytes. Rows of the outbox are deleted once they are published. */
static const char *found_in(const char *text)
{
	struct str sql = arena_printf(db.arena,
		"SELECT coalesce(string_agg(t.name, ',' ORDER BY t.name), '') FROM (SELECT table_name AS name FROM information_schema.tables"
		" WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'outbox') AS t"
		" WHERE (xpath('//n/text()', query_to_xml(format('SELECT count(*) AS n FROM %%I AS x WHERE strpos(x::text, ''%s'') > 0"
		" OR strpos(x::text, encode(''%s'', ''hex'')) > 0', t.name), false, true, '')))[1]::text::integer > 0",
		text, text);

	return arena_cstr(db.arena, db_text(arena_cstr(db.arena, sql)));
}

static void the_identity_stage_erases_all_that_a_contact_is_known_by(void **state)
{
	struct inbound_event details = event(IN_CONTACT, 1, 30);
	struct uuid ann = ann_made();

	(void)state;
	details.u.contact = (struct in_contact){
		.party = { .phone = STR(ANN) }, .email = STR("marker@x"), .profile_picture = STR("https://x/marker")
	};
	apply_one(details);
	assert_string_equal(found_in("Marker Ann"), "contacts");
	assert_string_equal(found_in(BEFORE), "contact_former_aliases");
	erase_identity(&ann);
	assert_string_equal(published(), "contact.erased");
	assert_true(uuid_eq(&out.events[0].u.contact_erased.contact, &ann));
	assert_true(uuid_is_nil(&out.events[0].conversation));
	assert_string_equal(found_in("Marker Ann"), "");
	assert_string_equal(found_in("marker@x"), "");
	assert_string_equal(found_in("https://x/marker"), "");
	assert_string_equal(found_in(BEFORE), "");
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NOT NULL AND NOT is_active"), 1);
	erase_identity(&ann);
	assert_string_equal(published(), "");
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
}

static void an_alias_that_the_producer_does_not_know_delays_the_identity_stage(void **state)
{
	struct uuid ann = ann_made();
	struct inbound_event e = stage_of(1, &ann, ERASE_IDENTITY);

	(void)state;
	e.u.contact_erase.aliases--;
	apply_one(e);
	assert_string_equal(published(), "");
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NOT NULL"), 0);
}

static void all_contacts_that_were_merged_into_one_are_erased_with_it(void **state)
{
	struct inbound_event alias = event(IN_IDENTITY_CHANGE, 1, 40),
			     other = inbound_text(2, chat_of_lid(LID), "false:L", "marker", 20);
	struct uuid merged;

	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:1", "marker", 10));
	other.u.message.chat.contact.name = STR("Marker Ann");
	apply_one(other);
	merged = holder_of(LID);
	alias.u.identity_change.kind = IDENTITY_ALIAS;
	alias.u.identity_change.old_party.phone = STR(ANN);
	alias.u.identity_change.new_party.lid = STR(LID);
	apply_one(alias); /* account 2 has not merged its conversation yet */
	erase_all(&merged); /* any of them names the person */
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NULL"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 0);
	assert_string_equal(found_in("marker"), "");
	assert_string_equal(found_in("Marker"), "");
}

static void an_objection_stays_with_the_alias_that_leads_to_it(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	apply_one(opt_out(true, 20));
	erase_all(&ann);
	assert_text("SELECT string_agg(kind || ' ' || value, ',') FROM contact_aliases", "phone " ANN);
	assert_string_equal(found_in("Marker"), "");
	assert_string_equal(found_in(ANN), "contact_aliases");
	apply_one(from_ann(1, "false:9", 950));
	assert_text(
		"SELECT c.phone || ' ' || o.category || ' ' || o.stopped FROM conversations v JOIN contacts c ON c.id = v.contact_id"
		" JOIN contact_opt_outs o ON o.contact_id = c.id",
		"+" ANN " marketing_messages true");
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
}

static void an_objection_is_forgotten_on_request(void **state)
{
	struct uuid ann = ann_made();
	struct inbound_event e = stage_of(1, &ann, ERASE_IDENTITY);

	(void)state;
	apply_one(opt_out(true, 20));
	e.u.contact_erase.forget_opt_outs = true;
	apply_one(e);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_opt_outs"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 0);
}

static void an_objection_that_was_withdrawn_is_none(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	apply_one(opt_out(true, 20));
	apply_one(opt_out(false, 21));
	erase_identity(&ann);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_opt_outs"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 0);
}

/* Groups */

static void group_made(void)
{
	struct inbound_event e = event(IN_GROUP_CHANGE, 1, 100), poll = in_group(BOB, "false:P", "lunch?", 103);
	struct inbound_event vote = event(IN_POLL_VOTE, 1, 104), quote = in_group(BOB, "false:Q", "as you say", 105);
	static struct participant members[] = { { .party = { .phone = T(ANN), .name = T("Marker Ann") } },
		{ .party = { .phone = T(BOB) }, .admin = true } };
	static struct str options[] = { T("pizza") };

	e.u.group_change = (struct in_group_change){ .group = { .jid = STR(GROUP) },
		.action = GROUP_CREATE,
		.participants = members,
		.n_participants = COUNT(members),
		.text = STR("Team") };
	apply_one(e);
	apply_one(in_group(BOB, "false:B", "hello", 101));
	poll.u.message.type = MSG_POLL;
	apply_one(poll);
	vote.u.poll_vote = (struct in_poll_vote){ .target = { .key = STR("false:P") },
		.chat = chat_of_group(GROUP),
		.direction = DIR_INBOUND,
		.voter = { .phone = STR(ANN) },
		.options = options,
		.n_options = 1 };
	apply_one(vote);
	quote.u.message.quoted = (struct quoted){ .present = true,
		.target = { .stanza = STR("G") },
		.sender = { .phone = STR(ANN) },
		.body = STR("marker") };
	apply_one(quote);
	apply_one(in_group(ANN, "false:G", "marker", 106));
}

static void messages_in_groups_quotes_and_votes_are_erased(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	group_made();
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE group_id IS NOT NULL"), 4);
	erase_identity(&ann);
	erase_group(&ann);
	assert_string_equal(published(), "");
	assert_text(
		"SELECT participants_count || ' ' || jsonb_array_length(participants) || jsonb_array_length(participant_log)"
		" FROM whatsapp_groups",
		"1 11");
	erase_messages(1, &ann);
	assert_string_equal(published(), "conversation.updated");
	assert_int_equal(out.events[0].u.conversation_updated.unread, 3);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_text("SELECT string_agg(message_key, ',' ORDER BY message_key) FROM chats WHERE conversation_id IN"
		    " (SELECT id FROM conversations WHERE group_id IS NOT NULL)",
		"false:B,false:P,false:Q");
	assert_text("SELECT metadata->>'votes' FROM chats WHERE message_key = 'false:P'", "{}");
	assert_text("SELECT metadata->>'quoted' FROM chats WHERE message_key = 'false:Q'", "{\"stanza\": \"G\"}");
	assert_text(
		"SELECT c.message_key || ' ' || v.last_sender FROM conversations v JOIN chats c ON c.id = v.last_message_id"
		" WHERE v.group_id IS NOT NULL",
		"false:Q +" BOB);
	apply_one(in_group(BOB, "false:C", "and now?", 107)); /* the cache has the rows as they are */
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_quote_and_a_vote_of_another_person_stay(void **state)
{
	struct inbound_event quote = in_group(BOB, "false:R", "me, too", 108);
	struct uuid ann = ann_made();

	(void)state;
	group_made();
	quote.u.message.quoted = (struct quoted){
		.present = true, .target = { .stanza = STR("B") }, .sender = { .phone = STR(BOB) }, .body = STR("hello")
	};
	apply_one(quote);
	erase_identity(&ann);
	erase_messages(1, &ann);
	assert_text("SELECT metadata->'quoted'->>'body' FROM chats WHERE message_key = 'false:R'", "hello");
}

/* Conversations */

static void the_last_event_of_a_conversation_says_that_it_is_erased(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	erase_identity(&ann);
	erase_conversations(2, &ann);
	assert_string_equal(published(), ""); /* it has a message */
	erase_messages(2, &ann);
	assert_string_equal(published(), "");
	erase_conversations(2, &ann);
	assert_string_equal(published(), "contact.erased");
	assert_false(uuid_is_nil(&out.events[0].conversation)); /* and its number is the next one: out_read() */
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE account_id = 2"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE account_id = 1"), 1);
	erase_conversations(2, &ann);
	assert_string_equal(published(), "");
}

static void parked_updates_of_the_conversation_go_with_it(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	apply_one(edit_of(1, chat_of(ANN), "false:later", "marker", 20));
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 1);
	erase_identity(&ann);
	erase_messages(1, &ann);
	erase_conversations(1, &ann);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
}

static void nothing_of_an_erased_contact_is_found(void **state)
{
	struct inbound_event read = status_of(1, chat_of_group(GROUP), "true:O", STATUS_READ, 121);
	struct uuid ann = ann_made();

	(void)state;
	group_made();
	apply_one(outbound_text(1, chat_of(ANN), "true:1", "dear marker", 110));
	apply_one(reaction_of(1, chat_of(ANN), "true:1", "+1", 111));
	apply_one(outbound_text(1, chat_of_group(GROUP), "true:O", "hi all", 120));
	read.u.status.participant.phone = STR(ANN);
	apply_one(read);
	erase_all(&ann);
	assert_string_equal(found_in("marker"), "");
	assert_string_equal(found_in("Marker"), "");
	assert_string_equal(found_in(ANN), "");
	assert_string_equal(found_in(BEFORE), "");
	assert_string_equal(found_in(LID), "");
	assert_int_equal(db_i64(MISCOUNTED), 0);
	erase_all(&ann);
	assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
}

/* After a restore the partitions apply again, each at its own pace, what they applied in order before. */

/* In the partition of account 2, which is behind, the person's messages find no contact any more. */
static void messages_that_are_stored_after_the_identity_stage_are_erased_by_their_keys(void **state)
{
	struct str keys[] = { T("false:3"), T("true:4") };
	struct uuid ann, again;

	(void)state;
	apply_one(from_ann(1, "false:1", 11));
	ann = holder_of(ANN);
	erase_identity(&ann);
	apply_one(from_ann(2, "false:3", 12));
	apply_one(outbound_text(2, chat_of(ANN), "true:4", "dear marker", 13));
	again = holder_of(ANN);
	assert_false(uuid_eq(&ann, &again));
	apply_one(outbound_text(2, chat_of(BOB), "true:4", "dear all", 13)); /* of a broadcast */
	erase_messages_named(2, &ann, keys, COUNT(keys));
	apply_one(from_ann(2, "false:5", 950)); /* the person writes again */
	assert_text(
		"SELECT string_agg(c.message_key || ' ' || p.phone, ',' ORDER BY c.message_key) FROM chats c JOIN conversations v"
		" ON v.id = c.conversation_id JOIN contacts p ON p.id = v.contact_id WHERE c.account_id = 2",
		"false:5 +" ANN ",true:4 +" BOB);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	erase_messages_named(2, &ann, keys, COUNT(keys)); /* as the stages are repeated */
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE account_id = 2"), 2);
}

/* In the partition of account 2, which is ahead, the identity stage is not applied yet: what follows there is of the next contact. */
static void a_later_stage_brings_the_identity_stage_with_it(void **state)
{
	struct str keys[] = { T("false:1") };
	const struct {
		const char *name;
		enum erase_stage stage;
		bool forget;
	} cases[] = {
		{ "groups", ERASE_GROUPS, false },
		{ "messages", ERASE_MESSAGES, false },
		{ "conversations", ERASE_CONVERSATIONS, false },
		{ "messages, and objections are forgotten", ERASE_MESSAGES, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct uuid ann = ann_made(), again;
		struct inbound_event e = stage_of(2, &ann, cases[i].stage);

		apply_one(opt_out(true, 20));
		e.u.contact_erase.keys = keys;
		e.u.contact_erase.n_keys = cases[i].stage == ERASE_MESSAGES;
		e.u.contact_erase.forget_opt_outs = cases[i].forget;
		apply_one(e);
		apply_one(from_ann(2, "false:9", 950));
		again = holder_of(ANN);
		if (uuid_eq(&ann, &again))
			fail_msg("%s: the erased contact has the person's next message", cases[i].name);
		assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NOT NULL"), 1);
		assert_int_equal(db_i64("SELECT count(*) FROM contact_opt_outs"), !cases[i].forget);
		erase_identity(&ann);
		assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
		replicas_empty(state);
	}
}

static void messages_of_a_contact_that_is_not_there_are_erased_by_their_names(void **state)
{
	struct uuid never = uuid_of("00000000-0000-4000-8000-0000000000ff");
	struct str keys[] = { T("false:1") };

	(void)state;
	apply_one(from_ann(1, "false:1", 11));
	apply_one(from_ann(1, "false:2", 12));
	erase_messages_named(1, &never, keys, COUNT(keys));
	apply_one(stage_of(1, &never, ERASE_CONVERSATIONS));
	assert_text("SELECT string_agg(message_key, ',') FROM chats", "false:2");
}

static void the_names_of_an_erasure_are_kept_whatever_has_become_of_its_contact(void **state)
{
	struct uuid ann, never = uuid_of("00000000-0000-4000-8000-0000000000ff");

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct inbound_event e;

		apply_one(from_ann(1, "false:1", 11));
		ann = holder_of(ANN);
		erase_messages_named(1, &ann, NULL, 0); /* erases the identity, too */
		e = stage_of(1, i == 0 ? &ann : &never, ERASE_IDENTITY);
		e.u.contact_erase.erasure = uuid_of("00000000-0000-4000-8000-0000000000e1");
		e.u.contact_erase.sealed = STR("sealed");
		apply_one(e);
		assert_text("SELECT convert_from(aliases, 'UTF8') || ' ' || requested_by FROM erasures",
			"sealed restore");
		replicas_empty(state);
	}
}

/* Beside it */

static void another_contact_keeps_everything(void **state)
{
	struct str keys[] = { T("false:B2") };
	struct uuid ann = ann_made();

	(void)state;
	apply_one(inbound_text(1, chat_of(BOB), "false:B2", "hello", 20));
	erase_identity(&ann);
	erase_messages_named(1, &ann, keys, COUNT(keys));
	erase_conversations(1, &ann);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE message_key = 'false:B2'"), 1);
}

static void a_deleted_account_is_erased_too(void **state)
{
	struct uuid ann = ann_made();

	(void)state;
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 1");
	chat_sync_ops.assignment_changed(replica1.sync);
	erase_identity(&ann);
	erase_messages(1, &ann);
	erase_conversations(1, &ann);
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = NULL WHERE id = 1");
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE account_id = 1"), 0);
}

static void the_person_is_new_when_it_writes_again(void **state)
{
	struct uuid ann = ann_made(), again;

	(void)state;
	erase_all(&ann);
	apply_one(from_ann(1, "false:9", 950));
	assert_string_equal(published(), "contact.created,message.created");
	again = holder_of(ANN);
	assert_false(uuid_eq(&ann, &again));
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations"), 1);
}

/* Of another partition, whose replica has the contact in its cache: the batch fails, and is repeated with what is stored. */
static void apply_after_erasure(struct inbound_event e)
{
	struct err err = { 0 };

	batch_reset(replica2.at.batch);
	take_in(&replica2, &e, 1);
	done(pg_begin(replica2.at.pg, &db.err));
	assert_failed(applier_apply(&replica2.at, &err), err, ERR_RETRY, "contact_race");
	pg_rollback(replica2.at.pg);
	chat_sync_ops.rolled_back(replica2.sync);
	apply_by(&replica2, &e, 1);
}

static struct inbound_event renamed_ann(int64_t second)
{
	struct inbound_event e = from_ann(2, "false:8", second);

	e.u.message.chat.contact.name = STR("Marker Anna");
	return e;
}

static struct inbound_event with_another_alias(int64_t second)
{
	struct inbound_event e = from_ann(2, "false:7", second);

	e.u.message.chat.contact.bsuid = STR("US.1");
	e.u.message.chat.contact.bsuid_scope = STR("portfolio");
	return e;
}

static struct inbound_event objection(int64_t second)
{
	struct inbound_event e = opt_out(true, second);

	e.account = uuid_of(account_ids[2]);
	return e;
}

/* A name, an alias or an objection that is written to an erased contact would bring it back, or be lost. */
static void another_partition_writes_nothing_to_an_erased_contact(void **state)
{
	struct inbound_event (*const events[])(int64_t second) = { renamed_ann, with_another_alias, objection };

	for (size_t i = 0; i < COUNT(events); i++) {
		struct uuid ann = ann_made();

		apply_by(&replica2, (struct inbound_event[]){ from_ann(2, "false:5", 30) }, 1);
		erase_identity(&ann);
		apply_after_erasure(events[i](950));
		assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases a JOIN contacts c ON c.id = a.contact_id"
					" WHERE c.erased_at IS NOT NULL"),
			0);
		assert_int_equal(
			db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NOT NULL AND full_name IS NOT NULL"),
			0);
		assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE erased_at IS NULL"), 1);
		replicas_empty(state);
	}
}

static void another_partition_opens_no_conversation_with_an_erased_contact(void **state)
{
	struct uuid ann;

	(void)state;
	apply_one(from_ann(1, "false:1", 11));
	ann = holder_of(ANN);
	apply_by(&replica2, (struct inbound_event[]){ status_of(2, chat_of(ANN), "true:none", STATUS_READ, 12) }, 1);
	erase_identity(&ann);
	apply_after_erasure(from_ann(2, "false:2", 950));
	assert_int_equal(db_i64("SELECT count(*) FROM conversations v JOIN contacts c ON c.id = v.contact_id"
				" WHERE v.account_id = 2 AND c.erased_at IS NULL"),
		1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_identity_stage_erases_all_that_a_contact_is_known_by, replicas_empty),
		cmocka_unit_test_setup(an_alias_that_the_producer_does_not_know_delays_the_identity_stage,
			replicas_empty),
		cmocka_unit_test_setup(all_contacts_that_were_merged_into_one_are_erased_with_it, replicas_empty),
		cmocka_unit_test_setup(an_objection_stays_with_the_alias_that_leads_to_it, replicas_empty),
		cmocka_unit_test_setup(an_objection_is_forgotten_on_request, replicas_empty),
		cmocka_unit_test_setup(an_objection_that_was_withdrawn_is_none, replicas_empty),
		cmocka_unit_test_setup(messages_in_groups_quotes_and_votes_are_erased, replicas_empty),
		cmocka_unit_test_setup(a_quote_and_a_vote_of_another_person_stay, replicas_empty),
		cmocka_unit_test_setup(the_last_event_of_a_conversation_says_that_it_is_erased, replicas_empty),
		cmocka_unit_test_setup(parked_updates_of_the_conversation_go_with_it, replicas_empty),
		cmocka_unit_test_setup(nothing_of_an_erased_contact_is_found, replicas_empty),
		cmocka_unit_test_setup(messages_that_are_stored_after_the_identity_stage_are_erased_by_their_keys,
			replicas_empty),
		cmocka_unit_test_setup(a_later_stage_brings_the_identity_stage_with_it, replicas_empty),
		cmocka_unit_test_setup(messages_of_a_contact_that_is_not_there_are_erased_by_their_names,
			replicas_empty),
		cmocka_unit_test_setup(the_names_of_an_erasure_are_kept_whatever_has_become_of_its_contact,
			replicas_empty),
		cmocka_unit_test_setup(another_contact_keeps_everything, replicas_empty),
		cmocka_unit_test_setup(a_deleted_account_is_erased_too, replicas_empty),
		cmocka_unit_test_setup(the_person_is_new_when_it_writes_again, replicas_empty),
		cmocka_unit_test_setup(another_partition_writes_nothing_to_an_erased_contact, replicas_empty),
		cmocka_unit_test_setup(another_partition_opens_no_conversation_with_an_erased_contact, replicas_empty),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
