/* See edit.h. */
#include "chat-sync/fold/edit.h"
#include "chat-sync/fold/message_effects.h"
#include "chat-sync/metadata/metadata.h"

void fold_edit(struct work *w, struct op *op)
{
	const struct in_edit *e = &op->event->u.edit;
	struct message *m = op->row;
	bool same;

	if (!m) {
		op->waits = true;
		return;
	}
	if (!newest_wins(m->row.edited_us, op->time_us, metadata_body(m->row.metadata, w->arena), e->body))
		return;
	same = m->row.edited_us != PG_NO_TIME && str_eq(metadata_body(m->row.metadata, w->arena), e->body);
	m->row.edited_us = op->time_us;
	m->dirty = true;
	if (same)
		return; /* the same text again, with a later time */
	m->row.metadata = metadata_set_body(m->row.metadata, e->body, w->arena);
	effect_add_edited(w, op, m, e->body, false);
}

void fold_revoke(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m) {
		op->waits = true;
		return;
	}
	if (m->row.revoked_us != PG_NO_TIME && op->time_us >= m->row.revoked_us)
		return;
	if (m->row.revoked_us == PG_NO_TIME)
		effect_add_revoked(w, op, m, false);
	m->row.revoked_us = op->time_us;
	m->dirty = true;
}

void fold_message_delete(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m) {
		op->waits = true;
		return;
	}
	if (m->row.deleted_us != PG_NO_TIME)
		return;
	m->row.deleted_us = op->time_us;
	m->row.deleted_by = op->user_id;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
	effect_add_revoked(w, op, m, true);
}
