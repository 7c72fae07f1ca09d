/* See topics.h. */
#include "campaign-sender/topics.h"

int topics_decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	struct parts *p = ctx;

	switch (m->topic) {
	case SENDER_OUTBOUND:
		return intake_decode(p->intake, m, a, decoded, err);
	case SENDER_COMMANDS:
		return driver_decode(p->driver, m, a, decoded, err);
	default:
		return status_decode(p->status, m, a, decoded, err);
	}
}

size_t topics_weight(int32_t topic, const void *decoded)
{
	return topic == SENDER_COMMANDS ? driver_weight(decoded) : 1;
}

static int topic_apply(struct parts *p, int32_t topic, struct owner_tx *tx, struct batch_item *const *items, size_t n,
	struct err *err)
{
	if (n == 0)
		return 0;
	switch (topic) {
	case SENDER_OUTBOUND:
		return intake_apply(p->intake, tx, items, n, err);
	case SENDER_COMMANDS:
		return driver_apply(p->driver, tx, items, n, err);
	default:
		return status_apply(p->status, tx, items, n, err);
	}
}

/* Requests, a START and statuses that hold an account lock lanes, each in order, but one after the other: a flush of another replica may lock the
 * same ones the other way round. PostgreSQL ends one of the two then, and that one is repeated. Which lanes a request or a START needs is known
 * only once its accounts were read and chosen. */
int topics_apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	struct parts *p = ctx;
	struct batch_item **of = ARENA_ARRAY(owner_tx_arena(tx), struct batch_item *, n + 1);

	for (int32_t topic = 0; topic < SENDER_TOPICS; topic++) {
		size_t found = 0;

		for (size_t i = 0; i < n; i++)
			if (items[i]->partition.topic == topic)
				of[found++] = items[i];
		if (topic_apply(p, topic, tx, of, found, err) < 0)
			return -1;
	}
	return 0;
}

int topics_sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	return driver_sweep(((struct parts *)ctx)->driver, tx, partitions, n, err);
}

bool topics_sweep_wanted(void *ctx)
{
	return driver_wants_step(((struct parts *)ctx)->driver);
}

int topics_step(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	return driver_step(((struct parts *)ctx)->driver, tx, partitions, n, err);
}

void topics_committed(void *ctx)
{
	struct parts *p = ctx;

	intake_committed(p->intake);
	driver_committed(p->driver);
	status_committed(p->status);
}

void topics_rolled_back(void *ctx)
{
	struct parts *p = ctx;

	intake_rolled_back(p->intake);
	driver_rolled_back(p->driver);
	status_rolled_back(p->status);
}
