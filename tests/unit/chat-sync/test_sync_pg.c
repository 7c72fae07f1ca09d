/* chat-sync against PostgreSQL: whatever the order of arrival, and however it is cut into batches, the rows end the same.
 *
 * A run is one conversation (its phone is its number) in which the same few events happen in one order and one split. Many
 * runs share their batches, which is how it is in life; rows are compared by conversation, without ids and without what
 * counts arrivals (sequence numbers).
 */
#include "unit.h"

#include "permutation.h"
#include "replica.h"

#define MOST_IN_STORY 10
#define PHONE         "1206555%05zu"

/* The rows of each conversation as text, with the run's phone and contact replaced. */
#define DUMPS \
	"SELECT p.phone, string_agg(replace(replace(line, p.phone, '#'), p.contact, '#'), E'\\n' ORDER BY line) AS dump FROM (" \
	"SELECT v.workspace_id, v.id, concat_ws('|', 'message', c.message_key, c.wam_id, c.client_message_id, c.type, c.message_type," \
	" c.message_status, c.sender, c.origin, c.placeholder, c.metadata, c.sent_at, 'delivered', c.delivered_at, 'read', c.read_at," \
	" 'edited', c.edited_at, 'revoked', c.revoked_at, 'deleted', c.deleted_at) AS line" \
	" FROM conversations v JOIN chats c ON c.workspace_id = v.workspace_id AND c.conversation_id = v.id" \
	" UNION ALL SELECT v.workspace_id, v.id, concat_ws('|', 'reaction', r.sender, r.emoji, r.at) FROM conversations v" \
	" JOIN chats c ON c.workspace_id = v.workspace_id AND c.conversation_id = v.id" \
	" JOIN chat_reactions r ON r.workspace_id = c.workspace_id AND r.chat_id = c.id" \
	" UNION ALL SELECT v.workspace_id, v.id, concat_ws('|', 'receipt', r.participant, r.status, r.at) FROM conversations v" \
	" JOIN chats c ON c.workspace_id = v.workspace_id AND c.conversation_id = v.id" \
	" JOIN chat_receipts r ON r.workspace_id = c.workspace_id AND r.chat_id = c.id" \
	" UNION ALL SELECT v.workspace_id, v.id, concat_ws('|', 'media', m.provider_media_id, m.mime, m.url) FROM conversations v" \
	" JOIN chats c ON c.workspace_id = v.workspace_id AND c.conversation_id = v.id" \
	" JOIN chat_media m ON m.workspace_id = c.workspace_id AND m.chat_id = c.id" \
	" UNION ALL SELECT v.workspace_id, v.id, concat_ws('|', 'conversation', v.unread_messages, 'read', v.last_read_at, 'last'," \
	" v.last_message_at, v.last_inbound_at, l.message_key, v.last_sender, v.archived)" \
	" FROM conversations v LEFT JOIN chats l ON l.workspace_id = v.workspace_id AND l.id = v.last_message_id" \
	") AS rows JOIN LATERAL (SELECT coalesce(substr(k.phone, 2), g.group_jid) AS phone, coalesce(k.uuid::text, '') AS contact FROM conversations v" \
	" LEFT JOIN contacts k ON k.workspace_id = v.workspace_id AND k.id = v.contact_id" \
	" LEFT JOIN whatsapp_groups g ON g.workspace_id = v.workspace_id AND g.id = v.group_id" \
	" WHERE v.workspace_id = rows.workspace_id AND v.id = rows.id) AS p ON true GROUP BY p.phone"

/* The story of one run: makes its n-th event. */
struct story {
	const char *name;
	size_t n;
	struct inbound_event (*event)(size_t which, size_t run);
};

static const char *phone_of(size_t run)
{
	return arena_cstr(db.arena, arena_printf(db.arena, PHONE, run));
}

static const char *key_of(const char *direction, size_t run)
{
	return arena_cstr(db.arena, arena_printf(db.arena, "%s:M" PHONE, direction, run));
}

/* What a bridge's sync brings: the chat with this one message, unread. */
static struct inbound_event sync_of(size_t run, struct in_message m, int64_t second)
{
	struct inbound_event e = event(IN_SYNC_CHAT, 1, second + 1000);

	e.origin = ORIGIN_SYNC;
	e.u.sync_chat = (struct in_sync_chat){ .sync_id = arena_printf(db.arena, "s%zu", run),
		.state = { .chat = m.chat, .has_unread = true, .unread = 1 },
		.messages = ARENA_NEW(db.arena, struct in_history_message),
		.n_messages = 1 };
	e.u.sync_chat.messages[0] = (struct in_history_message){ .message = m, .source_time_ms = at_ms(second) };
	return e;
}

static struct inbound_event stanza_only(struct inbound_event e, struct target *target)
{
	struct str direction;
	struct str key = target->key;

