/* Dead letters of bodies and items, as records of <prefix>.http.v1.ingest.dlq: the bytes, and headers with the route
 * and the reason (README.md, Answers). Pure. */
#ifndef INGEST_DEAD_LETTERS_H
#define INGEST_DEAD_LETTERS_H

#include "base/arena.h"
#include "base/dead_reason.h"
#include "base/uuid.h"
#include "kafka/producer.h"

struct dead_letter {
	struct uuid workspace, account; /* nil: not known */
	struct str route; /* the path it was posted to: a replay runs that route's parser again */
	struct str path, message; /* where in the body, and what is wrong; never quotes the body */
	enum dead_reason reason;
	struct str body; /* secrets removed where it is JSON */
	struct str traceparent;
	int64_t failed_at_ms;
};

#define DEAD_LETTER_MAX_BYTES (4 * 1024 * 1024 - 64 * 1024) /* beyond: truncated, flagged and hashed in the headers */

/* Fills the record except for its topic. Its bytes are in the arena or borrowed from d. */
void dead_letter_record(const struct dead_letter *d, struct arena *a, struct kafka_record *out);

#endif
