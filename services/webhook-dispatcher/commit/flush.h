/* The transaction that writes a journal. While one is being written, the next one fills.
 *
 * Invariant: attempts, rows of the retry queue, positions, dead letters and the offsets that may advance because of them are one commit.
 */
#ifndef WEBHOOK_DISPATCHER_FLUSH_H
#define WEBHOOK_DISPATCHER_FLUSH_H

#include "webhook-dispatcher/intake/readers.h"
#include "worker/owner_tx.h"

struct flush;

struct flush_options {
	const struct dispatcher_settings *settings;
	struct readers *readers;
	struct owner *owner;
	struct owner_tx *tx;
	const char *replica; /* for leases */
};

/* Which due retries are claimed. */
enum flush_claim { CLAIM_NOTHING, CLAIM_KNOWN /* in partitions with rows */, CLAIM_ALL };

/* What the dispatcher does after a flush. */
struct flush_outcome {
	bool rows_released; /* set when the next rows of a chain became due; the reader clears it */
	bool more_due; /* more rows are due than were claimed; unchanged when nothing was claimed */
};

/* options are copied; what they point to is borrowed. */
struct flush *flush_new(const struct flush_options *options);
void flush_free(struct flush *f); /* accepts NULL */
/* Writes the lanes' journal and the progress of the partitions; the lanes fill the other journal from now on. Claims due retries. After any
 * failure the caller calls owner_restart(). */
int flush_write(struct flush *f, enum flush_claim claim, struct flush_outcome *out, struct err *err) ERR_MUST_USE;

#endif
