/* One chat of a batch in Blazz's bridge contract: its state and its newest messages. Invariant: a chat is accepted with
 * all messages that were selected, or rejected as a whole. */
#include "base/utf8.h"
#include "ingest/dialects/bridge.h"

static bool reject(struct bridge_fault *fault, struct str path, const char *message)
{
	*fault = (struct bridge_fault){ .path = path, .message = message };
	return false;
}

static bool participants_read(struct arena *a, const json *list, struct in_chat_state *state,
	struct bridge_fault *fault)
{
	struct json_iter it = json_iter(list);
	const json *v;

	if (!json_is_arr(list))
		return true;
	if (json_count(list) > WIRE_MAX_PARTICIPANTS)
		return reject(fault, STR("participants"), "more than 5,000 participants");
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
			return reject(fault, STR("unread_count"), "not a count");
		state->has_unread = true;
		state->unread = (int32_t)n;
	}
	return !state->chat.is_group || participants_read(a, json_get(chat, "participants"), state, fault);
}

static int64_t time_of(const json *message)
{
	int64_t seconds = 0;

	json_to_i64(json_get(message, "timestamp"), &seconds);
	return seconds;
}

static bool messages_read(struct arena *a, const json *list, struct sync_item *item, struct bridge_fault *fault)
{
	static const struct bridge_words words = { .body = "body", .type = "type", .empty_body = true };
	struct bridge_fault inner = { .message = NULL };
	struct sync_choice chosen[WIRE_MAX_SYNC_MESSAGES];
	size_t n = sync_newest(list, time_of, chosen);

	item->messages = ARENA_ARRAY(a, struct in_history_message, n);
	for (size_t i = 0; i < n; i++) {
		const struct sync_choice *d = &chosen[i];

		if (!json_is_obj(d->message))
			return reject(fault, arena_printf(a, "messages[%zu]", d->place), "not a message");
		if (!bridge_message(a, d->message, &words, &item->state.chat, &item->messages[i], &inner))
			return reject(fault, arena_printf(a, "messages[%zu].%.*s", d->place, STR_ARG(inner.path)),
				inner.message);
	}
	item->n_messages = n;
	return true;
}

/* last_message, the chat list's preview, for a chat whose messages the bridge does not send: it has neither id nor
 * direction. */
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
		return reject(fault, STR("last_message"), "more than 65,536 characters");
	item->messages = m;
	item->n_messages = 1;
	return bridge_key(a, m, STR_NONE, fault);
}

bool bridge_sync_chat(struct arena *a, const json *chat, struct sync_item *item, struct bridge_fault *fault)
{
	const json *messages = json_get(chat, "messages");

	if (!state_read(a, chat, &item->state, fault))
		return false;
	if (!bridge_time(chat, "timestamp", &item->time_ms, fault))
		return false;
	if (json_count(messages) == 0)
		return last_message_read(a, chat, item, fault);
	if (!json_is_arr(messages))
		return reject(fault, STR("messages"), "not a list");
	return messages_read(a, messages, item, fault);
}
