/* chat-sync against PostgreSQL: identities. New contacts, from two partitions at once, names, merges, and what other partitions
 * change meanwhile. `replica1` and `replica2` are two replicas: workspace 1, accounts 1 and 2. */
#include "unit.h"

#include <pthread.h>

#include "replica.h"

#define ANN "12065550001"
#define BOB "12065550002"

static struct inbound_event alias_of(int account, const char *phone, const char *lid, int64_t second)
{
	struct inbound_event e = event(IN_IDENTITY_CHANGE, account, second);

	e.u.identity_change.kind = IDENTITY_ALIAS;
	e.u.identity_change.old_party.phone = str_of(phone);
	e.u.identity_change.new_party.lid = str_of(lid);
	return e;
}

static struct inbound_event renamed(struct inbound_event e, const char *name)
{
	e.u.message.chat.contact.name = str_of(name);
	return e;
}

static const struct chat_event *published_first(enum chat_event_kind kind)
{
	for (size_t i = 0; i < out.n_events; i++)
		if (out.events[i].kind == kind)
			return &out.events[i];
	fail_msg("no %s among %s", chat_event_type(kind), published());
	return NULL;
}

/* New contacts */

static void a_stranger_becomes_a_contact_with_a_conversation(void **state)
{
	(void)state;
	apply_one(renamed(inbound_text(1, chat_of("+" ANN), "false:A", "hi", 10), "Ann"));
	assert_string_equal(published(), "contact.created,message.created");
	assert_true(str_is(out.events[0].u.contact_changed.contact.name, "Ann"));
	assert_true(uuid_eq(&out.events[0].conversation, &out.events[1].conversation));
	assert_text("SELECT phone || ' ' || full_name FROM contacts", "+" ANN " Ann");
	assert_text("SELECT kind || ' ' || value FROM contact_aliases", "phone " ANN);
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations"), 1);
	apply_one(inbound_text(1, chat_of(ANN), "false:B", "hi", 11));
	assert_string_equal(published(), "message.created");
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 1);
}

static void one_batch_creates_an_unknown_contact_once(void **state)
{
	struct inbound_event both = inbound_text(1, chat_of(ANN), "false:C", "hi", 12);
	struct inbound_event events[] = { inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		inbound_text(2, chat_of(ANN), "false:A", "hi", 10), both };

	(void)state;
	events[2].u.message.chat.contact.lid = STR("901");
	apply(events, 3);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 2);
	assert_string_equal(published(), "contact.created,message.created,message.created,message.created");
}

static void a_status_creates_no_contact(void **state)
{
	(void)state;
	apply_one(status_of(1, chat_of(ANN), "true:A", STATUS_READ, 10));
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 0);
}

/* Two partitions at once: replica2 waits for the transaction of replica1, loses, and reads again. */

static void *apply_theirs(void *err)
{
	return (void *)(intptr_t)applier_apply(&replica2.at, err);
}

static void wait_until_someone_waits(void)
{
	while (db_i64("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") ==
		0)
		;
}

static void apply_at_once(struct inbound_event *mine, size_t n_mine, struct inbound_event *their, size_t n_their)
{
	struct err err = { 0 };
	pthread_t thread;
	void *rc;

	batch_reset(replica1.at.batch);
	batch_reset(replica2.at.batch);
	take_in(&replica1, mine, n_mine);
	take_in(&replica2, their, n_their);
	done(pg_begin(replica1.at.pg, &db.err));
	done(pg_begin(replica2.at.pg, &db.err));
	done(applier_apply(&replica1.at, &db.err));
	assert_int_equal(pthread_create(&thread, NULL, apply_theirs, &err), 0);
	wait_until_someone_waits();
	done(pg_commit(replica1.at.pg, &db.err));
	chat_sync_ops.committed(replica1.sync);
	pthread_join(thread, &rc);
	assert_done((intptr_t)rc, err);
	done(pg_commit(replica2.at.pg, &db.err));
	chat_sync_ops.committed(replica2.sync);
	out_read(&replica2);
}

static void two_partitions_that_meet_an_unknown_person_at_once_create_one_contact(void **state)
{
	struct inbound_event mine[] = { inbound_text(1, chat_of(ANN), "false:A", "hi", 10) };
	struct inbound_event their[] = { inbound_text(2, chat_of(BOB), "false:B", "hi", 10),
		inbound_text(2, chat_of(ANN), "false:A", "hi", 10) };

	(void)state;
	apply_at_once(mine, 1, their, 2);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 3);
	assert_int_equal(db_i64("SELECT count(DISTINCT contact_id) FROM conversations"), 2);
	assert_string_equal(published(), "contact.created,message.created,message.created");
}

