/* Effects: the ChatEvents that a batch publishes. They are added while ops are folded and rows written, numbered per conversation in the
 * order of arrival, then encoded and put into the outbox.
 *
 * Invariant: effects are numbered before conversations are written, and none is added after that.
 */
#ifndef CHAT_SYNC_EFFECT_H
#define CHAT_SYNC_EFFECT_H

#include "chat-sync/work.h"

/* A ChatEvent that will be published, still without id, sequence and source. */
struct effect {
	struct op *op;
	size_t index; /* in the order of effect_new() */
	struct uuid subject; /* the row that it is about */
	struct conversation *conversation; /* NULL: keyed by account */
	const struct contact *contact; /* contact.*: the event has its state at the end of the batch */
	struct chat_event event;
};

/* Adds an effect of the op. One inbound event causes at most one event of each kind about a subject: a second call returns the first effect. */
struct effect *effect_new(struct work *w, struct op *op, struct conversation *v, enum chat_event_kind kind,
	const struct uuid *subject);
/* Adds a word to an event's list of changed parts, once. */
void changed_add(struct work *w, struct str **changed, size_t *n, const char *what);
struct contact_view contact_view(const struct contact *c);
struct group_view group_view(const struct group *g);
/* In order of arrival, per conversation. */
void effects_assign_sequences(struct work *w);
int effects_emit(struct work *w, struct err *err) ERR_MUST_USE;
/* Encodes an event whose id and time are set, and puts it into the outbox slot of the partition. */
int event_emit(struct work *w, struct topic_partition partition, struct chat_event *e, struct str traceparent,
	struct err *err) ERR_MUST_USE;

#endif
