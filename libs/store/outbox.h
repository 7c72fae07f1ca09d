/* The outbox: records of committed transactions that must still be published. One row per (producer, topic, slot,
 * epoch, seq), published in order of epoch and seq within a slot, and deleted once acknowledged. Source:
 * proto/README.md, Delivery.
 *
 *   INSERT in the transaction, COMMIT --> published --> all its records acknowledged --> DELETE
 *                                            ^ after a crash: store_outbox_read() by the next owner, again with the same stamps
 *
 * A slot is a partition of the topic that fences it; a lease has slot 0, without a topic. Rows without a topic were
 * also written by a release that had no such column: they belong to its first topic. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "pg/pg.h"

struct outbox_slot {
	struct str topic; /* full name, borrowed; empty: see above */
	int32_t number;
};

struct outbox_row {
	struct outbox_slot slot;
	int64_t epoch, seq;
	struct str records; /* proto/blazz/v1/outbox.proto */
	int64_t age_ms; /* since its commit, as store_outbox_read() found it; ignored elsewhere */
};

/* Both are started only (pg_start): the next call on the connection returns their failure. */
int store_outbox_put(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;
int store_outbox_delete(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* The rows of these slots, at most `limit`, ordered by the slot's number, epoch, seq, topic, after the given place when
 * `after` is not NULL. Each row is passed to `each`, which copies what it keeps. */
int store_outbox_read(struct pg *pg, const char *producer, const struct outbox_slot *slots, size_t n,
	const struct outbox_row *after, int limit,
	int (*each)(void *ctx, const struct outbox_row *row, struct err *err), void *ctx, struct err *err) ERR_MUST_USE;

/* For blazzctl: the oldest rows of a producer (NULL: all), at most `limit`, ordered. *out is freed with free(). */
struct outbox_info {
	char producer[64], topic[200];
	struct outbox_row row; /* without its records; its slot's topic is the one above */
	int64_t bytes, created_at_us;
};
int store_outbox_list(struct pg *pg, const char *producer, int limit, struct outbox_info **out, size_t *n,
	struct err *err) ERR_MUST_USE;

#endif
