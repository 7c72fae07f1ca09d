/* The transaction that writes a journal. While one is being written, the next one fills.
 *
 * Invariant: attempts, rows of the retry queue, positions, dead letters and the offsets that all of these let pass are one commit.
 */
#ifndef WEBHOOK_DISPATCHER_FLUSH_H
#define WEBHOOK_DISPATCHER_FLUSH_H

#include "webhook-dispatcher/intake/readers.h"

struct flush;

struct flush_options {
	const struct dispatcher_settings *settings;
	struct readers *readers;
	struct owner *owner;
	struct owner_tx *tx;
	const char *replica; /* for leases */
};

/* What is claimed of due retries. */
enum flush_claim { CLAIM_NOTHING, CLAIM_KNOWN /* in partitions with rows */, CLAIM_ALL };

/* What it leads to. */
struct flush_outcome {
	bool rows_released; /* set: the next ones of a chain are due now; its reader clears it */
	bool more_due; /* than were claimed; stays as it was when nothing was claimed */
};

/* options are copied, with what they point to borrowed. */
struct flush *flush_new(const struct flush_options *options);
void flush_free(struct flush *f); /* accepts NULL */
/* Writes what the lanes' journal holds, with whatever moved in the partitions; another one fills from now on. Claims due retries. *out gets
 * what this one led to. Any failure: owner_restart(). */
int flush_write(struct flush *f, enum flush_claim claim, struct flush_outcome *out, struct err *err) ERR_MUST_USE;

#endif
