/* What requests name: workspace, contact or group, and an earlier request of the same id. */
#include "campaign-sender/intake/private.h"

/* The row keeps what is dialled, which later changes of the contact do not change. ERR_INPUT: the contact's addresses are
 * not valid ones. */
static int contact_replace(struct request *r, struct arena *a, struct err *err)
{
	struct send_message *m = ARENA_NEW(a, struct send_message);
	struct buf encoded = { 0 };

	*m = *r->message;
	m->contact = (struct uuid){ 0 };
	m->chat = (struct chat_ref){ .contact = r->reference->party };
	if (!chat_known(&m->chat))
		return 0;
	if (send_message_encode(m, &encoded, err) < 0) {
		buf_fini(&encoded);
		return -1;
	}
	r->message = m;
	r->content = arena_str(a, buf_str(&encoded));
	buf_fini(&encoded);
	return 0;
}

/* False: it became a dead letter, or was made before. */
static bool request_accept(struct intake_work *w, struct request *r)
{
	bool named = !uuid_is_nil(&r->message->contact);
	struct err err;

	if (r->reference->workspace_id == 0) {
		batch_dead_letter(w->tx, r->item, DEAD_UNKNOWN_REFERENCE, "workspace", "no such workspace", true);
		return false;
	}
	if (request_repeats(w, r))
		return false;
	if (named && r->reference->contact_id == 0) {
		batch_dead_letter(w->tx, r->item, DEAD_UNKNOWN_REFERENCE, "contact",
			"the workspace has no such contact", true);
		return false;
	}
	if (named && contact_replace(r, w->arena, &err) < 0) {
		batch_dead_letter(w->tx, r->item, DEAD_RULE, "contact", err.msg, false);
		return false;
	}
	return true;
}

int requests_find(struct intake_work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	struct send_reference *references = ARENA_ARRAY(w->arena, struct send_reference, n);
	struct requests *all = &w->requests;

	for (size_t i = 0; i < n; i++)
		fit_reference(&references[i], items[i]->decoded, w->arena);
	if (store_send_references(w->pg, references, n, w->arena, err) < 0)
		return -1;
	map_clear(w->intake->index);
	all->at = ARENA_ARRAY(w->arena, struct request, n);
	for (size_t i = 0; i < n; i++) {
		struct request *r = &all->at[all->n];

		*r = (struct request){ .item = items[i],
			.message = items[i]->decoded,
			.content = items[i]->message->value,
			.reference = &references[i] };
		all->n += request_accept(w, r);
	}
	return 0;
}