static void a_contact_that_loses_an_alias_releases_the_others(void **state)
{
	struct inbound_event mine[] = { inbound_text(1, chat_of(ANN), "false:A", "hi", 10) };
	struct inbound_event their[] = { inbound_text(2, chat_of(ANN), "false:B", "hi", 10) };

	(void)state;
	their[0].u.message.chat.contact.lid = STR("901");
	apply_at_once(mine, 1, their, 1);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 1);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 2);
	assert_int_equal(db_i64("SELECT count(DISTINCT contact_id) FROM contact_aliases"), 1);
}

/* Names */

static void a_push_name_is_published_once(void **state)
{
	(void)state;
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 10), "Ann "));
	chat_sync_ops.assignment_changed(replica1.sync); /* read again from the database, which trims */
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:B", "hi", 11), "Ann "));
	assert_string_equal(published(), "message.created");
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:C", "hi", 12), "Anna"));
	assert_string_equal(published(), "contact.updated,message.created");
	assert_text("SELECT full_name FROM contacts", "Anna");
}

static void an_address_book_names_better_than_the_person(void **state)
{
	struct inbound_event e = event(IN_CONTACT, 1, 20);

	(void)state;
	e.u.contact = (struct in_contact){ .party = { .phone = STR(ANN), .name = STR("annie") },
		.action = CONTACT_UPSERT,
		.first_name = STR("Ann"),
		.last_name = STR("Lee"),
		.from_address_book = true };
	apply_one(e);
	assert_string_equal(published(), "contact.created");
	assert_true(str_is(out.events[0].u.contact_changed.contact.name, "Ann Lee"));
	assert_true(uuid_is_nil(&out.events[0].conversation)); /* by account */
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 30), "annie"));
	assert_string_equal(published(), "message.created");
	e.id = event_id();
	e.source_time_ms = at_ms(40);
	e.u.contact.action = CONTACT_REMOVE;
	apply_one(e);
	assert_string_equal(published(), "contact.updated");
	assert_false(uuid_is_nil(&out.events[0].conversation));
	assert_text("SELECT full_name || ' ' || in_address_book FROM contacts", "Ann Lee false");
}

/* What an event lists as changed, with commas. */
static struct str changed_words(const struct chat_event *e)
{
	const struct ce_contact_changed *c = &e->u.contact_changed;
	struct str words = STR("");

	for (size_t i = 0; i < c->n_changed; i++)
		words = arena_printf(db.arena, "%.*s%s%.*s", STR_ARG(words), i ? "," : "", STR_ARG(c->changed[i]));
	return words;
}

static void a_name_given_by_hand_wins_over_all_others(void **state)
{
	struct inbound_event by_hand = event(IN_CONTACT, 1, 20), book = event(IN_CONTACT, 1, 40);

	(void)state;
	by_hand.u.contact =
		(struct in_contact){ .party = { .phone = STR(ANN) }, .full_name = STR("Boss"), .by_hand = true };
	book.u.contact = (struct in_contact){
		.party = { .phone = STR(ANN) }, .full_name = STR("Ann Lee"), .from_address_book = true
	};
	apply_one(by_hand);
	assert_string_equal(published(), "contact.created");
	apply((struct inbound_event[]){ renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 30), "annie"), book },
		2);
	assert_text("SELECT full_name || ' ' || name_rank || ' ' || source_type FROM contacts", "Boss 3 manual");
	by_hand.id = event_id();
	by_hand.source_time_ms = at_ms(50);
	by_hand.u.contact.full_name = STR("Ann");
	by_hand.u.contact.party.phone = STR(BOB);
	apply_one(inbound_text(1, chat_of(BOB), "false:B", "hi", 45)); /* known from the provider first */
	apply_one(by_hand);
	assert_text("SELECT full_name || ' ' || source_type FROM contacts WHERE phone = '+" BOB "'", "Ann webjs");
}

