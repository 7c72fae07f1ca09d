/* chat-sync against PostgreSQL: live events and what syncs bring come through two topics, so that neither order between the two is
 * given. Whatever the live event and whatever the bulk one: the rows end the same, in either order, in one batch or in two.
 *
 * A run is one pair in one of these ways, with people, a group and keys of its own: whatever names them ends with the run's
 * number. All runs share their batches; rows are compared by pair, without ids, without what counts arrivals, and without the order of lists and
 * what a sender was called when its message came.
 */
#include "unit.h"

#include "replica.h"

#define WAYS  4
#define BASES 2

struct kind {
	const char *name;
	struct inbound_event (*event)(size_t run);
	bool of_known; /* has no effect on people who are not stored yet, and is not parked for them */
};

static char *named(const char *what, size_t run)
{
	return arena_cstr(db.arena, arena_printf(db.arena, "%s%05zu", what, run));
}

/* Ann has a phone number and a LID; Bob is in the group with her, and is the holder of her number after a change. */
static char *ann(size_t run)
{
	return named("1206555", run);
}

static char *ann_lid(size_t run)
{
	return named("77111", run);
}

static char *bob(size_t run)
{
	return named("1206556", run);
}

static struct chat_ref team(size_t run)
{
	return chat_of_group(named("team-", run));
}

static struct inbound_event of_history(struct inbound_event e)
{
	e.origin = ORIGIN_HISTORY;
	return e;
}

/* messages */

static struct inbound_event hello(size_t run)
{
	return inbound_text(1, chat_of(ann(run)), named("false:1-", run), "hello", 100);
}

static struct inbound_event offer(size_t run)
{
	return outbound_text(1, chat_of(ann(run)), named("true:1-", run), "offer", 110);
}

/* The offer again, from the service that sent it; or one that was not sent, or perhaps. */
static struct inbound_event dispatch(size_t run, enum dispatch_outcome outcome, const char *id, int64_t second)
{
	struct inbound_event e = event(IN_DISPATCH, 1, second);

	e.u.dispatch.message = offer(run).u.message;
	e.u.dispatch.message.client_message_id = str_of(named(id, run));
	e.u.dispatch.outcome = outcome;
	return e;
}

static struct inbound_event sent(size_t run)
{
	return dispatch(run, DISPATCH_SENT, "s-", 110);
}

static struct inbound_event not_sent(size_t run)
{
	return dispatch(run, DISPATCH_FAILED, "f-", 112);
}

static struct inbound_event perhaps_sent(size_t run)
{
	return dispatch(run, DISPATCH_UNKNOWN, "u-", 112);
}

static struct inbound_event poll(size_t run)
{
	struct inbound_event e = outbound_text(1, chat_of(ann(run)), named("true:2-", run), "colour?", 120);

	e.u.message.type = MSG_POLL;
	return e;
}

static struct inbound_event to_all(size_t run)
{
	struct inbound_event e = inbound_text(1, team(run), named("false:3-", run), "all", 130);

	e.u.message.sender.phone = str_of(ann(run));
	return e;
}

static struct inbound_event placeholder(size_t run)
{
	struct inbound_event e = hello(run);

	e.u.message.placeholder = true;
	e.u.message.type = MSG_UNKNOWN;
	e.u.message.body = STR_NONE;
	return e;
}

static struct inbound_event newer(size_t run)
{
	return inbound_text(1, chat_of(ann(run)), named("false:4-", run), "still there?", 400);
}

static struct inbound_event older(size_t run)
{
	return inbound_text(1, chat_of(ann(run)), named("false:5-", run), "first", 50);
}

static struct inbound_event by_lid(size_t run)
{
	return inbound_text(1, chat_of_lid(ann_lid(run)), named("false:6-", run), "by lid", 210);
}

static struct inbound_event by_both(size_t run)
{
	struct inbound_event e = by_lid(run);

