/* Reads the ledger of erasures (topic erasure) to its end when this replica begins to lead, and adds the erasures that the database lacks: it
 * was restored from a backup that is older than they are. Source: README.md, Erasure.
 *
 * A thread reads, LEDGER_BATCH records at a time, and the main loop writes each batch: neither memory nor a turn grows with the topic. Until the
 * end the job erasure pauses. A failure of Kafka is logged, and the topic is read again from its begin. */
#ifndef CLEANUP_LEDGER_H
#define CLEANUP_LEDGER_H

#include "kafka/topics.h"
#include "worker/lease.h"

#define LEDGER_BATCH 500

struct ledger;

/* config and topics are borrowed. ERR_FATAL. */
int ledger_open(struct ledger **out, const struct kafka_config *config, const struct topic_names *topics,
	struct err *err) ERR_MUST_USE;
void ledger_close(struct ledger **l); /* *l may be NULL; waits for a request in flight, at most 2 s */
/* This replica begins to lead: the topic is read from its begin to its end as of now. */
void ledger_begin(struct ledger *l);
/* Writes a batch that was read, in a transaction of its own. On failure the caller calls lease_fail(), and ledger_begin() follows. */
int ledger_turn(struct ledger *l, struct lease *lease, struct err *err) ERR_MUST_USE;
/* All that it held at the begin is in the database. */
bool ledger_is_read(const struct ledger *l);

#endif
