/* Publishing what transactions decided: outbox rows in order per slot, each deleted only after all of its records are acknowledged. A
 * slot is a partition of one of the owner's topics.
 *
 * Rows are kept in memory until then. When the producer loses records (it was recreated), the slot's rows are published again
 * from the first that is not acknowledged: at least once, in order, with the same stamps.
 *
 * A record that the broker refuses again and again blocks its slot, and only that: the slot's rows wait in the outbox, are read again
 * for each further attempt (up to half a minute apart), and go out when the broker takes the record or an operator has dropped its row.
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

/* Takes over row's bytes; topic is the one its row in the outbox has, borrowed for as long as the publisher lives; age_ms is the time since
 * its commit. Rows of one slot must come in order; one that is already here is ignored. A slot that is full leaves it and what comes
 * later in the outbox, until publisher_adopt(). */
void publisher_add(struct publisher *p, struct topic_partition slot, struct str topic, int64_t epoch, int64_t seq,
	int64_t age_ms, struct buf *records);
/* Hands records to the producer as far as it takes them and serves its reports. Never blocks longer than timeout_ms. */
void publisher_poll(struct publisher *p, int timeout_ms);
/* Forgets the slots' rows (another owner publishes what is left). */
void publisher_forget_all(struct publisher *p);
/* The slot's rows are read from the outbox now: it takes them again. Then they have been read: where there were none nothing blocks. */
void publisher_adopt(struct publisher *p, struct topic_partition slot);
void publisher_adopted(struct publisher *p, struct topic_partition slot);
bool publisher_is_full(const struct publisher *p, struct topic_partition slot);
/* What the broker says to the record that blocks the slot; NULL: nothing does. */
const char *publisher_blocked(const struct publisher *p, struct topic_partition slot);
/* Rows added and not yet acknowledged, of the fullest slot that is not blocked; of all; and of one topic. */
size_t publisher_backlog(const struct publisher *p);
size_t publisher_total(const struct publisher *p);
size_t publisher_rows(const struct publisher *p, int32_t topic);
/* Age of the topic's oldest row that is not acknowledged, blocked slots included; 0: none. */
int64_t publisher_oldest_ms(const struct publisher *p, int32_t topic);
bool publisher_has_slot(const struct publisher *p, struct topic_partition slot);

/* Rows that are acknowledged and wait to be deleted: filled into out, at most max. They stay until publisher_deleted(). */
size_t publisher_acknowledged(const struct publisher *p, struct outbox_row *out, size_t max);
void publisher_deleted(struct publisher *p, const struct outbox_row *rows, size_t n);
bool publisher_healthy(const struct publisher *p);

#endif