	e.u.message.chat.contact.phone = str_of(ann(run));
	e.u.message.chat.contact.name = STR("Ann");
	return e;
}

static struct inbound_event call(size_t run)
{
	struct inbound_event e = event(IN_CALL, 1, 220);

	e.u.call = (struct in_call){ .call_id = str_of(named("call-", run)),
		.chat = chat_of(ann(run)),
		.direction = DIR_INBOUND,
		.outcome = STR("missed") };
	return e;
}

/* what happens to them */

static struct inbound_event delivered(size_t run)
{
	return status_of(1, chat_of(ann(run)), named("true:1-", run), STATUS_DELIVERED, 290);
}

static struct inbound_event read_by_ann(size_t run)
{
	return status_of(1, chat_of(ann(run)), named("true:1-", run), STATUS_READ, 300);
}

static struct inbound_event failed(size_t run)
{
	struct inbound_event e = status_of(1, chat_of(ann(run)), named("true:1-", run), STATUS_FAILED, 301);

	e.u.status.error.code = STR("131026");
	return e;
}

static struct inbound_event edit(size_t run)
{
	return edit_of(1, chat_of(ann(run)), named("false:1-", run), "hello!", 302);
}

static struct inbound_event earlier_edit(size_t run)
{
	return edit_of(1, chat_of(ann(run)), named("false:1-", run), "hell", 292);
}

static struct inbound_event revoke(size_t run)
{
	return revoke_of(1, chat_of(ann(run)), named("false:1-", run), 303);
}

static struct inbound_event reaction(size_t run)
{
	return reaction_of(1, chat_of(ann(run)), named("true:1-", run), "x", 304);
}

static struct inbound_event earlier_reaction(size_t run)
{
	return reaction_of(1, chat_of(ann(run)), named("true:1-", run), "y", 294);
}

static struct inbound_event withdrawal(size_t run)
{
	return reaction_of(1, chat_of(ann(run)), named("true:1-", run), NULL, 305);
}

static struct inbound_event vote(size_t run)
{
	static struct str red[] = { { "red", 3 } };
	struct inbound_event e = event(IN_POLL_VOTE, 1, 306);

	e.u.poll_vote = (struct in_poll_vote){ .target = { .key = str_of(named("true:2-", run)) },
		.chat = chat_of(ann(run)),
		.direction = DIR_INBOUND,
		.options = red,
		.n_options = 1 };
	return e;
}

static struct inbound_event deletion(size_t run)
{
	struct inbound_event e = event(IN_MESSAGE_DELETE, 1, 307);

	e.u.message_delete.target.key = str_of(named("false:1-", run));
	e.u.message_delete.chat = chat_of(ann(run));
	return e;
}

/* chats and groups */

static struct inbound_event marker(size_t run)
{
	struct inbound_event e = event(IN_READ_MARKER, 1, 308);

	e.u.read_marker.chat = chat_of(ann(run));
	e.u.read_marker.read_at_ms = at_ms(308);
	return e;
}

static struct inbound_event state(struct chat_ref chat, int64_t second)
{
	struct inbound_event e = event(IN_CHAT_STATE, 1, second);

	e.u.chat_state.chat = chat;
	return e;
}

static struct inbound_event read_elsewhere(size_t run)
{
	struct inbound_event e = state(chat_of(ann(run)), 309);

	e.u.chat_state.has_unread = true;
	return e;
}

static struct inbound_event archived(size_t run)
{
	struct inbound_event e = state(chat_of(ann(run)), 310);

	e.u.chat_state.has_archived = e.u.chat_state.archived = true;
	return e;
}

static void members_put(struct in_chat_state *s, size_t run)
{
	s->has_participants = true;
	s->n_participants = 2;
	s->participants = ARENA_ARRAY(db.arena, struct participant, 2);
	s->participants[0].party.phone = str_of(ann(run));
	s->participants[0].admin = true;
	s->participants[1].party.phone = str_of(bob(run));
}

