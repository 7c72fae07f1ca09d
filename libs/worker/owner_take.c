/* Taking partitions over; see owner.h. */
#include "worker/owner_private.h"

#include "base/clock.h"
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

/* The topic of a row, as it lives as long as the owner; and which of ours it is. */
static struct str topic_kept(const struct owner *o, struct str name, int32_t *topic)
{
	*topic = 0;
	for (int32_t t = 0; t < o->n_topics; t++)
		if (str_is(name, o->options.topics[t].name))
			*topic = t;
	return name.n == 0 ? STR("") : str_of(o->options.topics[*topic].name);
}

static int keep_row(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct adoption *a = ctx;
	struct topic_partition slot = { 0, row->slot.number };
	struct buf records = BUF_INIT;

	(void)err;
	a->last = *row;
	a->last.slot.topic = topic_kept(a->o, row->slot.topic, &slot.topic);
	a->n++;
	buf_add_str(&records, row->records);
	publisher_add(a->o->publisher, slot, a->last.slot.topic, row->epoch, row->seq, row->age_ms, &records);
	return 0;
}

/* The next page of what the outbox holds of these slots. Of one that is full it is read later; the first topic's may hold rows without a
 * topic. */
static int slots_read(struct adoption *a, const struct topic_partition *slots, size_t n, struct outbox_slot *read,
	struct err *err)
{
	struct outbox_row after = a->last;
	bool is_first = a->n == 0;
	size_t n_read = 0;

	for (size_t i = 0; i < n; i++) {
		if (publisher_is_full(a->o->publisher, slots[i]))
			continue;
		read[n_read++] = (struct outbox_slot){ str_of(owner_topic(a->o, slots[i])), slots[i].number };
		if (slots[i].topic == 0)
			read[n_read++] = (struct outbox_slot){ STR(""), slots[i].number };
	}
	a->n = 0;
	return outbox_read(a->o->pg, a->o->options.consumer, read, n_read, is_first ? NULL : &after, ADOPT_ROWS,
		keep_row, a, err);
}

int owner_adopt(struct owner *o, struct err *err)
{
	struct topic_partition *slots = mem_calloc(o->n_slots + 1, sizeof(*slots));
	struct outbox_slot *read = mem_calloc(2 * o->n_slots + 1, sizeof(*read));
	struct adoption a = { .o = o };
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->n_slots; i++) {
		struct topic_partition p = o->slots[i].partition;

		if (owner_follows(o, p.topic) || publisher_has_slot(o->publisher, p))
			continue;
		slots[n++] = p;
		publisher_adopt(o->publisher, p);
	}
	do
		rc = slots_read(&a, slots, n, read, err);
	while (rc == 0 && a.n == ADOPT_ROWS);
	for (size_t i = 0; rc == 0 && i < n; i++)
		publisher_adopted(o->publisher, slots[i]);
	free(slots);
	free(read);
	return rc;
}

static int owner_start_fetching(struct owner *o, struct err *err)
{
	struct consumer_position *positions = mem_calloc(o->n_slots + 1, sizeof(*positions));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++) {
		int64_t next = o->slots[i].progress.next_offset;

		positions[i] = (struct consumer_position){ o->slots[i].partition,
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

/* From here on a former owner writes nothing. */
static int owner_raise_epochs(struct owner *o, const char *cluster, struct err *err)
{
	struct progress *rows = mem_calloc(o->n_slots + 1, sizeof(*rows));
	int rc;

	for (size_t i = 0; i < o->n_slots; i++)
		rows[i] = o->slots[i].progress;
	rc = progress_take(o->pg, o->options.consumer, cluster, o->options.reset_cluster, rows, o->n_slots, err);
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
		owner_raise_epochs(o, cluster, err) < 0 || owner_load(o, err) < 0 || owner_adopt(o, err) < 0)
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
	o->started_mono_ms = clock_mono_ms();
	service_condition_set(o->consuming, true, NULL);
	log_info("consuming", LOG_S("topic", o->options.topics[0].name), LOG_I("partitions", o->n_slots));
	return 0;
}
