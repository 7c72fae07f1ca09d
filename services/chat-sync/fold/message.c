/* See message.h. */
#include "chat-sync/fold/message.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/fold/message_effects.h"
#include "chat-sync/fold/status.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/metadata/call.h"
#include "chat-sync/metadata/metadata.h"

static void conversation_add_message(struct work *w, struct op *op, struct message *m)
{
	struct conversation_row *v = &m->conversation->row;
	const struct message_row *r = &m->row;

	if (v->last_message_us == PG_NO_TIME || r->sent_us >= v->last_message_us) {
		v->last_message_us = r->sent_us;
		v->last_message_id = r->id;
		v->last_sender = arena_str(w->cache->arena,
			r->direction == DIR_OUTBOUND ? STR("me")
				: op->author         ? r->sender
				: op->peer           ? sender_text(w, op->peer->party, op->peer->contact)
						     : STR_NONE);
	}
	if (r->direction == DIR_INBOUND && (v->last_inbound_us == PG_NO_TIME || r->sent_us > v->last_inbound_us))
		v->last_inbound_us = r->sent_us;
	if (message_is_unread(r, v->last_read_us))
		v->unread++;
	if (r->direction == DIR_INBOUND && r->origin == ORIGIN_SYNC && r->sent_us > m->conversation->newest_sync_us)
		m->conversation->newest_sync_us = r->sent_us;
	conversation_touch(w, m->conversation);
}

static void message_add_media(struct work *w, const struct message *m, const struct media *media)
{
	if (media->present)
		*LIST_ADD(w, &w->media) = (struct media_row){ .workspace_id = m->row.workspace_id,
			.chat_id = m->row.id,
			.provider_media_id = media->provider_media_id,
			.mime = media->mime,
			.sha256 = media->sha256,
			.file_name = media->file_name,
			.url = media->url,
			.size_bytes = media->size_bytes };
}

/* Members that later events have set stay when the content is replaced. */
static struct str metadata_preserve(struct work *w, struct str metadata, const struct message_row *r)
{
	static const char *const kept[] = { "votes", "outcome", "steps", "duration" };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct str value = metadata_get(r->metadata, kept[i], w->arena);

		if (value.p)
			metadata = metadata_set(metadata, kept[i], value, w->arena);
	}
	if (r->edited_us != PG_NO_TIME)
		metadata = metadata_set_body(metadata, metadata_body(r->metadata, w->arena), w->arena);
	if (r->status == STATUS_FAILED)
		metadata = metadata_set(metadata, "error", metadata_get(r->metadata, "error", w->arena), w->arena);
	return metadata;
}

/* Replaces the content by that of a better copy; an edit that is stored already stays. */
static void message_replace_content(struct work *w, struct op *op, struct message *m)
{
	const struct in_message *in = op->message;

	m->row.metadata = metadata_preserve(w, metadata_of(in, op->suspect_ms, w->scratch, w->arena), &m->row);
	m->row.type = in->type == MSG_NONE ? MSG_UNKNOWN : in->type;
	m->row.placeholder = in->placeholder;
	m->row.sent_us = op->time_us;
	if (op->origin == ORIGIN_LIVE)
		m->row.origin = ORIGIN_LIVE;
	if (op->author)
		m->row.sender = author_text(w, op->author);
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
}

static void message_make_live(struct work *w, struct message *m)
{
	m->row.origin = ORIGIN_LIVE;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
}

static void fill_missing(struct message *m, struct str *have, struct str got)
{
	if (have->p || got.n == 0)
		return;
	*have = got;
	m->dirty = true;
}

/* Fills ids that only this copy has. */
static void message_fill_ids(struct message *m, const struct op *op)
{
	fill_missing(m, &m->row.wam_id, op->message->provider_id);
	if (message_may_be_own(m, op)) {
		op->own->row = m;
		fill_missing(m, &m->row.client_message_id, op->own->client_id);
	}
	if (m->row.user_id == 0 && op->user_id != 0) {
		m->row.user_id = op->user_id;
		m->dirty = true;
	}
}

/* A sync's unread count includes the messages that it brings, also those that history has brought before. */
static void message_mark_synced(struct work *w, const struct op *op, struct message *m)
{
	if (op->origin != ORIGIN_SYNC || m->row.origin != ORIGIN_HISTORY)
		return;
	m->row.origin = ORIGIN_SYNC;
	m->dirty = true;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	if (m->row.direction == DIR_INBOUND && m->row.sent_us > m->conversation->newest_sync_us)
		m->conversation->newest_sync_us = m->row.sent_us;
}

/* Applies a further step of a call; the row has the time of the earliest one. True when outcome or duration changed. */
static bool message_apply_call(struct work *w, const struct op *op, struct message *m)
{
	struct str before = m->row.metadata;
	bool moved = metadata_call(before, &op->event->u.call, w->arena, &m->row.metadata);

	m->dirty = m->dirty || !str_eq(before, m->row.metadata);
	if (op->time_us >= m->row.sent_us)
		return moved;
	m->row.sent_us = op->time_us;
	m->dirty = true;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	return moved;
}

static bool went_on_from_sent(const struct message *m)
{
	switch (m->row.status) {
	case STATUS_DELIVERED:
	case STATUS_READ:
	case STATUS_PLAYED:
	case STATUS_FAILED:
		return true;
	default:
		return false;
	}
}

static void fold_copy(struct work *w, struct op *op, struct message *m)
{
	bool was_named = m->row.client_message_id.n > 0;
	const struct in_status status = { .status = op->message->status, .error = op->message->error };
	enum copy_effect effect = copy_effect(&m->row, op->origin, op->message->placeholder);
	bool was_live = m->row.origin == ORIGIN_LIVE;
	bool moved = op->event->kind == IN_CALL && message_apply_call(w, op, m);

	message_fill_ids(m, op);
	message_mark_synced(w, op, m);
	message_add_media(w, m, &op->message->media);
	if (effect == COPY_PUBLISHES)
		message_make_live(w, m);
	else if (effect != COPY_NOTHING)
		message_replace_content(w, op, m);
	if (!was_live && m->row.origin == ORIGIN_LIVE)
		effect_add_created(w, op, m, metadata_body(m->row.metadata, w->arena));
	else if (effect != COPY_NOTHING || moved)
		effect_add_edited(w, op, m, op->message->body, true);
	if (!was_named && m->row.client_message_id.n > 0 && went_on_from_sent(m))
		effect_add_known_status(w, op, m);
	if (op->message->direction == DIR_OUTBOUND && status.status != STATUS_NONE)
		message_fold_status(w, op, m, &status);
}

void fold_message(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m) {
		op->waits = op->by_own; /* its row is among several of its key that move to another conversation */
		return;
	}
	if (!m->inserted || op->duplicate) {
		fold_copy(w, op, m);
		return;
	}
	fold_group_name(w, op);
	conversation_add_message(w, op, m);
	message_add_media(w, m, &op->message->media);
	effect_add_created(w, op, m, op->message->body);
}