static struct inbound_event team_state(size_t run)
{
	struct inbound_event e = state(team(run), 311);

	members_put(&e.u.chat_state, run);
	e.u.chat_state.chat.group.name = STR("Team");
	return e;
}

static struct inbound_event team_change(size_t run, enum group_action action, int64_t second)
{
	struct inbound_event e = event(IN_GROUP_CHANGE, 1, second);

	e.u.group_change = (struct in_group_change){ .group = team(run).group, .action = action };
	if (action == GROUP_SUBJECT) {
		e.u.group_change.text = STR("The team");
		return e;
	}
	e.u.group_change.participants = ARENA_NEW(db.arena, struct participant);
	e.u.group_change.participants[0].party.phone = str_of(bob(run));
	e.u.group_change.n_participants = 1;
	return e;
}

static struct inbound_event subject(size_t run)
{
	return team_change(run, GROUP_SUBJECT, 312);
}

static struct inbound_event bob_added(size_t run)
{
	return team_change(run, GROUP_ADD, 313);
}

static struct inbound_event bob_removed(size_t run)
{
	return team_change(run, GROUP_REMOVE, 314);
}

/* people */

static struct inbound_event contact(size_t run, const char *name, bool from_address_book, int64_t second)
{
	struct inbound_event e = event(IN_CONTACT, 1, second);

	e.u.contact = (struct in_contact){ .party = { .phone = str_of(ann(run)) },
		.action = CONTACT_UPSERT,
		.full_name = str_of(name),
		.from_address_book = from_address_book };
	return e;
}

static struct inbound_event saved(size_t run)
{
	return contact(run, "Ann Lee", true, 315);
}

static struct inbound_event removed(size_t run)
{
	struct inbound_event e = saved(run);

	e.u.contact.action = CONTACT_REMOVE;
	e.u.contact.full_name = STR_NONE;
	return e;
}

static struct inbound_event saved_before(size_t run)
{
	struct inbound_event e = contact(run, "Ann", true, 295);

	e.origin = ORIGIN_SYNC;
	return e;
}

static struct inbound_event identity(enum identity_kind kind, struct party from, struct party to, int64_t second)
{
	struct inbound_event e = event(IN_IDENTITY_CHANGE, 1, second);

	e.u.identity_change = (struct in_identity_change){ .kind = kind, .old_party = from, .new_party = to };
	return e;
}

static struct inbound_event alias(size_t run)
{
	return identity(IDENTITY_ALIAS, (struct party){ .phone = str_of(ann(run)) },
		(struct party){ .lid = str_of(ann_lid(run)) }, 316);
}

static struct inbound_event number_changed(size_t run)
{
	return identity(IDENTITY_NUMBER_CHANGED, (struct party){ .phone = str_of(ann(run)) },
		(struct party){ .phone = str_of(bob(run)) }, 1100);
}

static struct inbound_event opt_out(size_t run)
{
	struct inbound_event e = event(IN_OPT_OUT, 1, 318);

	e.u.opt_out = (struct in_opt_out){
		.party = { .phone = str_of(ann(run)) }, .category = STR("marketing"), .stop = true
	};
	return e;
}

static struct inbound_event template(size_t run)
{
	struct inbound_event e = event(IN_TEMPLATE_STATUS, 1, 319);

	e.u.template_status = (struct in_template_status){ .provider_template_id = str_of(named("t", run)),
		.name = str_of(named("t", run)),
		.language = STR("en"),
		.status = STR("APPROVED") };
	return e;
}

/* syncs */

static struct inbound_event sync_chat(size_t run, struct chat_ref chat, const struct inbound_event *messages, size_t n,
	int64_t second)
{
	struct inbound_event e = event(IN_SYNC_CHAT, 1, second);
	struct in_sync_chat *s = &e.u.sync_chat;

	e.origin = ORIGIN_SYNC;
	*s = (struct in_sync_chat){ .sync_id = str_of(named("s", run)),
		.state = { .chat = chat, .has_unread = true, .unread = 1 },
		.messages = ARENA_ARRAY(db.arena, struct in_history_message, n),
		.n_messages = n };
	for (size_t i = 0; i < n; i++)
		s->messages[i] = (struct in_history_message){ .message = messages[i].u.message,
			.source_time_ms = messages[i].source_time_ms };
	return e;
}

