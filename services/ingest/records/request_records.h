/* The Kafka records of one request: one for each event, then one for each dead letter. Pure. */
#ifndef INGEST_REQUEST_RECORDS_H
#define INGEST_REQUEST_RECORDS_H

#include "ingest/dialects/intake.h"
#include "ingest/records/dead_letters.h"
#include "kafka/topics.h"
#include "wire/cloudevents.h"

/* Everything is borrowed until the last record is built. */
struct request_records {
	const struct topic_names *topics;
	struct inbound_event *const *events;
	const struct str *encoded; /* the same events */
	size_t n_events;
	const struct dead_letter *dead_letters;
	size_t n_dead_letters;
	struct str traceparent;
	struct arena *arena; /* for headers of dead letters */
};

/* Storage for an event's record until it is queued. */
struct record_room {
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	char key[74];
};

#define REQUEST_RECORD_MAX_BYTES (TOPIC_DEAD_LETTER_MAX_BYTES + 64 * 1024) /* plus headers of a dead letter */

/* Fills *out with record i of n_events + n_dead_letters, except its opaque. It points into room, the arena and the
 * borrowed data. */
void request_record(const struct request_records *r, size_t i, struct record_room *room, struct kafka_record *out);

#endif
