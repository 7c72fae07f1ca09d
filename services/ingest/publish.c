/* Publishing; see publish.h.
 *
 * Records are queued in groups, and librdkafka waits for no more: what comes while nothing is in flight goes in the same
 * round of the loop, else when everything in flight was reported, at the latest after GROUP_MS. So a lone request waits for nothing, and the
 * busier it is, the fewer and larger the requests to the broker.
 */
#include "ingest/publish.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "kafka/topics.h"
#include "wire/cloudevents.h"

#define GROUP_MS       2
#define STALL_RETRY_MS 20
#define RECORD_MAX     (TOPIC_DEAD_LETTER_MAX_BYTES + 64 * 1024) /* headers of a dead letter */

struct publisher {
	struct kafka_producer *kafka;
	struct loop_io *io;
	struct loop_timer *turn; /* of those who wait, set while there are any */
	TAILQ_HEAD(, publication) waiting;
	bool full; /* the first of them found no room */
	const struct topic_names *topics;
};

static void publication_end(struct publication *pub)
{
	pub->done(pub->ctx, pub->failure.kind == ERR_NONE ? NULL : &pub->failure);
}

static bool is_complete(const struct publication *pub)
{
	bool all = pub->next == pub->n_events + pub->n_letters || pub->failure.kind != ERR_NONE;

	return all && pub->outstanding == 0 && !pub->waiting;
}

static void on_delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct publication *pub = opaque;

	(void)ctx;
	(void)partition;
	(void)offset;
	pub->outstanding--;
	if (failure && pub->failure.kind == ERR_NONE)
		pub->failure = *failure;
	if (is_complete(pub))
		publication_end(pub);
}

/* A live event waits behind no other kind (proto/README.md, the table of topics). */
static enum topic topic_of(const struct inbound_event *e)
{
	return e->origin == ORIGIN_HISTORY || e->origin == ORIGIN_SYNC ? TOPIC_INBOUND_BULK : TOPIC_INBOUND;
}

static int event_produce(struct publication *pub, size_t i, struct err *err)
{
	const struct inbound_event *e = pub->events[i];
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	struct kafka_record record = {
		.topic = pub->publisher->topics->of[topic_of(e)],
		.partition = KAFKA_ANY_PARTITION,
		.value = pub->records[i],
		.headers = headers,
		.opaque = pub,
	};
	char key[74];

	inbound_key(e, key);
	record.key = str_of(key);
	record.headers_count = cloudevents_headers(headers, &storage, &e->id, "inbound", inbound_kind_word(e->kind),
		STR("ingest"), inbound_time_ms(e), pub->traceparent);
	return kafka_produce(pub->publisher->kafka, &record, err);
}

static int letter_produce(struct publication *pub, size_t i, struct err *err)
{
	struct kafka_record record;

	dead_letter_record(&pub->letters[i], pub->arena, &record);
	record.topic = pub->publisher->topics->of[TOPIC_HTTP_INGEST_DLQ];
	record.opaque = pub;
	return kafka_produce(pub->publisher->kafka, &record, err);
}

static int record_produce(struct publication *pub, struct err *err)
{
	size_t i = pub->next;

	if (failpoint("ingest_produce"))
		return err_set(err, ERR_RETRY, "failpoint", "ingest_produce");
	return i < pub->n_events ? event_produce(pub, i, err) : letter_produce(pub, i - pub->n_events, err);
}

/* Queues what is left. False: the queue is full. */
static bool push(struct publication *pub)
{
	struct err err;

	while (pub->next < pub->n_events + pub->n_letters && pub->failure.kind == ERR_NONE) {
		if (record_produce(pub, &err) == 0) {
			pub->next++;
			pub->outstanding++;
		} else if (err.kind == ERR_BUSY) {
			return false;
		} else {
			pub->failure = err;
		}
	}
	(void)failpoint("ingest_produced");
	return true;
}

static void waiting_leave(struct publisher *p, struct publication *pub)
{
	TAILQ_REMOVE(&p->waiting, pub, link);
	pub->waiting = false;
}

/* In line, until the queue is full. What fails before anything of it is in flight has no report to end with: it ends here. */
static void waiting_push(struct publisher *p)
{
	struct publication *pub;

	while ((pub = TAILQ_FIRST(&p->waiting)) && push(pub)) {
		waiting_leave(p, pub);
		if (is_complete(pub))
			publication_end(pub);
	}
	p->full = pub != NULL;
	if (p->full)
		loop_timer_set(p->turn, STALL_RETRY_MS);
}

static void turn_came(void *publisher)
{
	struct publisher *p = publisher;

	kafka_producer_poll(p->kafka, 0);
	waiting_push(p);
}

static void reports_take(void *publisher)
{
	struct publisher *p = publisher;

	kafka_producer_poll(p->kafka, 0);
	if (p->full || kafka_producer_in_flight(p->kafka) == 0)
		waiting_push(p);
}

void publisher_submit(struct publisher *p, struct publication *pub)
{
	if (TAILQ_EMPTY(&p->waiting) && kafka_producer_in_flight(p->kafka) > 0)
		loop_timer_set(p->turn, GROUP_MS);
	else if (TAILQ_EMPTY(&p->waiting))
		loop_timer_fire(p->turn);
	TAILQ_INSERT_TAIL(&p->waiting, pub, link);
	pub->publisher = p;
	pub->waiting = true;
}

bool publication_abandon(struct publication *pub)
{
	if (pub->waiting)
		waiting_leave(pub->publisher, pub);
	if (pub->failure.kind == ERR_NONE)
		err_set(&pub->failure, ERR_RETRY, "abandoned", "nobody waits for it any more");
	return pub->outstanding == 0;
}

bool publisher_healthy(const struct publisher *p)
{
	return kafka_producer_healthy(p->kafka);
}

int publisher_open(struct publisher **out, struct loop *loop, const struct kafka_config *config,
	const struct topic_names *topics, int message_timeout_ms, struct err *err)
{
	struct publisher *p = mem_calloc(1, sizeof(*p));
	const struct kafka_producer_options options = {
		.config = config,
		.client_id = "blazz-ingest",
		.message_timeout_ms = message_timeout_ms,
		.max_message_bytes = RECORD_MAX,
		.grouped = true,
		.delivered = on_delivered,
		.ctx = p,
	};

	p->topics = topics;
	TAILQ_INIT(&p->waiting);
	if (kafka_producer_open(&p->kafka, &options, err) < 0) {
		publisher_close(&p, 0);
		return -1;
	}
	p->turn = loop_timer_new(loop, turn_came, p);
	p->io = loop_io_new(loop, kafka_producer_fd(p->kafka), true, false, reports_take, p);
	*out = p;
	return 0;
}

void publisher_close(struct publisher **publisher, int timeout_ms)
{
	struct publisher *p = *publisher;

	*publisher = NULL;
	if (!p)
		return;
	loop_io_free(p->io);
	loop_timer_free(p->turn);
	kafka_producer_close(&p->kafka, timeout_ms);
	free(p);
}
