/* Groups of records to Kafka and back: a publication's records are queued together, and it is done when each of them was reported.
 *
 * What may be in flight is bounded by the producer's queue (queue.buffering.max.messages). A full queue pushes back: what is left waits
 * in line, in order of arrival, and nothing overtakes it. A record that cannot be queued, or that the broker refuses, fails its
 * publication alone: nothing more of it is queued, and what is in flight is still waited for. Nothing is sent again here: the failure's
 * kind tells the owner whether to (kafka/producer.h).
 *
 * Invariant: done() runs exactly once for what was submitted, after the last report; without a failure it means that Kafka acknowledged
 * every record.
 */
#ifndef KAFKA_PUBLICATION_H
#define KAFKA_PUBLICATION_H

#include <sys/queue.h>

#include "kafka/producer.h"
#include "loop/loop.h"

struct kafka_publications;

/* The owner's memory until done(), or until kafka_publication_abandon() returned true. */
struct kafka_publication {
	size_t n; /* records; at least one */
	/* Makes record i, all but its opaque: asked for in order, once or, when the queue is full, again. What it points to is needed until
	 * the next call for any publication of the line. A failure fails the publication. */
	int (*record)(void *ctx, size_t i, struct kafka_record *out, struct err *err);
	void (*done)(void *ctx, const struct err *failure); /* NULL: all is acknowledged; else the first failure */
	void *ctx;

	/* The line's. */
	TAILQ_ENTRY(kafka_publication) link;
	struct kafka_publications *line;
	size_t next, outstanding;
	bool waiting;
	struct err failure;
};

struct kafka_publications_options {
	struct loop *loop;
	const struct kafka_config *config;
	const char *client_id;
	int message_timeout_ms; /* below the deadline of what waits for done() */
	int64_t max_message_bytes; /* 0: 1,000,000 */
};

int kafka_publications_open(struct kafka_publications **out, const struct kafka_publications_options *options,
	struct err *err) ERR_MUST_USE;
/* Waits at most timeout_ms for what is in flight; done() runs for it. */
void kafka_publications_close(struct kafka_publications **line, int timeout_ms);
bool kafka_publications_healthy(const struct kafka_publications *p);

/* Returns at once; done() runs later, never from here. */
void kafka_publication_submit(struct kafka_publications *p, struct kafka_publication *pub);
/* Queues nothing more of it. True: nothing is in flight, and done() will not run; false: it still will, with a failure. */
bool kafka_publication_abandon(struct kafka_publication *pub);

#endif
