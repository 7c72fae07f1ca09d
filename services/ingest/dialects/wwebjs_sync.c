/* dataType chats_sync: one batch of a bridge's initial sync with the library's own objects. Invariant: an invalid
 * chat or message is rejected alone, and every line of the lidMap is used once: in a party, or as an alias event. */
#include "base/utf8.h"
#include "ingest/dialects/sync_batch.h"
#include "ingest/dialects/wwebjs.h"

static struct map *aliases_read(const json *list, struct arena *a)
{
	struct json_iter it = json_iter(json_is_arr(list) ? list : NULL);
	struct map *aliases = map_new();
	const json *v;

	while ((v = json_next(&it))) {
		struct str lid = wid_read(json_get(v, "lid"), a), phone = wid_read(json_get(v, "pn"), a);
		struct wwebjs_alias *alias;

		if (address_parse(lid).kind != ADDRESS_LID || address_parse(phone).kind != ADDRESS_PHONE)
			continue;
		alias = ARENA_NEW(a, struct wwebjs_alias);
		*alias = (struct wwebjs_alias){ .lid = lid, .phone = phone };
		*map_slot(aliases, lid) = alias;
		*map_slot(aliases, phone) = alias;
	}
	return aliases;
}

/* Adds alias events for lines of the lidMap that no party of the batch used. */
static void aliases_add(const struct wwebjs *w)
{
	struct wwebjs_alias *alias;
	struct str jid;
	void *value;
	size_t i = 0;

	while (map_each(w->aliases, &i, &jid, &value) && !intake_is_full(w->item.in)) {
		struct inbound_event *e;

		alias = value;
		if (alias->used)
			continue;
		alias->used = true;
		e = intake_event(w->item.in, w->item.in->account, IN_IDENTITY_CHANGE);
		e->origin = ORIGIN_SYNC;
		e->u.identity_change.kind = IDENTITY_ALIAS;
		webjs_party(&e->u.identity_change.old_party, alias->lid, STR_NONE);
		webjs_party(&e->u.identity_change.new_party, alias->phone, STR_NONE);
		webjs_add(&w->item, e, alias->lid, alias->phone);
	}
}

static bool message_fits(const struct in_message *m)
{
	return m->key.n <= WIRE_MAX_ID_BYTES && m->body.n <= WIRE_MAX_BODY_BYTES &&
		m->quoted.body.n <= WIRE_MAX_BODY_BYTES && m->sender.jid.n <= WIRE_MAX_ID_BYTES;
}

static bool history_read(const struct wwebjs *w, const struct chat_ref *chat, const json *object,
	struct in_history_message *out)
{
	struct arena *a = w->item.in->arena;
	struct in_message *message = &out->message;
	struct wwebjs_message m;

	*out = (struct in_history_message){ 0 };
	wwebjs_message_read(&m, object, a);
	message->chat = *chat;
	message->direction = m.where.from_me ? DIR_OUTBOUND : DIR_INBOUND;
	if (!m.where.from_me && chat->is_group) {
		webjs_party(&message->sender, m.where.author, wwebjs_other_address(w, m.where.author));
		message->sender.name = webjs_name(m.where.name);
	} else if (!m.where.from_me) {
		message->sender = chat->contact;
	}
	wwebjs_message_fill(message, &m, a);
	out->time_suspect = intake_time_is_suspect(w->item.in, m.time_ms);
	out->source_time_ms = m.time_ms <= WIRE_MAX_TIME_MS ? m.time_ms : 0;
	return json_is_obj(object) && message_fits(message);
}

static int64_t time_of(const json *message)
{
	const json *timestamp = json_get(message, "timestamp");

	return webjs_seconds_ms(timestamp ? timestamp : json_path(message, "_data.t"));
}

static void messages_read(struct wwebjs *w, struct sync_item *item, const json *list)
{
	struct arena *a = w->item.in->arena;
	struct sync_choice chosen[WIRE_MAX_SYNC_MESSAGES];
	struct webjs_item chat = w->item;
	size_t n = sync_newest(list, time_of, chosen);

	item->messages = ARENA_ARRAY(a, struct in_history_message, n);
	for (size_t i = n; i-- > 0;) {
		w->message = chosen[i].message;
		if (history_read(w, &item->state.chat, w->message, &item->messages[item->n_messages])) {
			item->n_messages++;
			continue;
		}
		w->item.path = arena_printf(a, "%.*s.messages[%zu]", STR_ARG(chat.path), chosen[i].place);
		webjs_reject(&w->item, "not a message, or larger than one");
	}
	w->message = NULL;
	w->item = chat;
}

/* The last message is read only when the chat has no list of messages. */
static void last_message_read(const struct wwebjs *w, struct sync_item *item)
{
	const json *last = json_get(w->chat, "lastMessage");

	item->messages = ARENA_NEW(w->item.in->arena, struct in_history_message);
	if (json_is_obj(last) && history_read(w, &item->state.chat, last, item->messages))
		item->n_messages = 1;
}

static void chat_read(struct wwebjs *w, struct sync_batch *batch, size_t place)
{
	struct sync_item item = { .place = place, .path = w->item.path, .body = w->item.body, .body_ctx = w->item.ctx };
	size_t rejected = w->item.in->n_rejected;
	const json *messages = json_get(w->chat, "messages");

	if (!wwebjs_chat_state(w, w->chat, &item.state)) {
		if (w->item.in->n_rejected > rejected)
			sync_batch_rejected(batch);
		return;
	}
	if (json_is_arr(messages))
		messages_read(w, &item, messages);
	else
		last_message_read(w, &item);
	item.time_ms = webjs_seconds_ms(json_get(w->chat, "timestamp"));
	sync_batch_add(batch, &item);
}

