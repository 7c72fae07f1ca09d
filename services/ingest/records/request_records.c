/* The Kafka records of a request; see request_records.h. Invariant: only live events go to the live topic. */
#include "ingest/records/request_records.h"

/* Live events have a topic of their own, so that they do not wait behind syncs (proto/README.md, the table of
 * topics). */
static enum topic topic_of(const struct inbound_event *e)
{
	return e->origin == ORIGIN_HISTORY || e->origin == ORIGIN_SYNC ? TOPIC_INBOUND_BULK : TOPIC_INBOUND;
}

static void event_record(const struct request_records *r, size_t i, struct record_room *room, struct kafka_record *out)
{
	const struct inbound_event *e = r->events[i];

	inbound_key(e, room->key);
	*out = (struct kafka_record){
		.topic = r->topics->of[topic_of(e)],
		.partition = KAFKA_ANY_PARTITION,
		.key = str_of(room->key),
		.value = r->encoded[i],
		.headers = room->headers,
		.headers_count = cloudevents_headers(room->headers, &room->storage, &e->id, "inbound",
			inbound_kind_word(e->kind), STR("ingest"), inbound_time_ms(e), r->traceparent),
	};
}

void request_record(const struct request_records *r, size_t i, struct record_room *room, struct kafka_record *out)
{
	if (i < r->n_events) {
		event_record(r, i, room, out);
		return;
	}
	dead_letter_record(&r->dead_letters[i - r->n_events], r->arena, out);
	out->topic = r->topics->of[TOPIC_HTTP_INGEST_DLQ];
}
