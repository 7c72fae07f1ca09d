/* One transaction over owned partitions; see owner.h. The life of an outbox row:
 *
 *   emit --> INSERT with the progress, COMMIT --> publisher_add() --> produced --> all records acknowledged --> DELETE
 *                    |                               |                                 in a later transaction
 *                    | rolled back: never existed    +-- replica dies: the next owner adopts the row
 *
 * Invariant: the slots in memory, and the records that are published, reflect only committed transactions. */
#include "worker/owner_private.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/vec.h"
#include "worker/dead_letter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct owner_tx *owner_tx_new(struct owner *o)
{
	struct owner_tx *tx = mem_calloc(1, sizeof(*tx));

	tx->owner = o;
	tx->arena = arena_new(1 << 20);
	return tx;
}

static void tx_set_open(struct owner_tx *tx, bool open)
{
	if (tx->open != open)
		tx->owner->in_tx = open;
	tx->open = open;
}

void owner_tx_free(struct owner_tx *tx)
{
	if (!tx)
		return;
	owner_tx_reset(tx);
	arena_free(tx->arena);
	free(tx->partitions);
	free(tx);
}

void owner_tx_rollback(struct owner_tx *tx)
{
	if (tx->open)
		pg_rollback(tx->owner->pg);
	tx_set_open(tx, false);
	tx->n_deleted = 0;
	for (size_t i = 0; i < tx->n_partitions; i++) {
		struct tx_partition *s = &tx->partitions[i];

		outgoing_clear(&s->out);
		s->first_offset = s->next_offset = PROGRESS_NO_OFFSET;
		memset(s->counts, 0, sizeof(s->counts));
	}
}

void owner_tx_reset(struct owner_tx *tx)
{
	owner_tx_rollback(tx);
	for (size_t i = 0; i < tx->n_partitions; i++)
		buf_fini(&tx->partitions[i].out.records);
	tx->n_partitions = 0;
	tx->began_mono_us = 0;
	arena_reset(tx->arena);
}

static struct tx_partition *tx_partition_find(const struct owner_tx *tx, struct topic_partition partition)
{
	for (size_t i = 0; i < tx->n_partitions; i++)
		if (topic_partition_eq(tx->partitions[i].partition, partition))
			return &tx->partitions[i];
	return NULL;
}

struct tx_partition *owner_tx_partition(const struct owner_tx *tx, struct topic_partition partition)
{
	struct tx_partition *s = tx_partition_find(tx, partition);

	assert(s);
	return s;
}

/* The partition whose outbox row gets this partition's records: its fence. */
static struct tx_partition *tx_partition_of_fence(const struct owner_tx *tx, struct topic_partition partition)
{
	return owner_tx_partition(tx, owner_fence(tx->owner, partition));
}

static int tx_partition_add(struct owner_tx *tx, struct topic_partition partition, struct err *err)
{
	const struct progress *p = owner_progress(tx->owner, partition);

	if (!p)
		return err_set(err, ERR_FENCED, "partition", "partition %d of %s is not owned by this replica",
			(int)partition.number, owner_topic(tx->owner, partition));
	if (tx->n_partitions > 0 && tx->generation != tx->owner->generation)
		return err_set(err, ERR_FENCED, "partition", "the partitions were acquired again since");
	if (tx_partition_find(tx, partition))
		return 0;
	tx->partitions = vec_grow(tx->partitions, tx->n_partitions, &tx->cap_partitions, sizeof(*tx->partitions));
	tx->generation = tx->owner->generation;
	tx->partitions[tx->n_partitions++] = (struct tx_partition){ .partition = partition,
		.epoch = p->epoch,
		.seq = p->seq + 1,
		.old_offset = p->next_offset,
		.first_offset = PROGRESS_NO_OFFSET,
		.next_offset = PROGRESS_NO_OFFSET };
	return 0;
}

int owner_tx_include(struct owner_tx *tx, struct topic_partition partition, struct err *err)
{
	return tx_partition_add(tx, owner_fence(tx->owner, partition), err) < 0 ? -1
										: tx_partition_add(tx, partition, err);
}

int owner_tx_include_all(struct owner_tx *tx, struct err *err)
{
	for (size_t i = 0; i < tx->owner->n_slots; i++)
		if (tx_partition_add(tx, tx->owner->slots[i].partition, err) < 0)
			return -1;
	return 0;
}

/* Sorts so that a topic that follows comes after the one that it follows. */
static int tx_partition_cmp(const void *a, const void *b)
{
	const struct tx_partition *x = a, *y = b;

	return topic_partition_cmp(x->partition, y->partition);
}

