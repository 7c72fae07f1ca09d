/* Taking partitions over; see owner.h. */
#include "worker/owner_private.h"

#include "base/log.h"
#include "store/schema.h"

#include <assert.h>
#include <stdlib.h>

#define CLUSTER_ID_WAIT_MS 1000
#define ADOPT_ROWS         256 /* outbox rows read at once */

static int owner_connect(struct owner *o, struct err *err)
{
	if (!o->pg)
		return pg_open(&o->pg, &o->options.pg, err);
	return pg_usable(o->pg) ? 0 : pg_reconnect(o->pg, err);
}

struct adoption {
	struct owner *o;
	struct outbox_row last;
	int n;
};

static int keep_row(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct adoption *a = ctx;
	struct buf records = BUF_INIT;

	(void)err;
	a->last = (struct outbox_row){ row->slot, row->epoch, row->seq, STR_NONE, 0 };
	a->n++;
	buf_add_str(&records, row->records);
	publisher_add(a->o->publisher, row->slot, row->epoch, row->seq, row->age_ms, &records);
	if (publisher_is_full(a->o->publisher, row->slot)) /* the rest of it later */
		a->last.epoch = a->last.seq = INT64_MAX;
	return 0;
}

int owner_adopt(struct owner *o, struct err *err)
{
	int32_t *slots = mem_calloc(o->n_slots + 1, sizeof(*slots));
	struct adoption a = { .o = o };
	bool first = true;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->n_slots; i++)
		if (!publisher_has_slot(o->publisher, o->slots[i].progress.partition)) {
			slots[n] = o->slots[i].progress.partition;
			publisher_adopt(o->publisher, slots[n++]);
		}
	do {
		struct outbox_row after = a.last;

		a.n = 0;
		rc = outbox_read(o->pg, o->options.consumer, slots, n, first ? NULL : &after, ADOPT_ROWS, keep_row, &a,
			err);
		first = false;
	} while (rc == 0 && a.n == ADOPT_ROWS);
	for (size_t i = 0; rc == 0 && i < n; i++)
		publisher_adopted(o->publisher, slots[i]);
	free(slots);
	return rc;
}

static int owner_start_fetching(struct owner *o, struct err *err)
{
	struct kafka_position *positions = mem_calloc(o->n_slots + 1, sizeof(*positions));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++) {
		int64_t next = o->slots[i].progress.next_offset;

		positions[i] = (struct kafka_position){ o->slots[i].progress.partition,
			next == PROGRESS_NO_OFFSET ? KAFKA_OFFSET_BEGINNING : next };
		o->slots[i].stopped = false;
	}
	rc = kafka_consumer_start(o->consumer, positions, o->n_slots, err);
	free(positions);
	return rc;
}

/* The service's own of what was taken. */
static int owner_load(struct owner *o, struct err *err)
{
	struct progress *rows;
	int rc;

	if (!o->ops->taken)
		return 0;
	rows = mem_calloc(o->n_slots + 1, sizeof(*rows));
	for (size_t i = 0; i < o->n_slots; i++)
		rows[i] = o->slots[i].progress;
	rc = o->ops->taken(o->ctx, o->pg, rows, o->n_slots, err);
	free(rows);
	return rc;
}

/* Their epochs are raised: from here on a former owner writes nothing. */
static int owner_fence(struct owner *o, const char *cluster, struct err *err)
{
	struct progress *rows = mem_calloc(o->n_slots + 1, sizeof(*rows));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++)
		rows[i] = o->slots[i].progress;
	rc = progress_take(o->pg, o->options.consumer, o->options.topic, cluster, o->options.reset_cluster, rows,
		o->n_slots, err);
	for (size_t i = 0; rc == 0 && i < o->n_slots; i++)
		o->slots[i].progress = rows[i];
	free(rows);
	return rc;
}

static int take_over(struct owner *o, struct err *err)
{
	char cluster[64];

	if (owner_connect(o, err) < 0 || schema_version_check(o->pg, SCHEMA_VERSION, err) < 0 ||
		kafka_consumer_cluster_id(o->consumer, CLUSTER_ID_WAIT_MS, cluster, err) < 0 ||
		owner_fence(o, cluster, err) < 0 || owner_load(o, err) < 0 || owner_adopt(o, err) < 0)
		return -1;
	assert(o->begun == o->generation); /* or one of these statements would have been given up */
	return owner_start_fetching(o, err);
}

int owner_take(struct owner *o, struct err *err)
{
	uint64_t generation = o->generation;

	if (take_over(o, err) < 0) /* lost meanwhile: nothing has failed, and what has come instead has its own turn */
		return generation == o->generation ? -1 : 0;
	o->state = OWNER_RUNNING;
	service_condition_set(o->consuming, true, NULL);
	log_info("consuming", LOG_S("topic", o->options.topic), LOG_I("partitions", o->n_slots));
	return 0;
}