static struct inbound_event sync_with_one(size_t run)
{
	return sync_chat(run, chat_of(ann(run)), (struct inbound_event[]){ hello(run) }, 1, 1000);
}

static struct inbound_event sync_with_all(size_t run)
{
	const struct inbound_event all[] = { older(run), hello(run), offer(run), newer(run) };
	struct inbound_event e = sync_chat(run, chat_of(ann(run)), all, COUNT(all), 1000);

	e.u.sync_chat.state.has_archived = true;
	return e;
}

static struct inbound_event sync_of_then(size_t run)
{
	return sync_chat(run, chat_of(ann(run)), (struct inbound_event[]){ older(run), hello(run) }, 2, 150);
}

static struct inbound_event sync_all_read(size_t run)
{
	struct inbound_event e = sync_with_one(run);

	e.u.sync_chat.state.unread = 0;
	return e;
}

static struct inbound_event sync_uncounted(size_t run)
{
	struct inbound_event e = sync_with_one(run);

	e.u.sync_chat.state.has_unread = false;
	return e;
}

static struct inbound_event sync_by_lid(size_t run)
{
	struct inbound_event e = hello(run);

	e.u.message.chat = chat_of_lid(ann_lid(run));
	return sync_chat(run, e.u.message.chat, &e, 1, 1000);
}

static struct inbound_event sync_of_team(size_t run, int64_t second)
{
	struct inbound_event e = sync_chat(run, team(run), (struct inbound_event[]){ to_all(run) }, 1, second);

	members_put(&e.u.sync_chat.state, run);
	e.u.sync_chat.state.chat.group.name = STR("Team");
	return e;
}

static struct inbound_event sync_of_team_now(size_t run)
{
	return sync_of_team(run, 1000);
}

static struct inbound_event sync_of_team_then(size_t run)
{
	return sync_of_team(run, 150);
}

static struct inbound_event sync_end(size_t run)
{
	struct inbound_event e = event(IN_SYNC_BATCH_END, 1, 1001);

	e.origin = ORIGIN_SYNC;
	e.u.sync_batch_end =
		(struct in_sync_batch_end){ .sync_id = str_of(named("s", run)), .total = 2, .last = true, .chats = 1 };
	return e;
}

#define HISTORY(f) \
	static struct inbound_event history_##f(size_t run) \
	{ \
		return of_history(f(run)); \
	}
HISTORY(hello)
HISTORY(offer)
HISTORY(poll)
HISTORY(to_all)
HISTORY(placeholder)
HISTORY(newer)
HISTORY(older)
HISTORY(by_lid)
HISTORY(delivered)
HISTORY(earlier_edit)
HISTORY(revoke)
HISTORY(earlier_reaction)
HISTORY(alias)

#define K(f)        { #f, f, false }
#define OF_KNOWN(f) { #f, f, true }
static const struct kind live[] = { K(hello), K(offer), K(poll), K(to_all), K(placeholder), K(newer), K(older),
	K(by_lid), K(by_both), K(sent), K(not_sent), K(perhaps_sent), K(call), K(delivered), K(read_by_ann), K(failed),
	K(edit), K(revoke), K(reaction), K(withdrawal), K(vote), K(deletion), K(marker), K(read_elsewhere), K(archived),
	K(team_state), K(subject), K(bob_added), K(bob_removed), K(saved), K(removed), OF_KNOWN(alias),
	K(number_changed), K(opt_out), K(template) };