static void contact_updated_lists_the_changed_parts(void **state)
{
	const struct {
		const char *name;
		struct in_contact contact;
		const char *want; /* NULL: no event */
	} cases[] = {
		{ "a name", { .full_name = STR("Ann Lee"), .from_address_book = true }, "name,address_book" },
		{ "an email", { .email = STR("ann@x") }, "email" },
		{ "the same again", { .email = STR("ann@x") }, NULL },
		{ "a picture", { .profile_picture = STR("https://x/p") }, "profile_picture" },
		{ "all of them",
			{ .full_name = STR("Ann Li"),
				.email = STR("li@x"),
				.profile_picture = STR("https://x/q"),
				.by_hand = true },
			"name,email,profile_picture" },
		{ "no longer in the phone", { .action = CONTACT_REMOVE }, "address_book" },
	};

	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 1));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct inbound_event e = event(IN_CONTACT, 1, 10 + (int64_t)i);

		e.u.contact = cases[i].contact;
		e.u.contact.party.phone = STR(ANN);
		apply_one(e);
		if (!str_is(out.n_events == 1 ? changed_words(&out.events[0]) : STR("none"),
			    cases[i].want ? cases[i].want : "none"))
			fail_msg("%s: %zu events", cases[i].name, out.n_events);
	}
}

static struct inbound_event details_of(const char *email, const char *picture, int64_t second)
{
	struct inbound_event e = event(IN_CONTACT, 1, second);

	e.u.contact = (struct in_contact){
		.party = { .phone = STR(ANN) }, .email = str_of(email), .profile_picture = str_of(picture)
	};
	return e;
}

static void details_end_the_same_in_every_order(void **state)
{
	struct inbound_event events[] = { details_of("old@x", "old", 10), details_of("new@x", "", 20),
		details_of("", "new", 15), event(IN_CONTACT, 1, 12), event(IN_CONTACT, 1, 18) };

	(void)state;
	events[3].u.contact =
		(struct in_contact){ .party = { .phone = STR(ANN), .name = STR("Ann") }, .from_address_book = true };
	events[4].u.contact = (struct in_contact){ .party = { .phone = STR(ANN) }, .action = CONTACT_REMOVE };
	apply_one(inbound_text(1, chat_of(BOB), "false:A", "hi", 1));
	apply_in_every_order(events, 4,
		"SELECT email || ' ' || profile_picture || ' ' || in_address_book FROM contacts", "new@x new true");
	apply_one(events[4]);
	apply(events, 5);
	assert_string_equal(published(), "");
	assert_text("SELECT in_address_book::text FROM contacts", "false");
}

static void a_merge_keeps_the_newer_details(void **state)
{
	struct inbound_event other = details_of("new@x", "", 20);

	(void)state;
	other.u.contact.party = (struct party){ .lid = STR("901") };
	apply((struct inbound_event[]){ details_of("old@x", "old", 10), other }, 2);
	apply_one(alias_of(1, ANN, "901", 30));
	assert_text("SELECT email || ' ' || profile_picture FROM contacts WHERE merged_into IS NULL", "new@x old");
}

static void a_sync_does_not_overwrite_a_newer_name(void **state)
{
	struct inbound_event e = event(IN_SYNC_CHAT, 1, 20);

	(void)state;
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 10), "Anna"));
	e.u.sync_chat.sync_id = STR("s");
	e.u.sync_chat.state.chat = chat_of(ANN);
	e.u.sync_chat.state.chat.contact.name = STR("Ann");
	apply_one(e);
	assert_text("SELECT full_name FROM contacts", "Anna");
}

static struct inbound_event state_of(const char *name, int64_t second)
{
	struct inbound_event e = event(IN_CHAT_STATE, 1, second);

	e.u.chat_state.chat = chat_of(ANN);
	e.u.chat_state.chat.contact.name = str_of(name);
	return e;
}

static void names_end_the_same_in_every_order(void **state)
{
	struct inbound_event states[] = { state_of("Ann", 10), state_of("Anna", 20), state_of("Ann", 30),
		state_of("Amy", 30) };

	(void)state;
	apply_in_every_order(states, COUNT(states), "SELECT full_name FROM contacts", "Ann");
}

static void a_repeated_state_renames_no_contact(void **state)
{
	struct inbound_event old = state_of("Ann", 10), new = state_of("Anna", 20);

	(void)state;
	apply_one(old);
	apply_one(new);
	assert_string_equal(published(), "contact.updated");
	assert_true(str_is(out.events[0].u.contact_changed.contact.name, "Anna"));
	apply_one(old);
	assert_string_equal(published(), "");
	assert_text("SELECT full_name FROM contacts", "Anna");
}

