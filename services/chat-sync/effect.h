/* What tenants are told: noted while ops are folded and rows written, numbered per conversation in the order of arrival, then encoded and
 * given to the outbox.
 *
 * Invariant: effects are numbered before conversations are written, and nothing notes one after that.
 */
#ifndef CHAT_SYNC_EFFECT_H
#define CHAT_SYNC_EFFECT_H

#include "chat-sync/work.h"

/* A ChatEvent that will be published, still without id, sequence and source. */
struct effect {
	struct op *op;
	size_t index; /* of noting */
	struct uuid subject; /* what it is about */
	struct conversation *conversation; /* NULL: keyed by account */
	const struct contact *contact; /* contact.*: shown as it is when the event is sent */
	struct chat_event event;
};

/* One event may say only one thing of each kind about a subject: the same again is the effect that is there already. */
struct effect *effect_new(struct work *w, struct op *op, struct conversation *v, enum chat_event_kind kind,
	const struct uuid *subject);
/* Adds a word to an event's list of what changed, once. */
void changed_add(struct work *w, struct str **changed, size_t *n, const char *what);
struct contact_view contact_view(const struct contact *c);
struct group_view group_view(const struct group *g);
void effects_assign_sequences(struct work *w); /* in order of arrival, per conversation */
int effects_emit(struct work *w, struct err *err) ERR_MUST_USE;
/* One event into the outbox slot of the partition; its id and time are set. */
int event_emit(struct work *w, struct topic_partition partition, struct chat_event *e, struct str traceparent,
	struct err *err) ERR_MUST_USE;

#endif
