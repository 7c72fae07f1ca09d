/* See status.h. */
#include "chat-sync/fold/status.h"
#include "chat-sync/fold/edit.h"
#include "chat-sync/fold/message_effects.h"
#include "chat-sync/fold/sender.h"
#include "chat-sync/metadata/metadata.h"

#include <assert.h>

static void message_set_error(struct work *w, struct message *m, const struct in_status *s)
{
	struct str error = s->status == STATUS_FAILED ? metadata_error(&s->error, w->arena) : STR_NONE;

	assert(m->row.metadata.p);
	m->row.metadata = metadata_set(m->row.metadata, "error", error, w->arena);
}

static void receipt_add(struct work *w, struct op *op, const struct message *m, const struct in_status *s)
{
	struct sender sender;

	if (s->status == STATUS_PENDING || s->status == STATUS_NONE)
		return;
	sender = sender_of(w, op->author);
	*LIST_ADD(w, &w->receipts) = (struct receipt_row){
		.workspace_id = m->row.workspace_id,
		.chat_id = m->row.id,
		.participant = sender.key,
		.before = sender.previous_key,
		.status = s->status,
		.at_us = op->time_us,
	};
	*LIST_ADD(w, &w->receipt_ops) = op;
	sender_messages_add(w, &m->row, &sender);
	if (!sender.contact)
		return;
	*LIST_ADD(w, &w->sender_contacts) = &sender.contact->row;
	*LIST_ADD(w, &w->receipt_senders) =
		(struct sender_change){ m->row.workspace_id, m->row.id, sender.alias, sender.key };
}

void fold_status(struct work *w, struct op *op)
{
	const struct in_status *s = &op->event->u.status;
	struct message *m = op->row;
	enum message_status before;
	int64_t delivered, read;

	if (!m) {
		op->waits = true;
		return;
	}
	if (s->status == STATUS_DELETED) {
		fold_revoke(w, op);
		return;
	}
	before = m->row.status;
	delivered = m->row.delivered_us;
	read = m->row.read_us;
	if (message_apply_status(&m->row, s->status, op->time_us)) {
		if (s->status == STATUS_FAILED || before == STATUS_FAILED)
			message_set_error(w, m, s);
		effect_add_status(w, op, m, s);
	}
	if (m->row.status != before || m->row.delivered_us != delivered || m->row.read_us != read)
		m->dirty = true;
	if (op->author)
		receipt_add(w, op, m, s);
}

void effect_add_receipt(struct work *w, struct op *op)
{
	if (!op->changed)
		effect_add_status(w, op, op->row, &op->event->u.status);
}
