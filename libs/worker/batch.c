/* A batch in memory; see batch.h. Invariant: items are in the order of their arrival, so that those of a partition are
 * in offset order. */
#include "worker/batch.h"

#include "base/clock.h"
#include "wire/cloudevents.h"
#include "worker/dead_letter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct batch *batch_new(const struct worker_options *options, struct owner *o)
{
	struct batch *b = mem_calloc(1, sizeof(*b));

	b->options = options;
	b->tx = owner_tx_new(o);
	b->cap = b->limit = (size_t)options->batch_max_events;
	b->messages = mem_calloc(b->cap, sizeof(*b->messages));
	b->items = mem_calloc(b->cap, sizeof(*b->items));
	b->failures = mem_calloc(b->cap, sizeof(*b->failures));
	return b;
}

void batch_reset(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		kafka_message_release(&b->messages[i]);
	b->n = b->weight = b->isolated = 0;
	b->postponed_before = false;
	b->bytes = 0;
	owner_tx_reset(b->tx);
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	batch_reset(b);
	owner_tx_free(b->tx);
	free(b->messages);
	free(b->items);
	free(b->failures);
	free(b);
}

bool batch_full(const struct batch *b)
{
	return b->weight >= b->limit || b->bytes >= b->options->batch_max_bytes;
}

size_t batch_weight(const struct batch_item *item, const struct worker_ops *ops)
{
	return item->decoded && ops->weight ? ops->weight(item->partition.topic, item->decoded) : 1;
}

void batch_add(struct batch *b, struct kafka_message *m, const struct worker_ops *ops, void *ctx)
{
	size_t i = b->n++;
	struct batch_item *item = &b->items[i];

	assert(i < b->cap);
	if (i == 0)
		b->first_mono_ms = clock_mono_ms();
	if (i == 0 || b->options->batch_interval_ms[m->topic] < b->interval_ms)
		b->interval_ms = b->options->batch_interval_ms[m->topic];
	b->messages[i] = *m;
	*m = (struct kafka_message){ 0 };
	b->bytes += (int64_t)(b->messages[i].value.n + b->messages[i].key.n);
	*item = (struct batch_item){
		.partition = kafka_message_partition(&b->messages[i]),
		.offset = b->messages[i].offset,
		.message = &b->messages[i],
		.outcome = OUTCOME_NO_EFFECT,
		.traceparent = traceparent_check(kafka_message_header(&b->messages[i], "traceparent")),
	};
	b->failures[i] = (struct err){ 0 };
	if (!replay_is_for_other(item->message->headers, item->message->headers_count, b->options->owner.consumer) &&
		ops->decode(ctx, item->message, owner_tx_arena(b->tx), &item->decoded, &b->failures[i]) < 0)
		item->decoded = NULL;
	b->weight += batch_weight(item, ops);
}

void batch_include(struct batch *b, const struct owner *o)
{
	size_t kept = 0;
	struct err err;

	for (size_t i = 0; i < b->n; i++) {
		const struct progress *p = owner_progress(o, b->items[i].partition);

		if (!p || b->items[i].offset < p->next_offset ||
			owner_tx_include(b->tx, b->items[i].partition, &err) < 0) {
			kafka_message_release(&b->messages[i]);
			continue;
		}
		if (kept != i) {
			b->items[kept] = b->items[i];
			b->messages[kept] = b->messages[i];
			b->failures[kept] = b->failures[i];
			b->items[kept].message = &b->messages[kept];
			b->messages[i] = (struct kafka_message){ 0 };
		}
		kept++;
	}
	b->n = kept;
}

void batch_advance(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct batch_item *item = &b->items[i];
		int64_t from = owner_tx_offset(b->tx, item->partition), counts[OUTCOMES] = { 0 };

		if (item->postponed)
			continue;
		if (from == PROGRESS_NO_OFFSET)
			from = item->offset;
		counts[OUTCOME_SKIPPED] = item->offset - from; /* offsets without a record */
		counts[item->outcome]++;
		owner_tx_advance(b->tx, item->partition, from, item->offset + 1, counts);
	}
}

void batch_dead_letter(struct owner_tx *tx, struct batch_item *item, enum dead_reason reason, const char *code,
	const char *message, bool retryable)
{
	owner_tx_dead_message(tx, item->message, reason, code, message, retryable);
	item->outcome = OUTCOME_DEAD_LETTERED;
}

void batch_reject(struct owner_tx *tx, struct batch_item *item, const struct err *why)
{
	struct err *kept;

	if (item->rejected)
		return;
	kept = ARENA_NEW(owner_tx_arena(tx), struct err);
	*kept = *why;
	item->rejected = kept;
}
