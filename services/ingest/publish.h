/* From one request's events and dead letters to Kafka and back: everything is queued at once, and it is done when every
 * record was reported.
 *
 * A full queue pushes back: what is left waits in line, in order of arrival, and nothing overtakes it. Invariant: done() runs
 * exactly once for what was submitted, after the last report; without a failure it means that Kafka acknowledged everything.
 */
#ifndef INGEST_PUBLISH_H
#define INGEST_PUBLISH_H

#include <sys/queue.h>

#include "ingest/dead_letters.h"
#include "ingest/dialects/intake.h"
#include "loop/loop.h"

struct publisher;
struct topic_names;

/* The owner's memory until done(); everything it points to is needed only until then, or until publication_abandon(). */
struct publication {
	struct inbound_event *const *events;
	const struct str *records; /* the same events, encoded */
	size_t n_events;
	const struct dead_letter *letters;
	size_t n_letters;
	struct str traceparent;
	struct arena *arena; /* for headers of dead letters */
	void (*done)(void *ctx, const struct err *failure); /* NULL: all is acknowledged */
	void *ctx;

	/* The publisher's. */
	TAILQ_ENTRY(publication) link;
	struct publisher *publisher;
	size_t next, outstanding;
	bool waiting;
	struct err failure;
};

/* topics: borrowed. */
int publisher_open(struct publisher **out, struct loop *loop, const struct kafka_config *config,
	const struct topic_names *topics, int message_timeout_ms, struct err *err) ERR_MUST_USE;
/* Waits at most timeout_ms for what is in flight; done() runs for it. */
void publisher_close(struct publisher **publisher, int timeout_ms);
bool publisher_healthy(const struct publisher *p);

/* Returns at once; done() runs later, never from here. At least one record. */
void publisher_submit(struct publisher *p, struct publication *pub);
/* Queues nothing more of it. True: nothing is in flight, and done() will not run; false: it still will, with a failure. */
bool publication_abandon(struct publication *pub);

#endif
