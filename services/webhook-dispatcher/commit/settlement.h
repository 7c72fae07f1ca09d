/* The transaction that writes a journal. While one is being written, the next one fills.
 *
 * Invariant: attempts, rows of the retry queue, positions, dead letters and the offsets that all of these let pass are one commit.
 */
#ifndef WEBHOOK_DISPATCHER_SETTLEMENT_H
#define WEBHOOK_DISPATCHER_SETTLEMENT_H

#include "webhook-dispatcher/intake/readers.h"

struct settlement;

struct settlement_options {
	const struct dispatcher_settings *settings;
	struct readers *readers;
	struct owner *owner;
	struct owner_tx *tx;
	const char *replica; /* for leases */
};

/* What is claimed of due retries. */
enum settlement_claim { CLAIM_NOTHING, CLAIM_KNOWN /* in partitions with rows */, CLAIM_ALL };

/* What it leads to. */
struct settlement_outcome {
	bool rows_released; /* set: the next ones of a chain are due now; its reader clears it */
	bool more_due; /* than were claimed; stays as it was when nothing was claimed */
};

/* options are copied, with what they point to borrowed. */
struct settlement *settlement_new(const struct settlement_options *options);
void settlement_free(struct settlement *s); /* accepts NULL */
/* Writes what the lanes' journal holds, with whatever moved in the partitions; another one fills from now on. Claims due retries. *out gets
 * what this one led to. Any failure: owner_restart(). */
int settlement_write(struct settlement *s, enum settlement_claim claim, struct settlement_outcome *out,
	struct err *err) ERR_MUST_USE;

#endif
