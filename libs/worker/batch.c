/* A batch in memory; see batch.h. */
#include "worker/batch.h"

#include "base/clock.h"
#include "wire/cloudevents.h"
#include "worker/dead_letter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct batch *batch_new(const struct worker_options *options)
{
	struct batch *b = mem_calloc(1, sizeof(*b));

	b->options = options;
	b->arena = arena_new(1 << 20);
	b->cap = (size_t)options->batch_max_events;
	b->messages = mem_calloc(b->cap, sizeof(*b->messages));
	b->items = mem_calloc(b->cap, sizeof(*b->items));
	b->failures = mem_calloc(b->cap, sizeof(*b->failures));
	return b;
}

void batch_reset(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		kafka_message_release(&b->messages[i]);
	for (size_t i = 0; i < b->n_shares; i++)
		buf_fini(&b->shares[i].records);
	b->n = b->weight = b->n_shares = b->data_errors = 0;
	b->bytes = 0;
	b->changed = false;
	arena_reset(b->arena);
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	batch_reset(b);
	arena_free(b->arena);
	free(b->messages);
	free(b->items);
	free(b->failures);
	free(b->shares);
	free(b);
}

bool batch_full(const struct batch *b)
{
	return b->weight >= b->cap || b->bytes >= b->options->batch_max_bytes;
}

void batch_take(struct batch *b, struct kafka_message *m, const struct worker_ops *ops, void *ctx)
{
	size_t i = b->n++;
	struct batch_item *item = &b->items[i];

	assert(i < b->cap);
	if (i == 0)
		b->first_mono_ms = clock_mono_ms();
	b->messages[i] = *m;
	*m = (struct kafka_message){ 0 };
	b->bytes += (int64_t)(b->messages[i].value.n + b->messages[i].key.n);
	*item = (struct batch_item){
		.partition = b->messages[i].partition,
		.offset = b->messages[i].offset,
		.message = &b->messages[i],
		.outcome = OUTCOME_NO_EFFECT,
		.traceparent = traceparent_check(kafka_message_header(&b->messages[i], "traceparent")),
	};
	b->failures[i] = (struct err){ 0 };
	if (!replay_is_for_other(item->message->headers, item->message->headers_count, b->options->consumer) &&
		ops->decode(ctx, item->message, b->arena, &item->decoded, &b->failures[i]) < 0)
		item->decoded = NULL;
	b->weight += item->decoded && ops->weight ? ops->weight(item->decoded) : 1;
}

struct share *batch_share(struct batch *b, int32_t partition)
{
	for (size_t i = 0; i < b->n_shares; i++)
		if (b->shares[i].partition == partition)
			return &b->shares[i];
	if (b->n_shares == b->cap_shares) {
		b->cap_shares = b->cap_shares ? b->cap_shares * 2 : 32;
		b->shares = mem_realloc(b->shares, b->cap_shares * sizeof(*b->shares));
	}
	b->shares[b->n_shares] = (struct share){
		.partition = partition, .first_offset = PROGRESS_NO_OFFSET, .next_offset = PROGRESS_NO_OFFSET
	};
	return &b->shares[b->n_shares++];
}

void batch_mark(struct batch *b)
{
	for (size_t i = 0; i < b->n_shares; i++) {
		b->shares[i].mark_bytes = b->shares[i].records.n;
		b->shares[i].mark_records = b->shares[i].n_records;
	}
}

void batch_undo(struct batch *b)
{
	for (size_t i = 0; i < b->n_shares; i++) {
		b->shares[i].records.n = b->shares[i].mark_bytes;
		b->shares[i].n_records = b->shares[i].mark_records;
	}
}

void batch_count(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		batch_share(b, b->items[i].partition)->counts[b->items[i].outcome]++;
}

/* What apply() and sweep() see */

struct pg *batch_pg(struct batch *b)
{
	return b->pg;
}

struct arena *batch_arena(struct batch *b)
{
	return b->arena;
}

void batch_changed(struct batch *b)
{
	b->changed = true;
}

struct event_source batch_source(struct batch *b, int32_t partition)
{
	struct share *s = batch_share(b, partition);

	return (struct event_source){ str_of(b->options->consumer), partition, s->epoch, s->seq, s->n_records };
}

void batch_emit(struct batch *b, int32_t partition, struct str topic, struct str key, struct str value,
	const struct header *headers, size_t n_headers)
{
	struct share *s = batch_share(b, partition);

	records_add(&s->records, topic, key, value, headers, n_headers);
	s->n_records++;
	b->changed = true;
}

void batch_dead_record(struct batch *b, const struct dead_record *r, const char *reason, const char *code,
	const char *message, bool retryable)
{
	struct failure failure = {
		.topic = r->topic,
		.partition = r->partition,
		.offset = r->offset,
		.timestamp_ms = r->timestamp_ms,
		.failed_at_ms = clock_now_ms(),
		.group = b->options->consumer,
		.service = b->options->consumer,
		.reason = reason,
		.code = code,
		.message = message,
		.retryable = retryable,
	};
	size_t n;
	const struct header *headers = dead_letter_headers(&failure, r->headers, r->n_headers, b->arena, &n);

	batch_emit(b, r->partition, str_of(b->options->dlq_topic), r->key, r->value, headers, n);
	if (b->dead_letters)
		metric_add(METRIC_CELL(b->dead_letters, reason), 1);
}

void batch_dead_letter(struct batch *b, struct batch_item *item, const char *reason, const char *code,
	const char *message, bool retryable)
{
	const struct kafka_message *m = item->message;
	struct dead_record record = { .topic = str_of(b->options->topic),
		.key = m->key,
		.value = m->value,
		.headers = m->headers,
		.n_headers = m->headers_count,
		.partition = m->partition,
		.offset = m->offset,
		.timestamp_ms = m->timestamp_ms };

	batch_dead_record(b, &record, reason, code, message, retryable);
	item->outcome = OUTCOME_DEAD_LETTERED;
}
