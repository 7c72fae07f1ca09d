/* See publication.h.
 *
 * Records are queued in groups, and librdkafka does not linger. A publication submitted while nothing is in flight is
 * queued in the same turn of the loop; otherwise when everything in flight has been reported, at the latest after
 * GROUP_MS. So a lone publication does not wait, and under load the requests to the broker become fewer and larger.
 */
#include "kafka/publication.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/failpoint.h"

#define GROUP_MS       2
#define STALL_RETRY_MS 20

struct kafka_publications {
	struct kafka_producer *kafka;
	struct loop_io *io;
	struct loop_timer *turn; /* when waiting publications are queued; set while there are any */
	TAILQ_HEAD(, kafka_publication) waiting;
	bool full; /* the producer's queue had no room for the first of them */
};

static void publication_end(struct kafka_publication *pub)
{
	pub->done(pub->ctx, pub->failure.kind == ERR_NONE ? NULL : &pub->failure);
}

static bool is_complete(const struct kafka_publication *pub)
{
	bool all = pub->next == pub->n || pub->failure.kind != ERR_NONE;

	return all && pub->outstanding == 0 && !pub->waiting;
}

static void on_delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct kafka_publication *pub = opaque;

	(void)ctx;
	(void)partition;
	(void)offset;
	pub->outstanding--;
	if (failure && pub->failure.kind == ERR_NONE)
		pub->failure = *failure;
	if (is_complete(pub))
		publication_end(pub);
}

static int record_queue(struct kafka_publication *pub, struct err *err)
{
	struct kafka_record record;

	if (pub->record(pub->ctx, pub->next, &record, err) < 0)
		return -1;
	record.opaque = pub;
	return kafka_produce(pub->line->kafka, &record, err);
}

/* Queues the publication's remaining records. False: the producer's queue is full. */
static bool push(struct kafka_publication *pub)
{
	struct err err;

	while (pub->next < pub->n && pub->failure.kind == ERR_NONE) {
		if (record_queue(pub, &err) == 0) {
			pub->next++;
			pub->outstanding++;
		} else if (err.kind == ERR_BUSY) {
			return false;
		} else {
			pub->failure = err;
		}
	}
	(void)failpoint("publication_queued");
	return true;
}

static void waiting_leave(struct kafka_publications *p, struct kafka_publication *pub)
{
	TAILQ_REMOVE(&p->waiting, pub, link);
	pub->waiting = false;
}

/* Queues publications in order until the producer's queue is full. One that fails before any of its records is in
 * flight gets no report, so that it is completed here. */
static void waiting_push(struct kafka_publications *p)
{
	struct kafka_publication *pub;

	while ((pub = TAILQ_FIRST(&p->waiting)) && push(pub)) {
		waiting_leave(p, pub);
		if (is_complete(pub))
			publication_end(pub);
	}
	p->full = pub != NULL;
	if (p->full)
		loop_timer_set(p->turn, STALL_RETRY_MS);
}

static void turn_came(void *line)
{
	struct kafka_publications *p = line;

	kafka_producer_poll(p->kafka, 0);
	waiting_push(p);
}

static void reports_serve(void *line)
{
	struct kafka_publications *p = line;

	kafka_producer_poll(p->kafka, 0);
	if (p->full || kafka_producer_in_flight(p->kafka) == 0)
		waiting_push(p);
}

void kafka_publication_submit(struct kafka_publications *p, struct kafka_publication *pub)
{
	if (TAILQ_EMPTY(&p->waiting) && kafka_producer_in_flight(p->kafka) > 0)
		loop_timer_set(p->turn, GROUP_MS);
	else if (TAILQ_EMPTY(&p->waiting))
		loop_timer_fire(p->turn);
	TAILQ_INSERT_TAIL(&p->waiting, pub, link);
	pub->line = p;
	pub->waiting = true;
}

bool kafka_publication_abandon(struct kafka_publication *pub)
{
	if (pub->waiting)
		waiting_leave(pub->line, pub);
	if (pub->failure.kind == ERR_NONE)
		err_set(&pub->failure, ERR_RETRY, "abandoned", "the publication was abandoned");
	return pub->outstanding == 0;
}

bool kafka_publications_healthy(const struct kafka_publications *p)
{
	return kafka_producer_healthy(p->kafka);
}

int kafka_publications_open(struct kafka_publications **out, const struct kafka_publications_options *options,
	struct err *err)
{
	struct kafka_publications *p = mem_calloc(1, sizeof(*p));
	const struct kafka_producer_options producer = {
		.config = options->config,
		.client_id = options->client_id,
		.message_timeout_ms = options->message_timeout_ms,
		.max_message_bytes = options->max_message_bytes,
		.grouped = true,
		.delivered = on_delivered,
		.ctx = p,
	};

	TAILQ_INIT(&p->waiting);
	if (kafka_producer_open(&p->kafka, &producer, err) < 0) {
		kafka_publications_close(&p, 0);
		return -1;
	}
	p->turn = loop_timer_new(options->loop, turn_came, p);
	p->io = loop_io_new(options->loop, kafka_producer_fd(p->kafka), true, false, reports_serve, p);
	*out = p;
	return 0;
}

void kafka_publications_close(struct kafka_publications **line, int timeout_ms)
{
	struct kafka_publications *p = *line;

	*line = NULL;
	if (!p)
		return;
	loop_io_free(p->io);
	loop_timer_free(p->turn);
	kafka_producer_close(&p->kafka, timeout_ms);
	free(p);
}