	(void)str_cut(key, ':', &direction, &target->stanza);
	target->key = STR_NONE;
	return e;
}

/* A message of the contact: comes live, as a placeholder, from history and from a sync; is edited twice, revoked, reacted to. */
static struct inbound_event inbound_event_of(size_t which, size_t run)
{
	struct chat_ref chat = chat_of(phone_of(run));
	const char *key = key_of("false", run);
	struct inbound_event e = inbound_text(1, chat, key, "hello", 100);

	switch (which) {
	case 0:
		return e;
	case 1:
		e.u.message.placeholder = true;
		e.u.message.type = MSG_UNKNOWN;
		e.u.message.body = STR_NONE;
		return e;
	case 2:
		e.origin = ORIGIN_HISTORY;
		return e;
	case 3:
		return sync_of(run, e.u.message, 100);
	case 4:
		return edit_of(1, chat, key, "hello!", 110);
	case 5:
		e = edit_of(1, chat, key, "hello, you", 120);
		return stanza_only(e, &e.u.edit.target);
	case 6:
		return revoke_of(1, chat, key, 140);
	case 7:
		return reaction_of(1, chat, key, "x", 115);
	default:
		return reaction_of(1, chat, key, "y", 116);
	}
}

/* A message that an agent deletes; a sync's count is about those that are left, so none is in this story. */
static struct inbound_event deleted_event_of(size_t which, size_t run)
{
	struct chat_ref chat = chat_of(phone_of(run));
	const char *key = key_of("false", run);
	struct inbound_event e = inbound_text(1, chat, key, "hello", 100);

	switch (which) {
	case 0:
		return e;
	case 1:
		e.origin = ORIGIN_HISTORY;
		return e;
	case 2:
		return inbound_text(1, chat, key_of("false:2", run), "again", 90);
	case 3:
		e = event(IN_MESSAGE_DELETE, 1, 150);
		e.u.message_delete.target.key = str_of(key);
		e.u.message_delete.chat = chat;
		return e;
	default:
		return revoke_of(1, chat, key, 140);
	}
}

/* A message of ours: sent, failed once on the way, delivered, read; its echo has our own id; withdrawn reaction. */
static struct inbound_event outbound_event_of(size_t which, size_t run)
{
	struct chat_ref chat = chat_of(phone_of(run));
	const char *key = key_of("true", run);
	struct inbound_event e = outbound_text(1, chat, key, "offer", 100);

	switch (which) {
	case 0:
		e.u.message.client_message_id = str_of(phone_of(run));
		return e;
	case 1:
		e.origin = ORIGIN_HISTORY;
		e.u.message.status = STATUS_SENT;
		return e;
	case 2:
		return status_of(1, chat, key, STATUS_SENT, 101);
	case 3:
		e = status_of(1, chat, key, STATUS_FAILED, 102);
		e.u.status.error.code = STR("131026");
		return e;
	case 4:
		return status_of(1, chat, key, STATUS_DELIVERED, 103);
	case 5:
		e = status_of(1, chat, key, STATUS_READ, 104);
		return stanza_only(e, &e.u.status.target);
	case 6:
		return reaction_of(1, chat, key, "x", 115);
	default:
		return reaction_of(1, chat, key, NULL, 117);
	}
}

/* A message of ours that stays failed, and whose content comes late. */
static struct inbound_event failed_event_of(size_t which, size_t run)
{
	struct chat_ref chat = chat_of(phone_of(run));
	const char *key = key_of("true", run);
	struct inbound_event e = outbound_text(1, chat, key, "offer", 100);

	switch (which) {
	case 0:
		return e;
	case 1:
		e.u.message.placeholder = true;
		e.u.message.body = STR_NONE;
		e.u.message.type = MSG_UNKNOWN;
		return e;
	case 2:
		e = status_of(1, chat, key, STATUS_FAILED, 102);
		e.u.status.error.code = STR("131026");
		return e;
	default:
		return status_of(1, chat, key, STATUS_SENT, 101);
	}
}

/* A poll, first known from history, on which two vote. */
static struct inbound_event poll_event_of(size_t which, size_t run)
{
	static struct str red[] = { { "red", 3 } }, blue[] = { { "blue", 4 } };
	struct chat_ref chat = chat_of(phone_of(run));
	const char *key = key_of("true", run);
	struct inbound_event e = outbound_text(1, chat, key, "colour?", 100);

	e.u.message.type = MSG_POLL;
	if (which == 0)
		return e;
	e.origin = ORIGIN_HISTORY;
	if (which == 1)
		return e;
	e = event(IN_POLL_VOTE, 1, 100 + (int64_t)which);
	e.u.poll_vote = (struct in_poll_vote){ .target = { .key = str_of(key) },
		.chat = chat,
		.direction = which == 4 ? DIR_OUTBOUND : DIR_INBOUND,
		.options = which == 3 ? blue : red,
		.n_options = 1 };
	return e;
}