static const struct kind bulk[] = { K(history_hello), K(history_offer), K(history_poll), K(history_to_all),
	K(history_placeholder), K(history_newer), K(history_older), K(history_by_lid), K(history_delivered),
	K(history_earlier_edit), K(history_revoke), K(history_earlier_reaction), OF_KNOWN(history_alias),
	K(saved_before), K(sync_with_one), K(sync_with_all), K(sync_of_then), K(sync_all_read), K(sync_uncounted),
	K(sync_by_lid), K(sync_of_team_now), K(sync_of_team_then), K(sync_end) };
/* What is known before: nothing, or these. */
static const struct kind known[] = { K(hello), K(offer), K(poll), K(to_all) };

/* What differs all the same. */
static const struct {
	struct inbound_event (*live)(size_t run), (*bulk)(size_t run);
} excepted[] = {
	/* A sync without a count makes read what it is the first to bring. */
	{ hello, sync_uncounted },
	{ placeholder, sync_uncounted },
	/* A sync's count excludes messages that were deleted before the sync. */
	{ deletion, sync_with_one },
	{ deletion, sync_with_all },
	{ deletion, sync_of_then },
	{ deletion, sync_by_lid },
};

#define RUNS (COUNT(live) * COUNT(bulk) * BASES * WAYS)

static const struct kind *live_of(size_t run)
{
	return &live[run / WAYS / BASES % COUNT(live)];
}

static const struct kind *bulk_of(size_t run)
{
	return &bulk[run / WAYS / BASES / COUNT(live)];
}

static bool begins_with_known(size_t run)
{
	return run / WAYS % BASES > 0;
}

static bool is_left_out(size_t run)
{
	const struct kind *l = live_of(run), *b = bulk_of(run);

	if (!begins_with_known(run) && (l->of_known || b->of_known))
		return true;
	for (size_t i = 0; i < COUNT(excepted); i++)
		if (excepted[i].live == l->event && excepted[i].bulk == b->event)
			return true;
	return false;
}

/* A way is two places, of the first and of the second: after one another, or both in the last batch. */
static size_t part_add(size_t run, size_t part, struct inbound_event *out_events)
{
	size_t way = run % WAYS, n = 0;
	const struct kind *pair[] = { live_of(run), bulk_of(run) };
	bool bulk_first = way & 1, together = way & 2;

	if (part == 0 && begins_with_known(run))
		for (; n < COUNT(known); n++)
			out_events[n] = known[n].event(run);
	if (part == (together ? 2 : 1))
		out_events[n++] = pair[bulk_first]->event(run);
	if (part == 2)
		out_events[n++] = pair[!bulk_first]->event(run);
	return n;
}

static void runs_apply(void)
{
	struct inbound_event *events = mem_calloc(RUNS * COUNT(known), sizeof(*events));

	for (size_t part = 0; part < 3; part++) {
		size_t n = 0;

		for (size_t run = 0; run < RUNS; run++)
			if (!is_left_out(run))
				n += part_add(run, part, events + n);
		apply(events, n);
		assert_int_equal(out.n_dead, 0);
		while (out.n_inbound > 0)
			apply(out.inbound, out.n_inbound);
	}
	free(events);
}

/* People by run: a merged contact has the name of the surviving one, in every row that refers to it. */
#define PEOPLE \
	"CREATE TEMPORARY TABLE people AS WITH RECURSIVE final AS (SELECT id, id AS last FROM contacts WHERE merged_into IS NULL" \
	" UNION ALL SELECT c.id, f.last FROM contacts c JOIN final f ON f.id = c.merged_into)" \
	" SELECT c.id, c.uuid::text AS uuid, '<' || string_agg(a.kind || ':' || a.value, ',' ORDER BY a.kind, a.value) || '>' AS name," \
	" right(min(a.value), 5) AS run FROM final f JOIN contacts c ON c.id = f.id JOIN contact_aliases a ON a.contact_id = f.last" \
	" GROUP BY c.id, c.uuid"
