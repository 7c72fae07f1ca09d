/* A chat event that is being delivered: its record as it was in Kafka, and the JSON that all its deliveries share, rendered once.
 *
 * Reading and keeping are two steps: no endpoint subscribes to most events, and those then take no memory.
 */
#ifndef WEBHOOK_DISPATCHER_EVENT_H
#define WEBHOOK_DISPATCHER_EVENT_H

#include <sys/queue.h>

#include "kafka/consumer.h"
#include "store/progress.h"
#include "wire/chat_event.h"
#include "wire/records.h"

struct delivery;
TAILQ_HEAD(delivery_list, delivery);

struct event {
	int refs;
	int32_t partition;
	int64_t offset, timestamp_ms;
	struct uuid id, account;
	int64_t message_id; /* of message.created; 0: none */
	enum chat_event_kind kind;
	char type[CHAT_EVENT_TYPE_SIZE];
	char traceparent[80]; /* "traceparent: …"; empty: none */
	struct uuid ordering; /* the ordering key: its conversation, else its account, else its subject */
	struct buf record; /* libs/wire/records.h, one record: for the retry queue and dead letters */
	struct buf body; /* JSON; empty when the event could not be read */

	/* In the window of its partition. The members below keep the partition's offset from advancing past the event. */
	TAILQ_ENTRY(event) in_window;
	int64_t read_mono_ms;
	struct delivery_list deliveries; /* deliveries that are in memory only */
	bool dead; /* its dead letter is not flushed yet */
	int64_t counts_after[OUTCOMES]; /* outcomes of the records after it that do not hold the offset themselves */
};

/* A record that was read, before it is known whether an endpoint subscribes to it. Everything lives in the arena or in the message. */
struct event_record {
	struct record_view view;
	struct chat_event event;
	int32_t partition;
	int64_t offset, timestamp_ms;
	struct uuid only; /* the one endpoint that a replayed dead letter is for; nil: all */
	bool replayed, for_others; /* for_others: another consumer's replay */
};

/* ERR_INPUT with the reason as its code: a dead letter; *out is filled as far as event_keep() needs it. */
int event_read(const struct kafka_message *m, struct arena *a, struct event_record *out, struct err *err) ERR_MUST_USE;
/* A record of the retry queue. */
int event_reread(struct str record, int32_t partition, int64_t offset, int64_t timestamp_ms, struct arena *a,
	struct event_record *out, struct err *err) ERR_MUST_USE;
/* Copies the event, with one reference, the caller's. `render`: also renders it as JSON. */
struct event *event_keep(const struct event_record *r, bool render);
struct event *event_ref(struct event *e);
void event_unref(struct event *e);
size_t event_bytes(const struct event *e);

#endif
