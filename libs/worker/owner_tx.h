/* One transaction over some of an owner's partitions (owner.h).
 *
 *   owner_tx_include() ──► owner_tx_begin() ──► statements on owner_tx_pg(), emit, advance ──► owner_tx_commit()
 *        ▲                                                        │ any failure
 *        └───── later ◄── owner_restart() ◄── owner_tx_reset() ◄──┘
 *
 * Invariant: an advance, the rows that the service writes and the records that it emits are all in one commit, or none
 * of them is; and none is when another replica has acquired one of the partitions.
 */
#ifndef WORKER_OWNER_TX_H
#define WORKER_OWNER_TX_H

#include "worker/owner.h"

#include "base/dead_reason.h"
#include "wire/records.h"
#include "wire/source.h"

/* Reusable; memory is kept until the reset. An owner has at most one transaction open at a time. */
struct owner_tx;
struct owner_tx *owner_tx_new(struct owner *o);
void owner_tx_free(struct owner_tx *tx); /* accepts NULL */
void owner_tx_reset(struct owner_tx *tx); /* empties it, and rolls back an open transaction */

/* Before owner_tx_begin(): adds the partition to the transaction. ERR_FENCED when this replica does not own it (any
 * more). */
int owner_tx_include(struct owner_tx *tx, struct topic_partition partition, struct err *err) ERR_MUST_USE;
int owner_tx_include_all(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* BEGIN, locks and checks the progress of the included partitions (at least one), deletes acknowledged outbox rows.
 * ERR_FENCED when another owner has raised an epoch; ERR_RETRY "reset" when blazzctl has moved a partition that
 * follows: owner_restart() then reads the new offset. */
int owner_tx_begin(struct owner_tx *tx, struct err *err) ERR_MUST_USE;
/* Rolls back: drops what was emitted and advanced; the partitions stay included, and the arena keeps its contents. */
void owner_tx_rollback(struct owner_tx *tx);
struct pg *owner_tx_pg(struct owner_tx *tx);
struct arena *owner_tx_arena(struct owner_tx *tx); /* until the reset */
/* Advances the partition to next_offset; counts are the outcomes of the offsets since the last call. When the consumer
 * begins with this partition, first_offset is stored as the offset where it began. */
void owner_tx_advance(struct owner_tx *tx, struct topic_partition partition, int64_t first_offset, int64_t next_offset,
	const int64_t counts[static OUTCOMES]);
/* The partition's next offset as advanced in this transaction, else as committed; or PROGRESS_NO_OFFSET. */
int64_t owner_tx_offset(const struct owner_tx *tx, struct topic_partition partition);
/* The stamp of the next record emitted for this partition, which is included; owner_tx_emit() consumes it. */
struct event_source owner_tx_source(struct owner_tx *tx, struct topic_partition partition);
/* Adds one record to the outbox row of the partition's fence: it is published after the commit, to `topic`. Everything
 * is copied. */
void owner_tx_emit(struct owner_tx *tx, struct topic_partition partition, struct str topic, struct str key,
	struct str value, const struct header *headers, size_t n_headers);
/* A dead letter: the record that failed. */
struct dead_record {
	struct topic_partition partition;
	int64_t offset, timestamp_ms;
	struct str key, value;
	const struct header *headers; /* the record's own */
	size_t n_headers;
	const struct header *extra; /* the service's, of this failure: their names begin with "x-dlq-" */
	size_t n_extra;
};
/* Emits a dead letter to the dead-letter topic of the record's topic. code (SQLSTATE, ...) and message are for
 * operators; retryable: a replay may succeed. */
void owner_tx_dead_record(struct owner_tx *tx, const struct dead_record *record, enum dead_reason reason,
	const char *code, const char *message, bool retryable);
/* The same for a message that came from this owner. */
void owner_tx_dead_message(struct owner_tx *tx, const struct kafka_message *m, enum dead_reason reason,
	const char *code, const char *message, bool retryable);
/* A savepoint of what was emitted: undo drops what was emitted after the mark. The caller sets PostgreSQL's own. */
void owner_tx_mark(struct owner_tx *tx);
void owner_tx_undo(struct owner_tx *tx);
/* True when the transaction has emitted, advanced and deleted nothing: unless the service has changed rows, there is
 * nothing to commit. */
bool owner_tx_is_empty(const struct owner_tx *tx);
/* Writes progress and the outbox row and commits; then the records are published. After any failure the caller calls
 * owner_tx_reset() and owner_restart(). With code "unknown" it may have committed: acquiring the partitions again reads
 * the outcome. */
int owner_tx_commit(struct owner_tx *tx, struct err *err) ERR_MUST_USE;

#endif