static void a_name_that_stays_is_not_written_with_each_message(void **state)
{
	int64_t written;

	(void)state;
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 10), "Ann"));
	written = db_i64("SELECT xmin::text::bigint FROM contacts");
	apply_one(renamed(inbound_text(1, chat_of(ANN), "false:B", "hi", 20), "Ann"));
	assert_int_equal(db_i64("SELECT xmin::text::bigint FROM contacts"), written);
}

static void only_a_changed_name_is_published(void **state)
{
	struct inbound_event message = renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 10), "Ann");
	struct inbound_event state_later = state_of("Anna", 20);

	(void)state;
	apply_one(message);
	apply((struct inbound_event[]){ message, state_later }, 2); /* the message had the same name already */
	assert_string_equal(published(), "contact.updated");
	assert_int_equal(out.events[0].occurred_at_ms, at_ms(20));
}

static void a_merge_keeps_the_newer_name(void **state)
{
	(void)state;
	apply((struct inbound_event[]){ renamed(inbound_text(1, chat_of(ANN), "false:A", "hi", 10), "Ann"),
		      renamed(inbound_text(1, chat_of_lid("901"), "false:B", "hi", 20), "Amy") },
		2);
	apply_one(alias_of(1, ANN, "901", 30));
	assert_text("SELECT full_name FROM contacts WHERE merged_into IS NULL", "Amy");
}

static void concurrent_changes_of_another_partition_stay(void **state)
{
	(void)state;
	apply_one(renamed(inbound_text(1, chat_of_lid("901"), "false:A", "hi", 10), "Ann"));
	/* The other partition learns the phone; replica1 keeps the contact as it was read, for a while. */
	apply_by(&replica2, (struct inbound_event[]){ alias_of(2, ANN, "901", 11) }, 1);
	assert_text("SELECT phone FROM contacts", "+" ANN);
	apply_one(renamed(inbound_text(1, chat_of_lid("901"), "false:B", "hi", 12), "Anna"));
	assert_text("SELECT full_name || ' ' || phone || ' ' || match_key FROM contacts", "Anna +" ANN " " ANN);
}

/* One person */

static void assert_one_conversation_of(int account, const char *contact_sql, int64_t messages)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM conversations WHERE account_id = %d AND merged_into IS NULL AND contact_id = (%s)",
		account, contact_sql);
	assert_int_equal(db_i64(sql), 1);
	snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM conversations v JOIN chats c ON c.workspace_id = v.workspace_id AND c.conversation_id = v.id"
		" WHERE v.account_id = %d AND v.merged_into IS NULL",
		account);
	assert_int_equal(db_i64(sql), messages);
}

/* What was published to inbound reaches the partitions of its accounts. */
static void deliver_inbound(void)
{
	struct inbound_event *events = out.inbound;
	size_t n = out.n_inbound;

	for (size_t i = 0; i < n; i++)
		apply_by(uuid_eq(&events[i].account, &(struct uuid[]){ uuid_of(account_ids[1]) }[0]) ? &replica1
												     : &replica2,
			&events[i], 1);
}

