/* See status.h. */
#include "chat-sync/fold/status.h"
#include "chat-sync/expand.h"
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

void message_fold_status(struct work *w, struct op *op, struct message *m, const struct in_status *s)
{
	enum message_status before = m->row.status;
	int64_t delivered = m->row.delivered_us, read = m->row.read_us;

	if (message_apply_status(&m->row, s->status, op->time_us)) {
		if (s->status == STATUS_FAILED || before == STATUS_FAILED)
			message_set_error(w, m, s);
		effect_add_status(w, op, m, s);
	}
	if (m->row.status != before || m->row.delivered_us != delivered || m->row.read_us != read)
		m->dirty = true;
}

bool message_may_be_own(const struct message *m, const struct op *op)
{
	const struct own_message *own = op->own;

	return own && (own->row ? own->row == m : !own->key.p);
}

/* A status that names our id is the evidence which of our messages has the provider's. */
static void status_fill_ids(struct message *m, const struct op *op)
{
	const struct target *target = op->target;

	if (m->row.direction != DIR_OUTBOUND || !message_may_be_own(m, op))
		return;
	op->own->row = m;
	if (!m->row.client_message_id.p) {
		m->row.client_message_id = op->own->client_id;
		m->dirty = true;
	}
	if (!m->row.wam_id.p) {
		m->row.wam_id = target->key.n > 0 ? provider_id_of_key(target->key) : target->stanza;
		m->dirty = true;
	}
}

/* Where the message is stored it says more than the Dispatch. */
void fold_dispatch(struct work *w, struct op *op)
{
	(void)w;
	op->waits = !op->row;
}

void fold_status(struct work *w, struct op *op)
{
	const struct in_status *s = &op->event->u.status;
	struct message *m = op->row;

	if (!m) {
		op->waits = true;
		return;
	}
	status_fill_ids(m, op);
	if (s->status == STATUS_DELETED) {
		fold_revoke(w, op);
		return;
	}
	message_fold_status(w, op, m, s);
	if (op->author)
		receipt_add(w, op, m, s);
}

void effect_add_receipt(struct work *w, struct op *op)
{
	if (!op->changed)
		effect_add_status(w, op, op->row, &op->event->u.status);
}
