/* Publishes committed outbox rows in order per slot; a row is deleted only after all of its records are acknowledged. A
 * slot is a partition of one of the owner's topics.
 *
 * Rows are kept in memory until then. When the producer fails records in flight (it was reopened), the slot's rows are
 * published again from the first that is not acknowledged: at least once, in order, with the same stamps.
 *
 * A record that the broker rejects repeatedly blocks its slot, and only that: the slot's rows wait in the outbox, are
 * read again for each further attempt (up to half a minute apart), and are published when the broker accepts the record
 * or an operator has dropped its row.
 */
#ifndef WORKER_PUBLISHER_H
#define WORKER_PUBLISHER_H

#include "kafka/partition.h"
#include "kafka/producer.h"
#include "store/outbox.h"

struct publisher;

int publisher_open(struct publisher **out, const struct kafka_config *config, const char *client_id,
	int64_t max_message_bytes, struct err *err) ERR_MUST_USE;
/* Called for each row that is acknowledged, in order per slot, inside publisher_poll(). */
void publisher_notify(struct publisher *p,
	void (*acknowledged)(void *ctx, struct topic_partition slot, int64_t epoch, int64_t seq), void *ctx);
/* Waits at most timeout_ms for acknowledgements. */
void publisher_close(struct publisher **p, int timeout_ms);

/* Adds a row and takes ownership of the bytes of its records. topic is that of the outbox row, borrowed for as long as
 * the publisher lives; age_ms is the time since its commit. Rows of one slot must be added in order; one that is
 * already in memory is ignored. When the slot is full, this row and later ones stay in the outbox until
 * publisher_adopt_begin(). */
void publisher_add(struct publisher *p, struct topic_partition slot, struct str topic, int64_t epoch, int64_t seq,
	int64_t age_ms, struct buf *records);
/* Passes records to the producer until its queue is full, and serves its reports. Never blocks longer than
 * timeout_ms. */
void publisher_poll(struct publisher *p, int timeout_ms);
/* Drops all rows from memory (another owner publishes those left in the outbox). */
void publisher_discard_all(struct publisher *p);
/* Called before and after the slot's rows are read from the outbox. Begin: the slot accepts rows again. End: when there
 * were no rows, nothing blocks the slot any more. */
void publisher_adopt_begin(struct publisher *p, struct topic_partition slot);
void publisher_adopt_end(struct publisher *p, struct topic_partition slot);
/* Whether rows of the slot are left in the outbox, since it had too many in memory. */
bool publisher_is_full(const struct publisher *p, struct topic_partition slot);
/* The code of the broker's error for the record that blocks the slot; NULL: the slot is not blocked. */
const char *publisher_blocked(const struct publisher *p, struct topic_partition slot);
/* Rows added and not yet acknowledged, of the fullest slot that is not blocked; of all; and of one topic. */
size_t publisher_backlog(const struct publisher *p);
size_t publisher_total(const struct publisher *p);
size_t publisher_rows(const struct publisher *p, int32_t topic);
/* Age of the topic's oldest row that is not acknowledged, blocked slots included; 0: none. */
int64_t publisher_oldest_ms(const struct publisher *p, int32_t topic);
bool publisher_has_slot(const struct publisher *p, struct topic_partition slot);

/* Fills out with up to max rows that are acknowledged and wait to be deleted. They stay until publisher_deleted(). */
size_t publisher_acknowledged(const struct publisher *p, struct outbox_row *out, size_t max);
void publisher_deleted(struct publisher *p, const struct outbox_row *rows, size_t n);
bool publisher_healthy(const struct publisher *p);

#endif
