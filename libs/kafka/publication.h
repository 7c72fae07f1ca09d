/* Publishes groups of records: the records of a publication are queued together, and it is done when each of them has
 * been reported.
 *
 * The producer's queue (queue.buffering.max.messages) bounds the records in flight. When it is full, the remaining
 * records wait in the line, in order of submission, and nothing overtakes them. A record that cannot be queued, or that
 * the broker rejects, fails only its own publication: no further record of it is queued, and done() still waits for
 * those in flight. Nothing is retried here: the failure's kind tells the owner whether a retry can help
 * (kafka/producer.h).
 *
 * Invariant: done() runs exactly once for a submitted publication, after the last report; without a failure it means
 * that Kafka acknowledged every record.
 */
#ifndef KAFKA_PUBLICATION_H
#define KAFKA_PUBLICATION_H

#include <sys/queue.h>

#include "kafka/producer.h"
#include "loop/loop.h"

struct kafka_publications;

/* Owned by the caller, and kept in place until done() runs or kafka_publication_abandon() has returned true. */
struct kafka_publication {
	size_t n; /* records; at least one */
	/* Fills record i except its opaque. Called in order, and again for a record that found the queue full. What the
	 * record points to must stay valid until the next call for any publication of the line. A failure fails the
	 * publication. */
	int (*record)(void *ctx, size_t i, struct kafka_record *out, struct err *err);
	void (*done)(void *ctx,
		const struct err *failure); /* NULL: all records are acknowledged; otherwise the first failure */
	void *ctx;

	/* Private to the line. */
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
/* Waits at most timeout_ms for records in flight; done() runs for their publications. */
void kafka_publications_close(struct kafka_publications **line, int timeout_ms);
bool kafka_publications_healthy(const struct kafka_publications *p);

/* Returns at once; done() runs later, never from here. */
void kafka_publication_submit(struct kafka_publications *p, struct kafka_publication *pub);
/* Queues no further record of it. True: no record is in flight, and done() will not run; false: done() still runs, with
 * a failure. */
bool kafka_publication_abandon(struct kafka_publication *pub);

#endif
