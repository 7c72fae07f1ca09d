/* See ctl_producer.h. */
#include "ctl_producer.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/producer.h"
#include "wire/cloudevents.h"

struct ctl_producer {
	const struct topic_names *topics;
	struct kafka_producer *producer;
	struct err failure; /* the first one */
};

static void delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct ctl_producer *p = ctx;

	(void)opaque;
	(void)partition;
	(void)offset;
	if (failure && p->failure.kind == ERR_NONE)
		p->failure = *failure;
}

int ctl_producer_open(struct ctl_producer **out, struct ctl *ctl, struct err *err)
{
	struct ctl_producer *p = mem_calloc(1, sizeof(*p));
	const struct kafka_config *kafka;
	struct kafka_producer_options options = {
		.client_id = "blazzctl", .message_timeout_ms = CTL_TIMEOUT_MS, .delivered = delivered, .ctx = p
	};

	p->topics = &ctl->topics;
	if (ctl_kafka(ctl, &kafka, err) < 0)
		goto fail;
	options.config = kafka;
	if (kafka_producer_open(&p->producer, &options, err) < 0)
		goto fail;
	*out = p;
	return 0;
fail:
	free(p);
	return -1;
}

void ctl_producer_close(struct ctl_producer **p)
{
	if (!*p)
		return;
	kafka_producer_close(&(*p)->producer, 0);
	free(*p);
	*p = NULL;
}

int ctl_producer_put(struct ctl_producer *p, const struct ctl_record *r, struct err *err)
{
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	size_t n = cloudevents_headers(headers, &storage, &r->id, r->family, r->kind, STR("blazzctl"), r->time_ms,
		STR_NONE);
	struct kafka_record record = { .topic = p->topics->of[r->topic],
		.partition = KAFKA_ANY_PARTITION,
		.key = r->key,
		.value = r->value,
		.headers = headers,
		.headers_count = n };
	int64_t deadline_ms = clock_mono_ms() + CTL_TIMEOUT_MS;

	while (kafka_produce(p->producer, &record, err) < 0) {
		if (err->kind != ERR_BUSY || clock_mono_ms() > deadline_ms)
			return -1;
		kafka_producer_poll(p->producer, 100);
	}
	return 0;
}

int ctl_producer_finish(struct ctl_producer *p, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + CTL_TIMEOUT_MS;

	while (kafka_producer_in_flight(p->producer) > 0 && clock_mono_ms() < deadline_ms)
		kafka_producer_poll(p->producer, 100);
	if (kafka_producer_in_flight(p->producer) > 0)
		return err_set(err, ERR_RETRY, "timeout", "%zu records were not acknowledged",
			kafka_producer_in_flight(p->producer));
	if (p->failure.kind != ERR_NONE)
		*err = p->failure;
	return p->failure.kind != ERR_NONE ? -1 : 0;
}

int ctl_publish(struct ctl *ctl, const struct ctl_record *record, struct err *err)
{
	struct ctl_producer *p = NULL;
	int rc = -1;

	if (ctl_producer_open(&p, ctl, err) == 0 && ctl_producer_put(p, record, err) == 0)
		rc = ctl_producer_finish(p, err);
	ctl_producer_close(&p);
	return rc;
}