/* A message of ours in a group: the furthest of what two receive is the message's own status. */
static struct inbound_event group_event_of(size_t which, size_t run)
{
	static const struct {
		const char *phone;
		enum message_status status;
	} receipts[] = { { "12065551", STATUS_DELIVERED }, { "12065551", STATUS_READ },
		{ "12065552", STATUS_DELIVERED }, { "12065552", STATUS_SENT } };
	struct chat_ref chat = chat_of_group(phone_of(run));
	const char *key = key_of("true", run);
	struct inbound_event e;

	if (which == 0)
		return outbound_text(1, chat, key, "all", 100);
	e = status_of(1, chat, key, receipts[which - 1].status, 100 + (int64_t)which);
	e.u.status.participant.phone = str_of(receipts[which - 1].phone);
	return e;
}

/* Two messages with media, of which one fills what the other does not know. */
static struct inbound_event media_event_of(size_t which, size_t run)
{
	struct inbound_event e = inbound_text(1, chat_of(phone_of(run)), key_of("false", run), "look", 100);

	e.u.message.type = MSG_IMAGE;
	e.u.message.media = (struct media){ .present = true, .provider_media_id = STR("m1"), .mime = STR("image/png") };
	if (which == 1) {
		e.origin = ORIGIN_HISTORY;
		e.u.message.media.url = STR("https://x/");
	} else if (which == 2) {
		e = edit_of(1, e.u.message.chat, key_of("false", run), "look!", 120);
	}
	return e;
}

/* In how many places n events are cut: bit i cuts after the i-th. */
static bool cut_after(unsigned split, size_t i)
{
	return split >> i & 1;
}

/* The batches of many runs side by side: the k-th batch holds the k-th part of each. */
struct runs {
	const struct story *story;
	size_t n;
	struct run {
		size_t order[MOST_IN_STORY];
		unsigned split;
		size_t at;
	} *at;
};

static size_t part_add(const struct runs *r, size_t i, struct inbound_event *events)
{
	struct run *run = &r->at[i];
	size_t n = 0;

	while (run->at < r->story->n) {
		size_t place = run->at++;

		events[n++] = r->story->event(run->order[place], i);
		if (cut_after(run->split, place))
			break;
	}
	return n;
}

static void runs_apply(const struct runs *r)
{
	struct inbound_event *events = mem_calloc(r->n * r->story->n, sizeof(*events));
	size_t n;

	do {
		n = 0;
		for (size_t i = 0; i < r->n; i++)
			n += part_add(r, i, events + n);
		if (n > 0)
			apply(events, n);
	} while (n > 0);
	free(events);
}

static void run_describe(const struct runs *r, const char *phone)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(phone_of(i), phone) != 0)
			continue;
		print_error("run %zu:", i);
		for (size_t k = 0; k < r->story->n; k++)
			print_error(" %zu%s", r->at[i].order[k], cut_after(r->at[i].split, k) ? " /" : "");
		print_error("\n");
	}
}