#define NAMED \
	"CREATE FUNCTION pg_temp.named(line text, of text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE p record; BEGIN" \
	" FOR p IN SELECT uuid, name FROM people WHERE run = of LOOP line := replace(line, p.uuid, p.name); END LOOP;" \
	" RETURN replace(line, of, '#'); END $$"
#define LINES \
	"CREATE TEMPORARY TABLE lines AS SELECT run::integer, pg_temp.named(line, run) AS line FROM (" \
	"SELECT right(c.message_key, 5) AS run, concat_ws('|', 'message', k.uuid, g.group_jid, c.message_key, c.wam_id, c.client_message_id, c.type," \
	" c.message_type, c.message_status, c.sender, c.origin, c.placeholder, c.metadata, c.sent_at, 'delivered', c.delivered_at, 'read'," \
	" c.read_at, 'edited', c.edited_at, 'revoked', c.revoked_at, 'deleted', c.deleted_at) AS line FROM chats c" \
	" JOIN conversations v ON v.id = c.conversation_id LEFT JOIN contacts k ON k.id = v.contact_id LEFT JOIN whatsapp_groups g ON g.id = v.group_id" \
	" UNION ALL SELECT right(c.message_key, 5), concat_ws('|', 'reaction', c.message_key, r.sender, r.emoji, r.at)" \
	" FROM chats c JOIN chat_reactions r ON r.chat_id = c.id" \
	" UNION ALL SELECT right(c.message_key, 5), concat_ws('|', 'receipt', c.message_key, r.participant, r.status, r.at)" \
	" FROM chats c JOIN chat_receipts r ON r.chat_id = c.id" \
	" UNION ALL SELECT coalesce(p.run, right(g.group_jid, 5)), concat_ws('|', 'conversation', p.name, g.group_jid, v.unread_messages, 'read'," \
	" v.last_read_at, 'last', v.last_message_at, v.last_inbound_at, l.message_key, v.archived, v.archived_at)" \
	" FROM conversations v LEFT JOIN chats l ON l.id = v.last_message_id LEFT JOIN people p ON p.id = v.contact_id" \
	" LEFT JOIN whatsapp_groups g ON g.id = v.group_id WHERE v.merged_into IS NULL" \
	" UNION ALL SELECT p.run, concat_ws('|', 'contact', p.name, 'name', k.first_name, k.last_name, k.name_rank, k.name_at, 'phone', k.phone," \
	" k.match_key, 'book', k.in_address_book, k.in_address_book_at, k.is_active, k.deleted_at)" \
	" FROM contacts k JOIN people p USING (id) WHERE k.merged_into IS NULL" \
	" UNION ALL SELECT p.run, concat_ws('|', 'formerly', p.name, a.kind, a.value, a.until)" \
	" FROM contact_former_aliases a JOIN people p ON p.id = a.contact_id" \
	" UNION ALL SELECT p.run, concat_ws('|', 'opted out', p.name, o.account_id, o.category, o.since, o.stopped)" \
	" FROM contact_opt_outs o JOIN people p ON p.id = o.contact_id" \
	" UNION ALL SELECT right(group_jid, 5), concat_ws('|', 'group', group_jid, name, name_at, description," \
	" (SELECT string_agg(p::text, ',' ORDER BY p::text) FROM jsonb_array_elements(participants) p), participants_count," \
	" (SELECT string_agg(p::text, ',' ORDER BY p::text) FROM jsonb_array_elements(participant_log) p), snapshot_at, deleted_at)" \
	" FROM whatsapp_groups" \
	" UNION ALL SELECT right(name, 5), concat_ws('|', 'template', name, status, status_at) FROM templates" \
	" UNION ALL SELECT right(sync_id, 5), concat_ws('|', 'sync', sync_id, index, synced_mask, skipped_mask, chats, total, last, open)" \
	" FROM account_syncs" \
	" UNION ALL SELECT right(target, 5), concat_ws('|', 'parked', kind, target) FROM parked_updates" \
	") AS lines"