static bool count_read(const json *batch, const char *member, int64_t most, int32_t *out)
{
	const json *v = json_get(batch, member);
	int64_t n = 0;

	if (v && json_type(v) != JSON_NULL && !json_to_i64(v, &n))
		return false;
	if (n < 0 || n > most)
		return false;
	*out = (int32_t)n;
	return true;
}

static bool batch_read(struct sync_batch *out, const struct wwebjs *w)
{
	const json *batch = json_get(w->data, "batch"), *chats = json_get(w->data, "chats");

	out->sync_id = json_str(json_get(w->data, "syncId"));
	out->last = json_true(json_get(batch, "isLast"));
	if (json_count(chats) > SYNC_MAX_CHATS)
		return webjs_reject(&w->item, "more than 50 chats");
	if (out->sync_id.n > WIRE_MAX_ID_BYTES)
		return webjs_reject(&w->item, "syncId is too long for an id");
	if (!count_read(batch, "index", INT32_MAX / SYNC_MAX_CHATS - 1, &out->index) ||
		!count_read(batch, "total", INT32_MAX, &out->total))
		return webjs_reject(&w->item, "batch.index or batch.total is missing or out of range");
	if (out->sync_id.n > 0)
		return true;
	out->sync_id = sync_own_id(w->item.in, chats);
	out->index = 0;
	out->total = 1;
	out->last = true;
	return true;
}

/* Writes what identifies the chat, and the invalid message. */
static void message_alone_write(struct json_writer *j, const struct wwebjs *w)
{
	struct str jid = wid_read(json_get(w->chat, "id"), w->item.in->arena);

	jw_obj(j);
	jw_member_str(j, "id", utf8_truncate(jid, INTAKE_MAX_ENVELOPE_BYTES));
	intake_envelope(w->item.in, j, w->chat, (const char *const[]){ "name", NULL });
	jw_key(j, "messages");
	jw_arr(j);
	jw_raw(j, intake_json(w->item.in, w->message));
	jw_arr_end(j);
	jw_obj_end(j);
}

/* Writes the chat's line of the lidMap, if there is one. */
static void alias_write(struct json_writer *j, const struct wwebjs *w)
{
	const struct wwebjs_alias *alias = map_get(w->aliases, wid_read(json_get(w->chat, "id"), w->item.in->arena));

	jw_key(j, "lidMap");
	jw_arr(j);
	if (alias) {
		jw_obj(j);
		jw_member_str(j, "lid", utf8_truncate(alias->lid, INTAKE_MAX_ENVELOPE_BYTES));
		jw_member_str(j, "pn", utf8_truncate(alias->phone, INTAKE_MAX_ENVELOPE_BYTES));
		jw_obj_end(j);
	}
	jw_arr_end(j);
}

/* A body with this chat alone, as a sync of its own: with the batch's id, a replay would complete that batch again.
 * If a single message is invalid, it has only that message. */
static struct str chat_alone(void *ctx)
{
	const struct wwebjs *w = ctx;
	struct buf out = BUF_INIT;
	struct json_writer j = json_writer(&out);
	struct str text;

	jw_obj(&j);
	jw_member_str(&j, "dataType", STR("chats_sync"));
	intake_envelope(w->item.in, &j, w->body, (const char *const[]){ "sessionId", NULL });
	jw_key(&j, "data");
	jw_obj(&j);
	alias_write(&j, w);
	jw_key(&j, "chats");
	jw_arr(&j);
	if (w->message)
		message_alone_write(&j, w);
	else
		jw_raw(&j, intake_json(w->item.in, w->chat));
	jw_arr_end(&j);
	jw_obj_end(&j);
	jw_obj_end(&j);
	text = arena_str(w->item.in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void chats_read(struct wwebjs *w, struct sync_batch *batch)
{
	struct json_iter it = json_iter(json_get(w->data, "chats"));
	struct webjs_item whole = w->item;

	w->item.body = chat_alone;
	for (size_t i = 0; (w->chat = json_next(&it)) && !intake_is_full(w->item.in); i++) {
		w->item.path = arena_printf(w->item.in->arena, "data.chats[%zu]", i);
		w->item.in->n_items = i; /* a chat counts as one item, however many parts it has */
		chat_read(w, batch, i);
		w->item.in->n_items = i + 1;
	}
	w->item = whole;
}

int wwebjs_sync(struct wwebjs *w, struct err *err)
{
	struct sync_batch batch = { .in = w->item.in };

	if (!json_is_arr(json_get(w->data, "chats")))
		return err_set(err, ERR_INPUT, "400", "data.chats: not a list");
	if (!batch_read(&batch, w))
		return webjs_finish(w->item.in, err);
	w->aliases = aliases_read(json_get(w->data, "lidMap"), w->item.in->arena);
	chats_read(w, &batch);
	if (batch.chats > 0 || batch.rejected == 0) {
		aliases_add(w);
		sync_batch_end(&batch);
	}
	map_free(w->aliases);
	w->aliases = NULL;
	return webjs_finish(w->item.in, err);
}