static void an_alias_merges_two_contacts_and_their_conversations(void **state)
{
	struct inbound_event events[] = { inbound_text(1, chat_of(ANN), "false:A", "by phone", 10),
		inbound_text(1, chat_of_lid("901"), "false:A", "by phone",
			10), /* the same message, seen under the other name */
		inbound_text(1, chat_of_lid("901"), "false:B", "by lid", 20),
		inbound_text(2, chat_of_lid("901"), "false:C", "elsewhere", 30),
		reaction_of(1, chat_of_lid("901"), "false:B", "x", 40) };
	const struct chat_event *merged;

	(void)state;
	apply(events, 5);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
	apply_one(alias_of(1, ANN, "901", 50));
	assert_int_equal(out.n_inbound, 2); /* accounts 1 and 2 had conversations with the merged contact */
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE merged_into IS NULL"), 1);
	deliver_inbound();
	merged = published_first(CE_CONTACT_MERGED);
	assert_ptr_equal(merged, &out.events[out.n_events - 1]); /* the last under its conversation */
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 2);
	assert_one_conversation_of(2, "SELECT id FROM contacts WHERE merged_into IS NULL", 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_int_equal(
		db_i64("SELECT unread_messages FROM conversations WHERE account_id = 1 AND merged_into IS NULL"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM chat_reactions"), 1);
	/* Messages under either alias belong to the surviving conversation, without a gap in its sequence numbers. */
	apply((struct inbound_event[]){ inbound_text(1, chat_of_lid("901"), "false:D", "later", 60),
		      inbound_text(1, chat_of(ANN), "false:E", "later", 61) },
		2);
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 4);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
}

static void a_read_marker_of_a_merged_conversation_applies_to_the_surviving_one(void **state)
{
	struct inbound_event marker = event(IN_READ_MARKER, 1, 60);

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "by phone", 10),
		      inbound_text(1, chat_of_lid("901"), "false:B", "by lid", 20) },
		2);
	apply_one(alias_of(1, ANN, "901", 50));
	deliver_inbound();
	marker.u.read_marker.conversation_id =
		db_text("SELECT uuid::text FROM conversations WHERE merged_into IS NOT NULL");
	marker.u.read_marker.read_at_ms = at_ms(15);
	apply_one(marker);
	assert_string_equal(published(), "conversation.updated");
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void when_two_conversations_merge_the_later_read_marker_wins(void **state)
{
	struct inbound_event by_phone = event(IN_READ_MARKER, 1, 60), by_lid = by_phone;

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "by phone", 10),
		      inbound_text(1, chat_of(ANN), "false:B", "by phone", 30),
		      inbound_text(1, chat_of_lid("901"), "false:C", "by lid", 20),
		      inbound_text(1, chat_of_lid("901"), "false:D", "by lid", 40) },
		4);
	by_phone.u.read_marker.chat = chat_of(ANN);
	by_phone.u.read_marker.read_at_ms = at_ms(5);
	by_lid.u.read_marker.chat = chat_of_lid("901");
	by_lid.u.read_marker.read_at_ms = at_ms(35);
	apply((struct inbound_event[]){ by_phone, by_lid }, 2);
	apply_one(alias_of(1, ANN, "901", 50));
	deliver_inbound();
	assert_int_equal(db_i64("SELECT unread_messages FROM conversations WHERE merged_into IS NULL"), 1);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_party_with_both_aliases_merges_two_contacts(void **state)
{
	struct inbound_event both = inbound_text(1, chat_of(ANN), "false:C", "hi", 30);

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of_lid("901"), "false:A", "hi", 10),
		      inbound_text(1, chat_of(ANN), "false:B", "hi", 20) },
		2);
	both.u.message.chat.contact.lid = STR("901");
	apply_one(both);
	deliver_inbound();
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 3);
	assert_text("SELECT phone FROM contacts WHERE merged_into IS NULL", "+" ANN); /* the older had none */
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void what_a_batch_changed_survives_its_own_merge(void **state)
{
	struct inbound_event all = inbound_text(1, chat_of(ANN), "false:C", "hi", 30);

	(void)state;
	apply_one(inbound_text(1, chat_of_lid("901"), "false:A", "hi", 10));
	all.u.message.chat.contact = (struct party){ .bsuid = STR("US.7") };
	apply_one(all);
	/* An unknown phone, with aliases of two contacts: the phone is added to one, and both merge. */
	all = renamed(inbound_text(1, chat_of(ANN), "false:D", "hi", 40), "Ann");
	all.u.message.chat.contact.lid = STR("901");
	all.u.message.chat.contact.bsuid = STR("US.7");
	apply_one(all);
	assert_text("SELECT phone || ' ' || match_key || ' ' || full_name FROM contacts WHERE merged_into IS NULL",
		"+" ANN " " ANN " Ann");
	assert_int_equal(
		db_i64("SELECT count(*) FROM contact_aliases a JOIN contacts c ON c.workspace_id = a.workspace_id"
		       " AND c.id = a.contact_id WHERE c.merged_into IS NULL"),
		3);
}

