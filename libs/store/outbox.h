/* What transactions decided and must still be published. One row per (producer, slot, epoch, seq), published in that order and
 * deleted once acknowledged. Source: proto/README.md, Delivery. */
#ifndef STORE_OUTBOX_H
#define STORE_OUTBOX_H

#include "pg/pg.h"

struct outbox_row {
	int32_t slot;
	int64_t epoch, seq;
	struct str records; /* proto/blazz/v1/outbox.proto */
	int64_t age_ms; /* since its commit, as outbox_read() found it; ignored elsewhere */
};

/* Both are started only (pg_start): what comes next on the connection says how they went. */
int outbox_put(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;
int outbox_delete(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* The rows of these slots, at most `limit`, ordered by slot, epoch, seq, after the given (slot, epoch, seq) when `after` is not
 * NULL. Each row is passed to `each`, which copies what it keeps. */
int outbox_read(struct pg *pg, const char *producer, const int32_t *slots, size_t n, const struct outbox_row *after,
	int limit, int (*each)(void *ctx, const struct outbox_row *row, struct err *err), void *ctx,
	struct err *err) ERR_MUST_USE;

/* For blazzctl: the oldest rows of a producer (NULL: all), at most `limit`, ordered. *out is freed with free(). */
struct outbox_info {
	char producer[64];
	struct outbox_row row; /* without its records */
	int64_t bytes, created_at_us;
};
int outbox_list(struct pg *pg, const char *producer, int limit, struct outbox_info **out, size_t *n,
	struct err *err) ERR_MUST_USE;

#endif
