/* A replica without Kafka that owns one partition, and the records that its open transaction has emitted. */
#ifndef CAMPAIGN_SENDER_EMITTED_H
#define CAMPAIGN_SENDER_EMITTED_H

#include "unit.h"

#include "kafka/topics.h"
#include "wire/records.h"
#include "worker/owner_private.h"

#define EMITTED_MAX 20

static struct topic_names topics;
static const struct topic_partition partition = { 0, 3 };
static struct slot_state slot;
static struct owner owner;
static struct owner_tx *tx;

static inline void owner_start(struct pg *pg)
{
	topic_names_make(&topics, "t");
	slot = (struct slot_state){ .partition = partition,
		.progress = { topics.of[TOPIC_OUTBOUND], 3, 7, 4, PROGRESS_NO_OFFSET } };
	owner = (struct owner){ .options = { .consumer = "campaign-sender",
					.topics = { { .name = topics.of[TOPIC_OUTBOUND], .dlq = "t.dlq" } } },
		.n_topics = 1,
		.pg = pg,
		.state = OWNER_RUNNING,
		.slots = &slot,
		.n_slots = 1 };
	tx = owner_tx_new(&owner);
}

static inline void owner_stop(void)
{
	owner_tx_free(tx);
}

/* A new transaction, not begun: what is emitted is kept all the same. */
static inline void tx_renew(void)
{
	struct err err;

	owner_tx_reset(tx);
	assert_int_equal(owner_tx_include(tx, partition, &err), 0);
}

static inline size_t emitted(struct record_view out[static EMITTED_MAX])
{
	struct str row = buf_str(&owner_tx_partition(tx, partition)->out.records);
	size_t at = 0, n = 0;
	struct err err;
	int rc = 1;

	while (n < EMITTED_MAX && row.p && (rc = records_next(row, &at, &out[n], &err)) == 1)
		n++;
	assert_true(rc >= 0);
	return n;
}

/* The only one, of this topic and type. */
static inline struct record_view emitted_one(enum topic topic, const char *type)
{
	struct record_view all[EMITTED_MAX];

	assert_int_equal(emitted(all), 1);
	assert_true(str_is(all[0].topic, topics.of[topic]));
	assert_true(str_is(header_find(all[0].headers, all[0].n_headers, "ce_type"), type));
	assert_true(str_is(header_find(all[0].headers, all[0].n_headers, "ce_source"), "campaign-sender"));
	return all[0];
}

#endif