static void merges_in_any_order_end_at_the_surviving_contact(void **state)
{
	struct inbound_event first, second, all[2];

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		      inbound_text(1, chat_of_lid("901"), "false:B", "hi", 20) },
		2);
	all[0] = inbound_text(1, chat_of(ANN), "false:C", "hi", 30);
	all[0].u.message.chat.contact = (struct party){ .bsuid = STR("US.7") };
	apply_one(all[0]);
	/* The third joins the second, the second the first. */
	all[0] = event(IN_IDENTITY_CHANGE, 1, 40);
	all[0].u.identity_change = (struct in_identity_change){
		.kind = IDENTITY_ALIAS, .old_party = { .lid = STR("901") }, .new_party = { .bsuid = STR("US.7") }
	};
	apply_one(all[0]);
	assert_int_equal(out.n_inbound, 1);
	first = out.inbound[0];
	apply_one(alias_of(1, ANN, "901", 50));
	assert_int_equal(out.n_inbound, 1);
	second = out.inbound[0];
	apply_one(second);
	apply_one(first);
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 3);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	apply((struct inbound_event[]){ first, second }, 2); /* a repeat */
	assert_string_equal(published(), "");
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 3);
}

static void a_merge_that_the_database_does_not_know_has_no_effect(void **state)
{
	struct inbound_event merged = event(IN_IDENTITY_CHANGE, 1, 30);
	int64_t ann, bob;

	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		      inbound_text(1, chat_of(BOB), "false:B", "hi", 20) },
		2);
	ann = db_i64("SELECT min(id) FROM contacts");
	bob = db_i64("SELECT max(id) FROM contacts");
	const struct {
		int64_t old_contact, new_contact;
	} cases[] = { { bob, ann }, { ann, bob }, { ann, ann }, { bob, bob + 1000 }, { bob + 1000, ann } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		merged.u.identity_change.kind = IDENTITY_MERGED;
		merged.u.identity_change.old_contact = cases[i].old_contact;
		merged.u.identity_change.new_contact = cases[i].new_contact;
		apply_one(merged);
		assert_string_equal(published(), "");
		assert_int_equal(outcome_of(0), OUTCOME_NO_EFFECT);
	}
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE merged_into IS NULL"), 2);
}

static void a_merge_reaches_the_conversations_of_a_deleted_account(void **state)
{
	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		      inbound_text(2, chat_of_lid("901"), "false:B", "hi", 20),
		      inbound_text(2, chat_of(ANN), "false:C", "hi", 21) },
		3);
	apply_one(alias_of(1, ANN, "901", 50));
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = now() WHERE id = 2");
	deliver_inbound();
	assert_int_equal(replica2.at.batch->items[0].outcome, OUTCOME_APPLIED);
	execute(db.admin, "UPDATE whatsapp_accounts SET deleted_at = NULL");
	assert_one_conversation_of(2, "SELECT id FROM contacts WHERE merged_into IS NULL", 2);
}

/* Account 2 has conversations under both aliases of one person; account 1 merges the contacts; the identity_change has not arrived. */
static struct inbound_event by_lid, by_phone;

static void merge_behind_account_2(bool both_names)
{
	by_lid = inbound_text(2, chat_of_lid("901"), "false:L", "by lid", 20);
	by_phone = inbound_text(2, chat_of(ANN), "false:P", "by phone", 21);
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	apply_by(&replica2, &by_lid, 1);
	if (both_names)
		apply_by(&replica2, &by_phone, 1);
	apply_one(alias_of(1, ANN, "901", 30));
	assert_int_equal(out.n_inbound, 1);
}