static int partitions_lock(struct owner_tx *tx, struct err *err)
{
	struct owner *o = tx->owner;
	struct progress *rows = ARENA_ARRAY(tx->arena, struct progress, tx->n_partitions);
	size_t lost = SIZE_MAX;

	qsort(tx->partitions, tx->n_partitions, sizeof(*tx->partitions), tx_partition_cmp);
	for (size_t i = 0; i < tx->n_partitions; i++) {
		const struct tx_partition *s = &tx->partitions[i];

		rows[i] = (struct progress){ owner_topic(o, s->partition), s->partition.number, s->epoch, s->seq - 1,
			s->old_offset };
	}
	if (store_progress_lock(o->pg, o->options.consumer, rows, tx->n_partitions, &lost, err) == 0)
		return 0;
	if (lost == SIZE_MAX || !owner_follows(o, tx->partitions[lost].partition.topic))
		return -1;
	/* Its fence, which is checked first, passed: no other owner has moved the partition. */
	return err_set(err, ERR_RETRY, "reset", "partition %d of %s was reset", rows[lost].partition, rows[lost].topic);
}

static int delete_acknowledged(struct owner_tx *tx, struct err *err)
{
	struct owner *o = tx->owner;

	tx->n_deleted = publisher_acknowledged(o->publisher, tx->deleted, MAX_DELETES);
	return tx->n_deleted == 0 ? 0
				  : store_outbox_delete(o->pg, o->options.consumer, tx->deleted, tx->n_deleted, err);
}

int owner_tx_begin(struct owner_tx *tx, struct err *err)
{
	struct owner *o = tx->owner;

	assert(tx->n_partitions > 0 && !tx->open);
	o->begun = tx->generation;
	o->idled = false;
	if (tx->began_mono_us == 0)
		tx->began_mono_us = clock_mono_us();
	tx_set_open(tx, true);
	if (pg_begin(o->pg, err) < 0 || partitions_lock(tx, err) < 0)
		return -1;
	return delete_acknowledged(tx, err);
}

struct pg *owner_tx_pg(struct owner_tx *tx)
{
	return tx->owner->pg;
}

struct arena *owner_tx_arena(struct owner_tx *tx)
{
	return tx->arena;
}

void owner_tx_advance(struct owner_tx *tx, struct topic_partition partition, int64_t first_offset, int64_t next_offset,
	const int64_t counts[static OUTCOMES])
{
	struct tx_partition *s = owner_tx_partition(tx, partition);

	if (s->first_offset == PROGRESS_NO_OFFSET)
		s->first_offset = first_offset;
	s->next_offset = next_offset;
	for (int k = 0; k < OUTCOMES; k++)
		s->counts[k] += counts[k];
}

int64_t owner_tx_offset(const struct owner_tx *tx, struct topic_partition partition)
{
	const struct tx_partition *s = owner_tx_partition(tx, partition);

	return s->next_offset == PROGRESS_NO_OFFSET ? s->old_offset : s->next_offset;
}

struct event_source owner_tx_source(struct owner_tx *tx, struct topic_partition partition)
{
	const struct tx_partition *s = tx_partition_of_fence(tx, partition);

	return (struct event_source){ str_of(tx->owner->options.consumer), str_of(owner_topic(tx->owner, s->partition)),
		s->partition.number, s->epoch, s->seq, s->out.n };
}

void owner_tx_emit(struct owner_tx *tx, struct topic_partition partition, struct str topic, struct str key,
	struct str value, const struct header *headers, size_t n_headers)
{
	outgoing_add(&tx_partition_of_fence(tx, partition)->out, topic, key, value, headers, n_headers);
}

void owner_tx_dead_record(struct owner_tx *tx, const struct dead_record *r, enum dead_reason reason, const char *code,
	const char *message, bool retryable)
{
	const struct owner *o = tx->owner;
	const char *topic = owner_topic(o, r->partition);
	struct failure failure = {
		.topic = str_of(topic),
		.partition = r->partition.number,
		.offset = r->offset,
		.timestamp_ms = r->timestamp_ms,
		.failed_at_ms = clock_now_ms(),
		.group = o->options.consumer,
		.service = o->options.consumer,
		.reason = reason,
		.code = code,
		.message = message,
		.retryable = retryable,
		.extra = r->extra,
		.n_extra = r->n_extra,
	};
	size_t n;
	const struct header *headers = dead_letter_headers(&failure, r->headers, r->n_headers, tx->arena, &n);

	owner_tx_emit(tx, r->partition, str_of(o->options.topics[r->partition.topic].dlq), r->key, r->value, headers,
		n);
	metric_add(METRIC_CELL(o->metrics.dead, topic, dead_reason_word(reason)), 1);
}

