/* POST /api/whatsapp/chats/sync: a batch of chats in our bridge contract (spec 30 and 40). Invariant: one bad chat costs
 * that chat, and the batch's end counts what became of all of them.
 */
#include <stdlib.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "ingest/bridge.h"
#include "ingest/dialects.h"
#include "ingest/sync_batch.h"
#include "json/writer.h"

struct sync_chat {
	struct sync_batch *batch;
	const json *body, *chat;
	struct str path;
};

static bool refuse(struct bridge_fault *fault, struct str path, const char *message)
{
	*fault = (struct bridge_fault){ .path = path, .message = message };
	return false;
}

/* The chat alone, as a sync of its own: under the batch's own id it would end that batch again. */
static struct str chat_body(void *ctx)
{
	static const char *const members[] = { "session_id", "whatsapp_account_id", "workspace_id" };
	const struct sync_chat *c = ctx;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;

	jw_obj(&w);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		jw_member_raw(&w, members[i], intake_json(c->batch->in, json_get(c->body, members[i])));
	jw_key(&w, "chats");
	jw_arr(&w);
	jw_raw(&w, intake_json(c->batch->in, c->chat));
	jw_arr_end(&w);
	jw_obj_end(&w);
	text = arena_str(c->batch->in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static bool participants_read(struct arena *a, const json *list, struct in_chat_state *state,
	struct bridge_fault *fault)
{
	struct json_iter it = json_iter(list);
	const json *v;

	if (!json_is_arr(list))
		return true;
	if (json_count(list) > WIRE_MAX_PARTICIPANTS)
		return refuse(fault, STR("participants"), "more than 5,000 participants");
	state->has_participants = true;
	state->participants = ARENA_ARRAY(a, struct participant, json_count(list));
	while ((v = json_next(&it))) {
		struct participant p = { .party = bridge_person(a, json_get(v, "phone"), json_get(v, "name")) };
		struct party lid = bridge_person(a, json_get(v, "lid"), NULL);

		if (!json_is_obj(v))
			p.party = bridge_person(a, v, NULL);
		if (p.party.lid.n == 0)
			p.party.lid = lid.lid;
		p.super_admin = json_true(json_get(v, "isSuperAdmin"));
		p.admin = p.super_admin || json_true(json_get(v, "isAdmin"));
		if (party_identified(&p.party))
			state->participants[state->n_participants++] = p;
	}
	return true;
}

static bool state_read(struct arena *a, const json *chat, struct in_chat_state *state, struct bridge_fault *fault)
{
	const json *unread = json_get(chat, "unread_count");
	int64_t n;

	if (!bridge_chat(a, chat, "type", &state->chat, fault))
		return false;
	if (json_to_i64(unread, &n)) {
		if (n < -1 || n > INT32_MAX)
			return refuse(fault, STR("unread_count"), "not a count");
		state->has_unread = true;
		state->unread = (int32_t)n;
	}
	return !state->chat.is_group || participants_read(a, json_get(chat, "participants"), state, fault);
}

/* A message of the body and where it stands there. */
struct dated {
	int64_t time;
	size_t place;
	const json *message;
};

static int newest_first(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->time != y->time)
		return x->time > y->time ? -1 : 1;
	return (x->place < y->place) - (x->place > y->place);
}

/* Chosen before they are read: a list may be longer than what is worth the memory. */
static size_t newest_choose(struct arena *a, const json *list, struct dated **out)
{
	struct dated *all = ARENA_ARRAY(a, struct dated, json_count(list));
	struct json_iter it = json_iter(list);
	const json *v;
	size_t n = 0;

	while ((v = json_next(&it))) {
		all[n].message = v;
		json_to_i64(json_get(all[n].message, "timestamp"), &all[n].time);
		all[n].place = n;
		n++;
	}
	qsort(all, n, sizeof(*all), newest_first);
	*out = all;
	return n < WIRE_MAX_SYNC_MESSAGES ? n : WIRE_MAX_SYNC_MESSAGES;
}

static bool messages_read(struct arena *a, const json *list, struct sync_item *item, struct bridge_fault *fault)
{
	static const struct bridge_words words = { .body = "body", .type = "type", .empty_body = true };
	struct bridge_fault inner = { .message = NULL };
	struct dated *chosen;
	size_t n = newest_choose(a, list, &chosen);

	item->messages = ARENA_ARRAY(a, struct in_history_message, n);
	for (size_t i = 0; i < n; i++) {
		const struct dated *d = &chosen[i];

		if (!json_is_obj(d->message))
			return refuse(fault, arena_printf(a, "messages[%zu]", d->place), "not a message");
		if (!bridge_message(a, d->message, &words, &item->state.chat, &item->messages[i], &inner))
			return refuse(fault, arena_printf(a, "messages[%zu].%.*s", d->place, STR_ARG(inner.path)),
				inner.message);
	}
	item->n_messages = n;
	return true;
}

/* What the chat list shows of a chat whose messages the bridge does not send: neither id nor direction is said. */
static bool last_message_read(struct arena *a, const json *chat, struct sync_item *item, struct bridge_fault *fault)
{
	struct in_history_message *m = ARENA_NEW(a, struct in_history_message);

	m->source_time_ms = item->time_ms;
	m->message.chat = item->state.chat;
	m->message.direction = DIR_INBOUND;
	m->message.type = MSG_TEXT;
	m->message.body = json_str(json_get(chat, "last_message"));
	if (!m->message.chat.is_group)
		m->message.sender = m->message.chat.contact;
	if (m->message.body.n == 0)
		return true;
	if (utf8_length(m->message.body) > BRIDGE_MAX_BODY_CHARACTERS)
		return refuse(fault, STR("last_message"), "more than 65,536 characters");
	item->messages = m;
	item->n_messages = 1;
	return bridge_key(a, m, STR_NONE, fault);
}

static bool chat_read(struct arena *a, const json *chat, struct sync_item *item, struct bridge_fault *fault)
{
	const json *messages = json_get(chat, "messages");

	if (!state_read(a, chat, &item->state, fault))
		return false;
	if (!bridge_time(chat, "timestamp", &item->time_ms, fault))
		return false;
	if (json_count(messages) == 0)
		return last_message_read(a, chat, item, fault);
	if (!json_is_arr(messages))
		return refuse(fault, STR("messages"), "not a list");
	return messages_read(a, messages, item, fault);
}

static struct str fault_path(const struct sync_chat *c, const struct bridge_fault *fault)
{
	if (!json_is_obj(c->chat))
		return c->path;
	return arena_printf(c->batch->in->arena, "%.*s.%.*s", STR_ARG(c->path), STR_ARG(fault->path));
}

static void chat_take(struct sync_chat *c, size_t place)
{
	struct intake *in = c->batch->in;
	struct sync_item item = { .place = place, .path = c->path, .body = chat_body, .body_ctx = c };
	struct bridge_fault fault = { .message = NULL };

	in->n_items = place; /* a chat is one item, in however many parts */
	if (chat_read(in->arena, c->chat, &item, &fault)) {
		sync_batch_add(c->batch, &item);
	} else if (fault.ignored) {
		intake_ignore(in, fault.ignored);
	} else {
		intake_reject(in, in->account, "rule", fault_path(c, &fault), chat_body(c), fault.message);
		sync_batch_rejected(c->batch);
	}
	in->n_items = place + 1;
}

/* Distinct for every batch that names no sync, and the same when it is repeated. */
static struct str own_sync_id(struct intake *in, const json *chats)
{
	uint8_t hash[32];
	char hex[64];

