/* A chunk of an audience, read and composed: the recipients that are written next, or a sample by which a campaign is
 * validated. */
#ifndef CAMPAIGN_SENDER_CHUNK_H
#define CAMPAIGN_SENDER_CHUNK_H

#include "base/buf.h"
#include "campaign-sender/driver/plan.h"

#define CHUNK_MAX_BYTES (8 << 20) /* of content: a chunk ends with the message that passes it */
#define CHUNK_REASONS   16

struct chunk_reason {
	struct str reason; /* "opted_out", ... */
	struct str variable; /* the first one that was missing */
	size_t n;
};

struct chunk {
	struct campaign_recipient *rows; /* those that are excluded are not among them; content is in `content` */
	size_t n, sendable;
	struct str cursor; /* behind the last member that was read */
	bool is_last; /* nothing is behind it */
	struct chunk_reason reasons[CHUNK_REASONS]; /* why others are skipped */
	size_t n_reasons;
	struct buf content;
};

/* The next members behind `cursor`, at most `limit`; strings are in the transaction's arena. Without a composition
 * nothing is composed, and each member that is not skipped counts as sendable. The caller calls chunk_fini(), also after a failure. */
int chunk_read(struct chunk *c, const struct driving *w, const struct plan *p, struct str cursor, int limit,
	struct err *err) ERR_MUST_USE;
void chunk_fini(struct chunk *c);

#endif
