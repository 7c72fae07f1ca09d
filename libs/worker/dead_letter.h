/* Dead letters: the original key, bytes and headers, plus headers that say what failed and where. Pure.
 *
 * Headers of the latest failure have Kafka's names (KIP-1191); those of the first failure have names of Blazz
 * (proto/README.md).
 */
#ifndef WORKER_DEAD_LETTER_H
#define WORKER_DEAD_LETTER_H

#include "base/arena.h"
#include "base/dead_reason.h"
#include "wire/records.h"

struct failure {
	struct str topic;
	int32_t partition;
	int64_t offset, timestamp_ms, failed_at_ms;
	const char *group, *service;
	enum dead_reason reason;
	const char *code, *message;
	bool retryable;
	const struct header *extra; /* headers of the service, whose names begin with "x-dlq-" */
	size_t n_extra;
};

/* Allocates the dead letter's headers in the arena: the original's without those of an earlier failure, then those of
 * this failure, then the service's. x-dlq-first-* of an earlier failure are kept; __dlq.errors.delivery.count is one
 * more than before; at most
 * RECORD_HEADERS_MAX in all (the original's are kept first). */
struct header *dead_letter_headers(const struct failure *f, const struct header *original, size_t n_original,
	struct arena *a, size_t *n_out);

/* Whether a record is meant for another consumer: x-replay-for names one and it is not `consumer`. */
bool replay_is_for_other(const struct header *headers, size_t n, const char *consumer);

#endif