/* What is not the same in all ways of a pair, and the ways that have it. */
#define DIFFERENCES \
	"SELECT run / 4 * 4, line, string_agg((ARRAY['live, bulk', 'bulk, live', 'live+bulk', 'bulk+live'])[run % 4 + 1], '; ')" \
	" FROM (SELECT DISTINCT run, line FROM lines) AS l GROUP BY 1, 2 HAVING count(*) <> 4 ORDER BY 1, 2"

static void every_pair_ends_the_same_in_both_orders(void **state)
{
	struct pg_rows *rows;
	int n;

	(void)state;
	runs_apply();
	execute(db.admin, PEOPLE);
	execute(db.admin, "CREATE INDEX ON people (run)");
	execute(db.admin, NAMED);
	execute(db.admin, LINES);
	rows = query(db.admin, DIFFERENCES, NULL);
	n = pg_rows_count(rows);
	for (int i = 0; i < n; i++) {
		size_t run = (size_t)pg_i64(rows, i, 0);

		print_error("%s and %s%s: only after %.*s: %.*s\n", live_of(run)->name, bulk_of(run)->name,
			begins_with_known(run) ? ", known" : "", STR_ARG(pg_text(rows, i, 2)),
			STR_ARG(pg_text(rows, i, 1)));
	}
	pg_rows_free(rows);
	assert_int_equal(n, 0);
	assert_int_equal(db_i64(MISCOUNTED), 0);
}

/* accounts, which runs cannot have of their own */

static struct inbound_event connected(size_t run)
{
	struct inbound_event e = event(IN_SESSION_STATE, 1, 320);

	(void)run;
	e.u.session_state.state = SESSION_CONNECTED;
	return e;
}

static struct inbound_event notice(size_t run)
{
	struct inbound_event e = event(IN_ACCOUNT_NOTICE, 1, 321);

	(void)run;
	e.u.account_notice = (struct in_account_notice){ .kind = STR("quality"), .severity = SEVERITY_WARNING };
	return e;
}

static struct inbound_event history_progress(size_t run)
{
	struct inbound_event e = of_history(event(IN_HISTORY_STATE, 1, 322));

	(void)run;
	e.u.history_state = (struct in_history_state){ .phase = 1, .chunk = 1, .progress = 50 };
	return e;
}

static struct inbound_event history_declined(size_t run)
{
	struct inbound_event e = history_progress(run);

	e.u.history_state.declined = true;
	return e;
}

static void an_accounts_pairs_end_the_same_in_both_orders(void **state)
{
	static const struct kind of_account[] = { K(connected), K(notice), K(hello) },
				 transfers[] = { K(history_progress), K(history_declined), K(sync_end) };

	for (size_t i = 0; i < COUNT(of_account) * COUNT(transfers); i++) {
		struct str first = STR_NONE;

		for (size_t way = 0; way < WAYS; way++) {
			struct inbound_event pair[2];
			char kept[2000];

			snprintf(kept, sizeof(kept), "%.*s", STR_ARG(first));
			replicas_empty(state);
			pair[way & 1] = of_account[i % COUNT(of_account)].event(1);
			pair[!(way & 1)] = transfers[i / COUNT(of_account)].event(1);
			if (way & 2) {
				apply(pair, 2);
			} else {
				apply_one(pair[0]);
				apply_one(pair[1]);
			}
			first = db_text(
				"SELECT concat_ws('|', status, status_at, sync #- '{history,at}' #- '{started_at}'"
				" #- '{last_sync_at}' #- '{duration_ms}', notices) FROM whatsapp_accounts WHERE id = 1");
			if (way > 0)
				assert_string_equal(arena_cstr(db.arena, first), kept);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_pair_ends_the_same_in_both_orders, replicas_empty),
		cmocka_unit_test_setup(an_accounts_pairs_end_the_same_in_both_orders, replicas_empty),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