static void assert_rows_are_equal(const struct runs *r)
{
	struct pg_rows *rows = query(db.admin,
		"SELECT dump, count(*), min(phone) FROM (" DUMPS ") AS d GROUP BY dump ORDER BY count(*) DESC LIMIT 4",
		NULL);

	for (int i = 0; pg_rows_count(rows) > 1 && i < pg_rows_count(rows); i++) {
		print_error("%lld runs end as\n%.*s\n", (long long)pg_i64(rows, i, 1), STR_ARG(pg_text(rows, i, 0)));
		run_describe(r, arena_cstr(db.arena, pg_text(rows, i, 2)));
	}
	if (pg_rows_count(rows) != 1)
		fail_msg("%s: the order of arrival shows", r->story->name);
	assert_int_equal(pg_i64(rows, 0, 1), (int64_t)r->n);
	pg_rows_free(rows);
	assert_int_equal(db_i64(MISCOUNTED), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM parked_updates"), 0);
	assert_int_equal(db_i64("SELECT count(*) FROM conversations WHERE sequence = 0"), 0);
}

/* Everything once more, in one batch. */
static void assert_replay_changes_nothing(const struct runs *r)
{
	struct str before = db_text("SELECT md5(string_agg(dump, '' ORDER BY phone)) FROM (" DUMPS ") AS d");

	for (size_t i = 0; i < r->n; i++)
		r->at[i].at = r->at[i].split = 0;
	runs_apply(r);
	assert_string_equal(published(), "");
	assert_true(str_eq(db_text("SELECT md5(string_agg(dump, '' ORDER BY phone)) FROM (" DUMPS ") AS d"), before));
	for (size_t i = 0; i < replica1.at.batch->n; i++)
		assert_int_equal(outcome_of(i), OUTCOME_NO_EFFECT);
}

static void runs_check(const struct runs *r)
{
	runs_apply(r);
	assert_rows_are_equal(r);
	assert_replay_changes_nothing(r);
}

static size_t factorial(size_t n)
{
	return n <= 1 ? 1 : n * factorial(n - 1);
}

/* Every order of a story, in every split. */
static void story_check_whole(const struct story *story)
{
	size_t order[MOST_IN_STORY];
	unsigned splits = 1u << (story->n - 1);
	struct runs r = { .story = story, .at = mem_calloc(factorial(story->n) * splits, sizeof(*r.at)) };

	for (size_t i = 0; i < story->n; i++)
		order[i] = i;
	do
		for (unsigned split = 0; split < splits; split++) {
			struct run *run = &r.at[r.n++];

			memcpy(run->order, order, sizeof(order));
			run->split = split;
		}
	while (permutation_next(order, story->n));
	runs_check(&r);
	free(r.at);
}

/* A fixed sequence of numbers, so that a failure can be repeated. */
static unsigned next_number(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (unsigned)(x >> 33);
}

/* Some orders of a story that has too many, in some splits. */
static void story_check_sampled(const struct story *story, size_t n)
{
	struct runs r = { .story = story, .n = n, .at = mem_calloc(n, sizeof(*r.at)) };

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < story->n; k++)
			r.at[i].order[k] = k;
		for (size_t k = story->n - 1; k > 0; k--)
			places_swap(&r.at[i].order[k], &r.at[i].order[next_number() % (k + 1)]);
		r.at[i].split = next_number() % (1u << (story->n - 1));
	}
	runs_check(&r);
	free(r.at);
}

static void a_message_of_theirs_ends_the_same_in_every_order(void **state)
{
	static const struct story story = { "inbound", 9, inbound_event_of };

	(void)state;
	story_check_sampled(&story, 1000);
}

static void a_message_and_its_copies_end_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "inbound", 5, inbound_event_of };

	(void)state;
	story_check_whole(&story);
}

static void a_deleted_message_ends_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "deleted", 5, deleted_event_of };

	(void)state;
	story_check_whole(&story);
}

static void a_message_of_ours_ends_the_same_in_every_order(void **state)
{
	static const struct story story = { "outbound", 8, outbound_event_of };

	(void)state;
	story_check_sampled(&story, 1000);
}

static void a_failed_message_ends_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "failed", 4, failed_event_of };

	(void)state;
	story_check_whole(&story);
}

static void a_poll_ends_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "poll", 5, poll_event_of };

	(void)state;
	story_check_whole(&story);
}

static void a_group_message_and_its_receipts_end_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "receipts", 5, group_event_of };

	(void)state;
	story_check_whole(&story);
}

static void media_end_the_same_in_every_order_and_split(void **state)
{
	static const struct story story = { "media", 3, media_event_of };

	(void)state;
	story_check_whole(&story);
}

/* One run at a time in empty tables: nothing is cached or parked. */
static void alone_it_is_the_same(void **state)
{
	static const size_t events[] = { 0, 1, 4, 6 };
	size_t order[] = { 0, 1, 2, 3 };
	struct str first = STR_NONE;

	do
		for (unsigned split = 0; split < 8; split++) {
			struct inbound_event batch[COUNT(order)];
			struct str dump;
			char kept[2000];
			size_t n = 0;

			if (first.p)
				snprintf(kept, sizeof(kept), "%.*s", STR_ARG(first));
			replicas_empty(state);
			for (size_t i = 0; i < COUNT(order); i++) {
				batch[n++] = inbound_event_of(events[order[i]], 1);
				if (cut_after(split, i) || i == COUNT(order) - 1) {
					apply(batch, n);
					n = 0;
				}
			}
			dump = db_text("SELECT dump FROM (" DUMPS ") AS d");
			if (first.p)
				assert_string_equal(arena_cstr(db.arena, dump), kept);
			first = dump;
		}
	while (permutation_next(order, COUNT(order)));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, replicas_empty)
	const struct CMUnitTest tests[] = {
		T(a_message_of_theirs_ends_the_same_in_every_order),
		T(a_message_and_its_copies_end_the_same_in_every_order_and_split),
		T(a_deleted_message_ends_the_same_in_every_order_and_split),
		T(a_message_of_ours_ends_the_same_in_every_order),
		T(a_failed_message_ends_the_same_in_every_order_and_split),
		T(a_poll_ends_the_same_in_every_order_and_split),
		T(a_group_message_and_its_receipts_end_the_same_in_every_order_and_split),
		T(media_end_the_same_in_every_order_and_split),
		T(alone_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, replicas_start, replicas_stop);
}
