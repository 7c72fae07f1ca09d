/* What an owner reports: metrics, conditions of readiness, and the offsets in Kafka, once a second. */
#include "worker/owner_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A partition that follows and was not fetched once in this time does not exist yet, or may not be read. */
#define UNREAD_AFTER_MS 5000

/* Sets the metric of a blocked slot, labelled with the broker's error, until the slot is unblocked or revoked. */
static void slot_report_blocked(struct owner *o, struct slot_state *s, const char *cause)
{
	const char *topic = owner_topic(o, s->partition);
	char partition[16];

	if (strcmp(s->blocked, cause) == 0)
		return;
	snprintf(partition, sizeof(partition), "%d", s->partition.number);
	if (s->blocked[0])
		metric_set(METRIC_CELL(o->metrics.blocked, topic, partition, s->blocked), 0);
	if (cause[0])
		metric_set(METRIC_CELL(o->metrics.blocked, topic, partition, cause), 1);
	snprintf(s->blocked, sizeof(s->blocked), "%s", cause);
}

static void slot_report(struct owner *o, struct topic_partition partition, double lag, bool stopped)
{
	const char *topic = owner_topic(o, partition);
	char number[16];

	snprintf(number, sizeof(number), "%d", partition.number);
	if (lag >= 0)
		metric_set(METRIC_CELL(o->metrics.lag, topic, number), lag);
	metric_set(METRIC_CELL(o->metrics.stopped, topic, number), stopped);
}

void owner_unreport(struct owner *o)
{
	for (size_t i = 0; i < o->n_slots; i++) {
		slot_report_blocked(o, &o->slots[i], "");
		slot_report(o, o->slots[i].partition, 0, false);
	}
}

void owner_commit_kafka_offsets(struct owner *o)
{
	struct consumer_position *positions = mem_calloc(o->n_slots + 1, sizeof(*positions));
	size_t n = 0;

	for (size_t i = 0; i < o->n_slots; i++) {
		struct slot_state *s = &o->slots[i];

		if (s->progress.next_offset == s->committed_offset)
			continue;
		s->committed_offset = s->progress.next_offset;
		positions[n++] = (struct consumer_position){ s->partition, s->committed_offset };
	}
	kafka_consumer_commit(o->consumer, positions, n);
	free(positions);
}

static void slots_report_blocked(struct owner *o)
{
	char reason[300] = "";

	for (size_t i = 0; i < o->n_slots; i++) {
		struct slot_state *s = &o->slots[i];
		const char *cause = publisher_blocked(o->publisher, s->partition);

		slot_report_blocked(o, s, cause ? cause : "");
		if (cause)
			snprintf(reason, sizeof(reason), "%s, partition %d: the broker rejects a record (%s)",
				owner_topic(o, s->partition), s->partition.number, cause);
	}
	service_condition_set(o->outbox, !reason[0], reason);
}

static void slots_report(struct owner *o)
{
	char reason[300] = "";

	for (size_t i = 0; i < o->n_slots; i++) {
		const struct slot_state *s = &o->slots[i];
		int64_t high = kafka_consumer_cached_high(o->consumer, s->partition);
		bool known = high >= 0 && s->progress.next_offset >= 0;
		bool unread = high < 0 && owner_follows(o, s->partition.topic) && owner_running(o) &&
			clock_mono_ms() - o->started_mono_ms > UNREAD_AFTER_MS;

		slot_report(o, s->partition, known ? (double)(high - s->progress.next_offset) : -1, s->stopped);
		if (s->stopped || unread)
			snprintf(reason, sizeof(reason), "%s, partition %d: %s", owner_topic(o, s->partition),
				s->partition.number,
				s->stopped ? "the offset is out of range" : "it does not exist or may not be read");
	}
	service_condition_set(o->partitions, !reason[0], reason);
}

static void topics_report(struct owner *o)
{
	for (int32_t t = 0; t < o->n_topics; t++) {
		const char *topic = o->options.topics[t].name;

		if (owner_follows(o, t))
			continue;
		metric_set(METRIC_CELL(o->metrics.outbox, topic), (double)publisher_rows(o->publisher, t));
		metric_set(METRIC_CELL(o->metrics.oldest, topic), (double)publisher_oldest_ms(o->publisher, t) / 1000);
	}
}

void owner_report(struct owner *o)
{
	int64_t now = clock_mono_ms();

	if (now < o->report_mono_ms)
		return;
	o->report_mono_ms = now + 1000;
	owner_commit_kafka_offsets(o);
	slots_report(o);
	topics_report(o);
	slots_report_blocked(o);
	service_condition_set(o->kafka, kafka_consumer_healthy(o->consumer) && publisher_healthy(o->publisher),
		"no broker");
}

void owner_metrics_init(struct owner *o)
{
	struct owner_metrics *m = &o->metrics;
	static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, -1 };

	m->records = metric_counter("blazz_worker_records", "Records by outcome.", "topic,outcome");
	m->dead = metric_counter("blazz_worker_dead_letters", "Dead letters by reason.", "topic,reason");
	m->retries = metric_counter("blazz_worker_retries", "Batches that failed and are retried, by error code.",
		"topic,code");
	m->duration = metric_histogram("blazz_worker_batch_seconds",
		"Time of one batch, from its transaction's begin to its commit.", "topic", seconds);
	m->lag = metric_gauge("blazz_worker_lag_records",
		"Records not consumed yet; 0 for a partition that was revoked.", "topic,partition");
	m->stopped = metric_gauge("blazz_worker_partition_stopped", "1 when the partition's offset is out of range.",
		"topic,partition");
	m->blocked = metric_gauge("blazz_worker_outbox_blocked",
		"1 while the broker rejects a record of the partition's outbox.", "topic,partition,cause");
	m->outbox =
		metric_gauge("blazz_worker_outbox_rows", "Outbox rows published and not yet acknowledged.", "topic");
	m->oldest = metric_gauge("blazz_worker_outbox_oldest_seconds",
		"Time since the commit of the oldest outbox row that is not acknowledged.", "topic");
	for (int32_t t = 0; t < o->n_topics; t++) {
		const char *topic = o->options.topics[t].name;

		(void)METRIC_CELL(m->duration, topic);
		if (owner_follows(o, t))
			continue;
		(void)METRIC_CELL(m->outbox, topic);
		(void)METRIC_CELL(m->oldest, topic);
	}
}
