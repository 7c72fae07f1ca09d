/* The data of events of messages; see data.h. */
#include "webhook-dispatcher/events/data.h"
#include "webhook-dispatcher/events/members.h"

static void add_media(struct json_writer *w, const struct media *m)
{
	if (!m->present)
		return;
	member_object(w, "media");
	jw_member_str(w, "provider_media_id", m->provider_media_id);
	jw_member_str(w, "mime", m->mime);
	jw_member_str(w, "file_name", m->file_name);
	jw_member_str(w, "sha256", m->sha256);
	jw_member_str(w, "url", m->url);
	if (m->size_bytes > 0)
		jw_member_i64(w, "size_bytes", m->size_bytes);
	jw_member_str(w, "caption", m->caption);
	jw_member_bool(w, "missing", m->missing);
	jw_obj_end(w);
}

static void add_location(struct json_writer *w, const struct location *l)
{
	if (!l->present)
		return;
	member_object(w, "location");
	jw_key(w, "latitude");
	jw_f64(w, l->latitude);
	jw_key(w, "longitude");
	jw_f64(w, l->longitude);
	jw_member_str(w, "name", l->name);
	jw_member_str(w, "address", l->address);
	jw_member_str(w, "url", l->url);
	jw_obj_end(w);
}

static void add_quoted(struct json_writer *w, const struct quoted *q)
{
	if (!q->present)
		return;
	member_object(w, "quoted");
	jw_member_str(w, "key", q->target.key);
	jw_member_str(w, "stanza", q->target.stanza);
	member_party(w, "sender", &q->sender);
	jw_member_str(w, "message", q->body);
	jw_obj_end(w);
}

/* "chat" is the older contract's word for one message. */
static void chat_begin(struct json_writer *w, int64_t id, const struct uuid *uuid)
{
	member_object(w, "chat");
	jw_member_i64(w, "id", id);
	member_uuid(w, "uuid", uuid);
}

/* The members of the older contract. */
static void message_basics(struct json_writer *w, const struct message_view *m, enum provider provider)
{
	member_word(w, "type", direction_word(m->direction));
	member_word(w, "provider_type", provider_word(provider));
	member_text(w, "message", m->body);
	member_word(w, "message_type", message_type_word(m->type));
	member_time(w, "created_at", m->sent_at_ms);
	jw_member_bool(w, "is_read", m->is_read);
}

static void message_rest(struct json_writer *w, const struct message_view *m)
{
	member_word(w, "status", message_status_word(m->status));
	member_text(w, "provider_message_id", m->provider_id);
	member_text(w, "client_message_id", m->client_message_id);
	jw_member_bool(w, "placeholder", m->placeholder);
	add_media(w, &m->media);
	add_location(w, &m->location);
	add_quoted(w, &m->quoted);
	jw_member_raw(w, "metadata", m->metadata);
}

void data_chat(struct json_writer *w, const struct chat_event *e, enum render_detail detail)
{
	const struct ce_message_created *c = &e->u.message_created;
	struct message_view m = c->message;

	if (detail == RENDER_WITHOUT_TEXT)
		m.body = STR_NONE;
	chat_begin(w, m.id, &m.uuid);
	member_word(w, "chat_type", uuid_is_nil(&c->group.id) ? "private" : "group");
	member_word(w, "origin", origin_word(e->origin));
	message_basics(w, &m, e->provider);
	if (detail == RENDER_WHOLE)
		message_rest(w, &m);
	else
		jw_member_bool(w, "truncated", true);
	jw_obj_end(w);
}

void data_message_created(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_created *c = &e->u.message_created;

	data_chat(w, e, RENDER_WHOLE);
	member_contact(w, "contact", &c->contact);
	member_group(w, &c->group);
	member_contact(w, "sender", &c->sender);
}

void data_message_edited(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_edited *m = &e->u.message_edited;

	chat_begin(w, m->message_id, &m->message_uuid);
	if (m->filled) {
		message_basics(w, &m->message, e->provider);
		message_rest(w, &m->message);
	} else {
		member_text(w, "message", m->body);
	}
	jw_obj_end(w);
	member_time(w, "edited_at", m->edited_at_ms);
	jw_member_bool(w, "filled", m->filled);
}

void data_message_revoked(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_revoked *m = &e->u.message_revoked;

	chat_begin(w, m->message_id, &m->message_uuid);
	jw_obj_end(w);
	member_time(w, "revoked_at", m->revoked_at_ms);
	jw_member_bool(w, "for_us_only", m->for_us_only);
}

void data_message_status(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_status *m = &e->u.message_status;

	chat_begin(w, m->message_id, &m->message_uuid);
	member_text(w, "client_message_id", m->client_message_id);
	jw_obj_end(w);
	member_word(w, "status", message_status_word(m->status));
	member_time(w, "at", m->at_ms);
	member_error(w, &m->error);
	member_party(w, "participant", &m->participant);
	jw_member_raw(w, "extra", m->extra);
}

void data_message_reaction(struct json_writer *w, const struct chat_event *e)
{
	const struct ce_message_reaction *m = &e->u.message_reaction;

	chat_begin(w, m->message_id, &m->message_uuid);
	jw_obj_end(w);
	member_party(w, "sender", &m->sender);
	jw_member_bool(w, "from_me", m->from_me);
	jw_member_bool(w, "vote", m->vote);
	if (m->vote)
		member_texts(w, "options", m->options, m->n_options);
	else
		member_text(w, "emoji", m->emoji);
}