void owner_tx_dead_message(struct owner_tx *tx, const struct kafka_message *m, enum dead_reason reason,
	const char *code, const char *message, bool retryable)
{
	struct dead_record record = { .partition = kafka_message_partition(m),
		.offset = m->offset,
		.timestamp_ms = m->timestamp_ms,
		.key = m->key,
		.value = m->value,
		.headers = m->headers,
		.n_headers = m->headers_count };

	owner_tx_dead_record(tx, &record, reason, code, message, retryable);
}

void owner_tx_mark(struct owner_tx *tx)
{
	for (size_t i = 0; i < tx->n_partitions; i++)
		outgoing_mark(&tx->partitions[i].out);
}

void owner_tx_undo(struct owner_tx *tx)
{
	for (size_t i = 0; i < tx->n_partitions; i++)
		outgoing_undo(&tx->partitions[i].out);
}

bool owner_tx_is_empty(const struct owner_tx *tx)
{
	for (size_t i = 0; i < tx->n_partitions; i++)
		if (tx->partitions[i].out.n > 0 || tx->partitions[i].next_offset != PROGRESS_NO_OFFSET)
			return false;
	return tx->n_deleted == 0;
}

static int partitions_advance(struct owner_tx *tx, struct err *err)
{
	struct owner *o = tx->owner;
	struct progress_step *steps = ARENA_ARRAY(tx->arena, struct progress_step, tx->n_partitions);
	struct outbox_row *rows = ARENA_ARRAY(tx->arena, struct outbox_row, tx->n_partitions);
	size_t n_rows = 0;

	for (size_t i = 0; i < tx->n_partitions; i++) {
		const struct tx_partition *s = &tx->partitions[i];
		const char *topic = owner_topic(o, s->partition);

		steps[i] = (struct progress_step){ topic, s->partition.number, s->seq, s->next_offset, s->first_offset,
			{ 0 } };
		memcpy(steps[i].counts, s->counts, sizeof(steps[i].counts));
		if (s->out.n > 0)
			rows[n_rows++] = (struct outbox_row){ { str_of(topic), s->partition.number }, s->epoch, s->seq,
				buf_str(&s->out.records), 0 };
	}
	if (store_progress_advance(o->pg, o->options.consumer, steps, tx->n_partitions, err) < 0)
		return -1;
	return n_rows == 0 ? 0 : store_outbox_put(o->pg, o->options.consumer, rows, n_rows, err);
}

/* The topic that labels the transaction's metrics: the first whose records it advanced past. */
static const char *tx_topic(const struct owner_tx *tx)
{
	for (size_t i = 0; i < tx->n_partitions; i++)
		if (tx->partitions[i].next_offset != PROGRESS_NO_OFFSET)
			return owner_topic(tx->owner, tx->partitions[i].partition);
	return owner_topic(tx->owner, tx->partitions[0].partition);
}

static void count_metrics(const struct owner_tx *tx)
{
	const struct owner_metrics *m = &tx->owner->metrics;

	metric_observe(METRIC_CELL(m->duration, tx_topic(tx)), (double)(clock_mono_us() - tx->began_mono_us) / 1e6);
	for (size_t i = 0; i < tx->n_partitions; i++)
		for (int k = 0; k < OUTCOMES; k++)
			if (tx->partitions[i].counts[k] > 0)
				metric_add(METRIC_CELL(m->records, owner_topic(tx->owner, tx->partitions[i].partition),
						   store_outcome_word((enum outcome)k)),
					tx->partitions[i].counts[k]);
}

/* After the commit: advances the slots and publishes the records. When the partitions were lost meanwhile, their new
 * owner publishes. */
static void partitions_committed(struct owner_tx *tx)
{
	struct owner *o = tx->owner;

	for (size_t i = 0; tx->generation == o->generation && i < tx->n_partitions; i++) {
		struct tx_partition *s = &tx->partitions[i];
		struct slot_state *slot = owner_slot(o, s->partition);

		slot->progress.seq = s->seq;
		if (s->next_offset != PROGRESS_NO_OFFSET)
			slot->progress.next_offset = s->next_offset;
		if (s->out.n > 0)
			publisher_add(o->publisher, s->partition, str_of(owner_topic(o, s->partition)), s->epoch,
				s->seq, 0, &s->out.records);
	}
}

int owner_tx_commit(struct owner_tx *tx, struct err *err)
{
	struct owner *o = tx->owner;

	assert(tx->open);
	if (partitions_advance(tx, err) < 0)
		return -1;
	if (failpoint("batch_commit"))
		return err_set(err, ERR_RETRY, "failpoint", "batch_commit");
	if (pg_commit(o->pg, err) < 0)
		return -1;
	tx_set_open(tx, false);
	count_metrics(tx);
	publisher_deleted(o->publisher, tx->deleted, tx->n_deleted);
	(void)failpoint("batch_committed");
	partitions_committed(tx);
	owner_publish(o);
	(void)failpoint("batch_published");
	o->failures = 0;
	return 0;
}
