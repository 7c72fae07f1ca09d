/* See message_effects.h. */
#include "chat-sync/fold/message_effects.h"
#include "chat-sync/metadata/metadata.h"
#include "chat-sync/resolve/message_index.h"
#include "json/json.h"

static struct message_view message_view(struct message *m, struct str body)
{
	const struct message_row *r = &m->row;

	return (struct message_view){
		.id = r->id,
		.uuid = *message_uuid(m, m->conversation->account),
		.key = r->key,
		.provider_id = r->wam_id,
		.client_message_id = r->client_message_id,
		.direction = r->direction,
		.type = r->type,
		.status = r->status,
		.body = body,
		.sent_at_ms = r->sent_us / 1000,
		.is_read = m->conversation->row.last_read_us != PG_NO_TIME &&
			r->sent_us <= m->conversation->row.last_read_us,
		.placeholder = r->placeholder,
		.metadata = r->metadata,
	};
}

struct effect *message_effect(struct work *w, struct op *op, struct message *m, enum chat_event_kind kind)
{
	return effect_new(w, op, m->conversation, kind, message_uuid(m, op->account));
}

void effect_add_created(struct work *w, struct op *op, struct message *m, struct str body)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_CREATED);

	e->event.u.message_created.message = message_view(m, body);
	e->event.u.message_created.message.media = op->message->media;
	e->event.u.message_created.message.location = op->message->location;
	e->event.u.message_created.message.quoted = op->message->quoted;
	if (m->conversation->contact)
		e->event.u.message_created.contact = contact_view(m->conversation->contact);
	if (m->conversation->group)
		e->event.u.message_created.group = group_view(m->conversation->group);
	if (op->author && op->author->contact)
		e->event.u.message_created.sender = contact_view(op->author->contact);
}

void effect_add_edited(struct work *w, struct op *op, struct message *m, struct str body, bool filled)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_EDITED);

	e->event.u.message_edited.message_id = m->row.id;
	e->event.u.message_edited.message_uuid = e->subject;
	e->event.u.message_edited.body = body;
	e->event.u.message_edited.edited_at_ms = op->time_us / 1000;
	e->event.u.message_edited.filled = filled;
	if (filled)
		e->event.u.message_edited.message = message_view(m, metadata_body(m->row.metadata, w->arena));
}

void effect_add_revoked(struct work *w, struct op *op, struct message *m, bool for_us_only)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_REVOKED);

	e->event.u.message_revoked.message_id = m->row.id;
	e->event.u.message_revoked.message_uuid = e->subject;
	e->event.u.message_revoked.revoked_at_ms = op->time_us / 1000;
	e->event.u.message_revoked.for_us_only = for_us_only;
}

static void status_add(struct work *w, struct op *op, struct message *m, const struct in_status *s, int64_t at_us)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_STATUS);

	e->event.u.message_status.message_id = m->row.id;
	e->event.u.message_status.message_uuid = e->subject;
	e->event.u.message_status.status = s->status;
	e->event.u.message_status.at_ms = at_us / 1000;
	e->event.u.message_status.client_message_id = m->row.client_message_id;
	e->event.u.message_status.error = s->error;
	e->event.u.message_status.participant = s->participant;
	e->event.u.message_status.extra = s->extra;
}

void effect_add_status(struct work *w, struct op *op, struct message *m, const struct in_status *s)
{
	status_add(w, op, m, s, op->time_us);
}

static struct provider_error error_stored(struct work *w, const struct message *m)
{
	struct provider_error error = { 0 };
	struct json_doc *doc = NULL;

	if (json_parse(&doc, metadata_get(m->row.metadata, "error", w->arena), NULL) == 0) {
		error.code = arena_str(w->arena, json_str(json_get(json_root(doc), "code")));
		error.title = arena_str(w->arena, json_str(json_get(json_root(doc), "title")));
		error.details = arena_str(w->arena, json_str(json_get(json_root(doc), "details")));
	}
	json_free(doc);
	return error;
}

void effect_add_known_status(struct work *w, struct op *op, struct message *m)
{
	struct in_status s = { .status = m->row.status };
	int64_t at_us = s.status == STATUS_DELIVERED ? m->row.delivered_us
		: s.status == STATUS_FAILED          ? PG_NO_TIME
						     : m->row.read_us;

	if (s.status == STATUS_FAILED)
		s.error = error_stored(w, m);
	status_add(w, op, m, &s, at_us == PG_NO_TIME ? op->time_us : at_us);
}