static void assert_followed(int64_t messages)
{
	assert_one_conversation_of(2, "SELECT id FROM contacts WHERE merged_into IS NULL", messages);
	assert_int_equal(db_i64("SELECT count(*) FROM chats WHERE account_id = 2"), messages);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

static void a_message_repeated_before_its_account_learns_of_a_merge_is_stored_once(void **state)
{
	struct inbound_event change;

	(void)state;
	merge_behind_account_2(true);
	change = out.inbound[0];
	chat_sync_ops.assignment_changed(replica2.sync);
	apply_by(&replica2, (struct inbound_event[]){ by_lid, by_phone }, 2);
	assert_string_equal(published(), "contact.merged");
	assert_followed(2);
	apply_by(&replica2, &change, 1);
	assert_string_equal(published(), "");
	assert_followed(2);
}

static void an_account_with_one_conversation_keeps_it_after_a_merge(void **state)
{
	struct uuid before;

	(void)state;
	merge_behind_account_2(false);
	before = uuid_of(arena_cstr(db.arena, db_text("SELECT uuid::text FROM conversations WHERE account_id = 2")));
	chat_sync_ops.assignment_changed(replica2.sync);
	apply_by(&replica2, (struct inbound_event[]){ by_phone, by_lid }, 2);
	assert_string_equal(published(), "contact.merged,message.created");
	assert_true(uuid_eq(&out.events[1].conversation, &before));
	assert_true(uuid_eq(&out.events[1].u.message_created.contact.id,
		&(struct uuid[]){ uuid_of(arena_cstr(db.arena,
			db_text("SELECT uuid::text FROM contacts WHERE merged_into IS NULL"))) }[0]));
	assert_followed(2);
}

static void a_merged_contact_in_the_cache_leads_to_the_surviving_conversation(void **state)
{
	struct inbound_event later = inbound_text(2, chat_of_lid("901"), "false:M", "later", 40);

	(void)state;
	merge_behind_account_2(false); /* replica2 keeps the LID's contact as it was, and does not know the phone */
	apply_by(&replica2, (struct inbound_event[]){ by_lid, later, by_phone }, 3);
	assert_string_equal(published(), "message.created,contact.merged,message.created");
	assert_true(uuid_eq(&out.events[0].conversation, &out.events[2].conversation));
	assert_followed(3);
}

static void a_chain_of_merges_is_followed_at_once(void **state)
{
	struct inbound_event by_bsuid =
		inbound_text(2, (struct chat_ref){ .contact = { .bsuid = STR("US.7") } }, "false:B", "by bsuid", 22);
	struct inbound_event joined = event(IN_IDENTITY_CHANGE, 1, 25);

	(void)state;
	apply_by(&replica2, (struct inbound_event[]){ by_bsuid }, 1);
	joined.u.identity_change = (struct in_identity_change){
		.kind = IDENTITY_ALIAS, .old_party = { .lid = STR("901") }, .new_party = { .bsuid = STR("US.7") }
	};
	merge_behind_account_2(true);
	apply_one(joined);
	chat_sync_ops.assignment_changed(replica2.sync);
	apply_by(&replica2, (struct inbound_event[]){ by_phone, by_lid, by_bsuid }, 3);
	assert_string_equal(published(), "contact.merged,contact.merged");
	assert_followed(3);
}

static void two_phones_are_two_people(void **state)
{
	struct inbound_event both = inbound_text(1, chat_of(BOB), "false:B", "hi", 20);

	(void)state;
	both.u.message.chat.contact.lid = STR("901");
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	apply_one(alias_of(1, ANN, "901", 15));
	apply_one(both);
	assert_int_equal(db_i64("SELECT count(*) FROM contacts WHERE merged_into IS NULL"), 2);
	assert_non_null(published_first(CE_ACCOUNT_NOTICE));
	assert_text(
		"SELECT c.phone FROM contact_aliases a JOIN contacts c ON c.workspace_id = a.workspace_id AND c.id = a.contact_id"
		" WHERE a.kind = 'lid'",
		"+" ANN);
}

static struct inbound_event number_changed(const char *from, const char *to, int64_t second)
{
	struct inbound_event e = event(IN_IDENTITY_CHANGE, 1, second);

	e.u.identity_change = (struct in_identity_change){ .kind = IDENTITY_NUMBER_CHANGED,
		.old_party = { .phone = str_of(from) },
		.new_party = { .phone = str_of(to) } };
	return e;
}

static void a_new_number_leads_to_the_same_contact_and_the_old_one_to_none(void **state)
{
	(void)state;
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	apply_one(number_changed(ANN, BOB, 20));
	assert_string_equal(published(), "contact.updated");
	assert_true(str_is(out.events[0].u.contact_changed.contact.phone, "+" BOB));
	assert_text("SELECT phone || ' ' || match_key FROM contacts", "+" BOB " " BOB);
	apply_one(number_changed(ANN, BOB, 20));
	assert_string_equal(published(), "");
	apply_one(inbound_text(1, chat_of(BOB), "false:B", "hi", 30));
	apply_one(inbound_text(1, chat_of(ANN), "false:C", "a stranger with the old number", 40));
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations"), 2);
}

static void a_late_message_sent_before_a_number_change_belongs_to_the_previous_holder(void **state)
{
	struct inbound_event told_again = number_changed(ANN, BOB, 22);

	(void)state;
	apply_one(number_changed(ANN, BOB, 20));
	assert_string_equal(published(), "contact.created,contact.updated");
	told_again.account = inbound_text(2, chat_of(ANN), "false:A", "hi", 10).account;
	apply_one(told_again);
	assert_string_equal(published(), "");
	apply_one(inbound_text(1, chat_of(ANN), "false:A", "hi", 10));
	assert_string_equal(published(), "message.created");
	assert_text("SELECT string_agg(phone, ' ') FROM contacts", "+" BOB);
	apply_one(inbound_text(1, chat_of(ANN), "false:C", "a stranger with the old number", 40));
	assert_int_equal(db_i64("SELECT count(*) FROM contacts"), 2);
}

static void a_number_change_to_a_known_number_merges_both_contacts(void **state)
{
	(void)state;
	apply((struct inbound_event[]){ inbound_text(1, chat_of(ANN), "false:A", "hi", 10),
		      inbound_text(1, chat_of(BOB), "false:B", "hi", 11) },
		2);
	apply_one(number_changed(ANN, BOB, 20));
	deliver_inbound();
	assert_one_conversation_of(1, "SELECT id FROM contacts WHERE merged_into IS NULL", 2);
	assert_text("SELECT phone || ' ' || match_key FROM contacts WHERE merged_into IS NULL", "+" BOB " " BOB);
	assert_int_equal(db_i64("SELECT count(*) FROM contact_aliases"), 1);
}

static void opting_out_is_the_newest_word(void **state)
{
	struct inbound_event stop = event(IN_OPT_OUT, 1, 20), resume = event(IN_OPT_OUT, 1, 10);

	(void)state;
	stop.u.opt_out =
		(struct in_opt_out){ .party = { .phone = STR(ANN) }, .category = STR("marketing"), .stop = true };
	resume.u.opt_out = stop.u.opt_out;
	resume.u.opt_out.stop = false;
	apply_one(stop);
	assert_string_equal(published(), "contact.created,contact.updated");
	apply_one(resume);
	assert_string_equal(published(), "");
	assert_text("SELECT stopped::text FROM contact_opt_outs", "true");
	resume.source_time_ms = at_ms(30);
	stop.source_time_ms = at_ms(25);
	stop.id = event_id();
	resume.id = event_id();
	apply((struct inbound_event[]){ resume, stop }, 2); /* in one batch too */
	assert_text("SELECT stopped::text FROM contact_opt_outs", "false");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, replicas_empty)
	const struct CMUnitTest tests[] = {
		T(a_stranger_becomes_a_contact_with_a_conversation),
		T(one_batch_creates_an_unknown_contact_once),
		T(a_status_creates_no_contact),
		T(two_partitions_that_meet_an_unknown_person_at_once_create_one_contact),
		T(a_contact_that_loses_an_alias_releases_the_others),
		T(a_push_name_is_published_once),
		T(an_address_book_names_better_than_the_person),
		T(a_name_given_by_hand_wins_over_all_others),
		T(contact_updated_lists_the_changed_parts),
		T(details_end_the_same_in_every_order),
		T(a_merge_keeps_the_newer_details),
		T(a_sync_does_not_overwrite_a_newer_name),
		T(names_end_the_same_in_every_order),
		T(a_repeated_state_renames_no_contact),
		T(a_name_that_stays_is_not_written_with_each_message),
		T(only_a_changed_name_is_published),
		T(a_merge_keeps_the_newer_name),
		T(concurrent_changes_of_another_partition_stay),
		T(an_alias_merges_two_contacts_and_their_conversations),
		T(a_read_marker_of_a_merged_conversation_applies_to_the_surviving_one),
		T(when_two_conversations_merge_the_later_read_marker_wins),
		T(a_party_with_both_aliases_merges_two_contacts),
		T(what_a_batch_changed_survives_its_own_merge),
		T(merges_in_any_order_end_at_the_surviving_contact),
		T(a_merge_that_the_database_does_not_know_has_no_effect),
		T(a_merge_reaches_the_conversations_of_a_deleted_account),
		T(a_message_repeated_before_its_account_learns_of_a_merge_is_stored_once),
		T(an_account_with_one_conversation_keeps_it_after_a_merge),
		T(a_merged_contact_in_the_cache_leads_to_the_surviving_conversation),
		T(a_chain_of_merges_is_followed_at_once),
		T(two_phones_are_two_people),
		T(a_new_number_leads_to_the_same_contact_and_the_old_one_to_none),
		T(a_late_message_sent_before_a_number_change_belongs_to_the_previous_holder),
		T(a_number_change_to_a_known_number_merges_both_contacts),
		T(opting_out_is_the_newest_word),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
