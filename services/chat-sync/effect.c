/* See effect.h. */
#include "chat-sync/effect.h"

#include "wire/cloudevents.h"

#include <stdlib.h>

struct contact_view contact_view(const struct contact *c)
{
	return (struct contact_view){ c->row.uuid, c->row.full_name, c->row.phone };
}

struct group_view group_view(const struct group *g)
{
	return (struct group_view){ g->row.uuid, g->row.jid, g->row.name, g->row.participants_count };
}

struct effect *effect_new(struct work *w, struct op *op, struct conversation *v, enum chat_event_kind kind,
	const struct uuid *subject)
{
	/* The parts of the event's id, which is derived only when the event is encoded. */
	const struct {
		struct uuid event, subject;
		int64_t kind;
	} key = { op->event->id, *subject, kind };
	struct effect *e = ARENA_NEW(w->arena, struct effect);
	void **same;

	e->op = op;
	e->index = w->effects.n;
	e->subject = *subject;
	e->conversation = v;
	e->event.kind = kind;
	e->event.workspace = op->account->row.workspace;
	e->event.account = op->account->row.uuid;
	e->event.provider = op->account->row.provider;
	e->event.origin = op->origin;
	e->event.occurred_at_ms = op->time_us / 1000;
	if (v)
		e->event.conversation = v->row.uuid;
	op->changed = true;
	same = map_slot(w->effect_keys, (struct str){ (const char *)&key, sizeof(key) });
	if (*same)
		return *same;
	*same = e;
	*LIST_ADD(w, &w->effects) = e;
	return e;
}

void changed_add(struct work *w, struct str **changed, size_t *n, const char *what)
{
	struct str *grown = ARENA_ARRAY(w->arena, struct str, *n + 1);

	for (size_t i = 0; i < *n; i++) {
		if (str_is((*changed)[i], what))
			return;
		grown[i] = (*changed)[i];
	}
	grown[(*n)++] = str_of(what);
	*changed = grown;
}

static int effect_cmp(const void *a, const void *b)
{
	const struct effect *x = *(struct effect *const *)a, *y = *(struct effect *const *)b;

	if (x->op->order != y->op->order)
		return x->op->order < y->op->order ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

void effects_assign_sequences(struct work *w)
{
	if (w->effects.n > 0)
		qsort(w->effects.at, w->effects.n, sizeof(*w->effects.at), effect_cmp);
	for (size_t i = 0; i < w->effects.n; i++) {
		struct effect *e = w->effects.at[i];

		if (!e->conversation)
			continue;
		e->event.sequence = ++e->conversation->row.sequence;
		conversation_touch(w, e->conversation);
	}
}

static void conversation_fill(struct effect *e)
{
	const struct conversation_row *v = &e->conversation->row;

	e->event.u.conversation_updated.unread = v->unread;
	e->event.u.conversation_updated.last_read_at_ms = v->last_read_us == PG_NO_TIME ? 0 : v->last_read_us / 1000;
	e->event.u.conversation_updated.archived = v->archived;
}

int event_emit(struct work *w, struct topic_partition partition, struct chat_event *e, struct str traceparent,
	struct err *err)
{
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	char key[74];
	size_t n;

	e->source = owner_tx_source(w->tx, partition);
	buf_clear(w->scratch);
	if (chat_event_encode(e, w->scratch, err) < 0)
		return -1;
	chat_event_key(e, key);
	n = cloudevents_headers(headers, &storage, &e->id, "chat_event", chat_event_type(e->kind), STR("chat-sync"),
		e->occurred_at_ms, traceparent);
	owner_tx_emit(w->tx, partition, str_of(w->chat_event_topic), str_of(key), buf_str(w->scratch), headers, n);
	return 0;
}

/* A contact is created once, and which of a batch's events shows it first depends on the batch: its own id is the same when events are read again. */
static const struct uuid *cause_of(const struct effect *e)
{
	return e->event.kind == CE_CONTACT_CREATED ? &e->subject : &e->op->event->id;
}

static int effect_emit(struct work *w, struct effect *e, struct err *err)
{
	const struct batch_item *item = e->op->item;

	if (e->event.kind == CE_CONVERSATION_UPDATED)
		conversation_fill(e);
	if (e->contact)
		e->event.u.contact_changed.contact = contact_view(e->contact);
	chat_event_derive_id(&e->event, cause_of(e), &e->subject);
	return event_emit(w, op_partition(w, e->op), &e->event, item ? item->traceparent : STR_NONE, err);
}

int effects_emit(struct work *w, struct err *err)
{
	for (size_t i = 0; i < w->effects.n; i++)
		if (effect_emit(w, w->effects.at[i], err) < 0)
			return -1;
	return 0;
}