	sha256(intake_json(in, chats), hash);
	hex_encode(hash, sizeof(hash), hex);
	return arena_printf(in->arena, "s:%.*s", (int)sizeof(hex), hex);
}

static bool count_read(const json *body, const char *member, int64_t most, int32_t *out)
{
	const json *v = json_get(body, member);
	int64_t n = 0;

	if (json_type(v) != JSON_ABSENT && json_type(v) != JSON_NULL && !json_to_i64(v, &n))
		return false;
	if (n < 0 || n > most)
		return false;
	*out = (int32_t)n;
	return true;
}

static int refuse_batch(struct intake *in, const char *path, const char *message, struct err *err)
{
	intake_reject(in, in->account, "rule", str_of(path), STR_NONE, message);
	return err_set(err, ERR_INPUT, "422", "%s: %s", path, message);
}

static int batch_read(struct sync_batch *b, const json *body, struct err *err)
{
	const int64_t max_index = INT32_MAX / SYNC_MAX_CHATS - 1;

	if (!json_is_obj(body) || !json_is_arr(json_get(body, "chats")))
		return err_set(err, ERR_INPUT, "400", "chats: not a list");
	if (json_count(json_get(body, "chats")) > SYNC_MAX_CHATS)
		return refuse_batch(b->in, "chats", "more than 50 chats", err);
	b->sync_id = json_text(json_get(body, "sync_id"), b->in->arena);
	if (b->sync_id.n > WIRE_MAX_ID_BYTES)
		return refuse_batch(b->in, "sync_id", "longer than an id may be", err);
	if (b->sync_id.n == 0) {
		b->sync_id = own_sync_id(b->in, json_get(body, "chats"));
		b->total = 1;
		b->last = true;
		return 0;
	}
	if (!count_read(body, "index", max_index, &b->index))
		return refuse_batch(b->in, "index", "not a place in the sync", err);
	if (!count_read(body, "total", INT32_MAX, &b->total))
		return refuse_batch(b->in, "total", "not a count", err);
	b->last = json_true(json_get(body, "last"));
	return 0;
}

int bridge_read_sync(struct intake *in, const json *body, struct err *err)
{
	struct sync_batch batch = { .in = in };
	struct sync_chat c = { .batch = &batch, .body = body };
	struct json_iter it = json_iter(json_get(body, "chats"));

	if (batch_read(&batch, body, err) < 0)
		return -1;
	for (size_t i = 0; (c.chat = json_next(&it)); i++) {
		c.path = arena_printf(in->arena, "chats[%zu]", i);
		chat_take(&c, i);
	}
	if (in->n_rejected > 0 && in->n_events == 0)
		return err_set(err, ERR_INPUT, "422", "no chat is acceptable");
	sync_batch_end(&batch);
	return 0;
}
