/* Which partitions this replica is assigned; see owner.h. Kafka's callbacks may run while a statement waits: the
 * current batch continues, fenced by its epoch; records received for later batches and rows waiting to be published are
 * left to the next owner. */
#include "worker/owner_private.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define REACQUIRE_AFTER_MS 30000

void owner_discard(struct owner *o)
{
	o->generation++;
	publisher_discard_all(o->publisher);
	o->ops->lost(o->ctx);
}

static void on_assigned(void *ctx, const struct topic_partition *partitions, size_t n)
{
	struct owner *o = ctx;

	owner_unreport(o);
	free(o->slots);
	o->slots = mem_calloc(n ? n : 1, sizeof(*o->slots));
	o->n_slots = n;
	for (size_t i = 0; i < n; i++)
		o->slots[i] = (struct slot_state){ .partition = partitions[i],
			.progress = { owner_topic(o, partitions[i]), partitions[i].number, 0, 0, PROGRESS_NO_OFFSET },
			.committed_offset = PROGRESS_NO_OFFSET };
	owner_discard(o);
	o->state = OWNER_ACQUIRING;
	o->retry_mono_ms = 0;
	log_info("partitions assigned", LOG_I("partitions", n));
}

static void on_revoked(void *ctx)
{
	struct owner *o = ctx;

	owner_unreport(o);
	o->n_slots = 0;
	owner_discard(o);
	o->state = OWNER_UNASSIGNED;
	log_info("partitions revoked");
}

static void on_stopped(void *ctx, struct topic_partition partition, enum kafka_stop stop, const struct err *why)
{
	struct owner *o = ctx;
	struct slot_state *s = owner_slot(o, partition);

	log_error("partition stopped", LOG_S("topic", owner_topic(o, partition)), LOG_I("partition", partition.number),
		LOG_ERR(why));
	if (!s)
		return;
	/* A topic that is followed does not wait for the low watermark of one that follows it. */
	if (stop == KAFKA_STOP_NO_OFFSET && owner_follows(o, partition.topic))
		o->reacquire_mono_ms = clock_mono_ms() + REACQUIRE_AFTER_MS;
	else if (stop == KAFKA_STOP_NO_OFFSET)
		o->pending = *why;
	s->stopped = s->stopped || stop == KAFKA_STOP_OUT_OF_RANGE;
}

int owner_subscribe(struct owner *o, struct err *err)
{
	struct kafka_consumer_options consumer = {
		.config = service_kafka(o->service),
		.client_id = o->options.consumer,
		.group = o->options.consumer,
		.prefetch_kb = o->options.prefetch_kb,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.stopped = on_stopped,
		.ctx = o,
	};

	for (int32_t t = 0; t < o->n_topics; t++)
		consumer.topics[t] = (struct consumer_topic){ o->options.topics[t].name, o->options.topics[t].follows };
	return kafka_consumer_open(&o->consumer, &consumer, err);
}

void owner_topics_set(struct owner *o, const struct owner_options *options)
{
	o->options = *options;
	for (int32_t t = 0; t < CONSUMER_TOPICS_MAX && options->topics[t].name; t++) {
		o->fences[t] = t;
		for (int32_t f = 0; f < t && options->topics[t].follows; f++)
			if (strcmp(options->topics[f].name, options->topics[t].follows) == 0)
				o->fences[t] = f;
		o->n_topics = t + 1;
	}
}

struct slot_state *owner_slot(const struct owner *o, struct topic_partition partition)
{
	for (size_t i = 0; i < o->n_slots; i++)
		if (topic_partition_eq(o->slots[i].partition, partition))
			return &o->slots[i];
	return NULL;
}

struct topic_partition owner_fence(const struct owner *o, struct topic_partition partition)
{
	return (struct topic_partition){ o->fences[partition.topic], partition.number };
}

const char *owner_topic(const struct owner *o, struct topic_partition partition)
{
	return o->options.topics[partition.topic].name;
}

bool owner_follows(const struct owner *o, int32_t topic)
{
	return o->fences[topic] != topic;
}

bool owner_is_bulk(const struct owner *o, int32_t topic)
{
	return owner_follows(o, topic) || o->options.topics[topic].bulk;
}
