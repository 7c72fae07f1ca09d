/* What is outstanding; see publisher.h. */
#include "worker/publisher_private.h"

#include "base/clock.h"

size_t publisher_backlog(const struct publisher *p)
{
	size_t most = 0;

	for (const struct publisher_slot *s = p->slots; s; s = s->next)
		if (!publisher_slot_is_blocked(s))
			most = s->rows > most ? s->rows : most;
	return most;
}

bool publisher_is_full(const struct publisher *p, struct topic_partition slot)
{
	const struct publisher_slot *s = publisher_slot_find(p, slot);

	return s && s->behind;
}

const char *publisher_blocked(const struct publisher *p, struct topic_partition slot)
{
	const struct publisher_slot *s = publisher_slot_find(p, slot);

	return s && publisher_slot_is_blocked(s) ? s->cause : NULL;
}

size_t publisher_total(const struct publisher *p)
{
	return p->total;
}

size_t publisher_rows(const struct publisher *p, int32_t topic)
{
	size_t n = 0;

	for (const struct publisher_slot *s = p->slots; s; s = s->next)
		n += s->partition.topic == topic ? s->rows : 0;
	return n;
}

int64_t publisher_oldest_ms(const struct publisher *p, int32_t topic)
{
	int64_t now = clock_mono_ms(), oldest = now;

	for (const struct publisher_slot *s = p->slots; s; s = s->next)
		if (s->partition.topic == topic && s->oldest_mono_ms != 0 && s->oldest_mono_ms < oldest)
			oldest = s->oldest_mono_ms;
	return now - oldest;
}

bool publisher_has_slot(const struct publisher *p, struct topic_partition slot)
{
	const struct publisher_slot *s = publisher_slot_find(p, slot);

	return s && s->rows > 0;
}

size_t publisher_acknowledged(const struct publisher *p, struct outbox_row *out, size_t max)
{
	size_t n = 0;

	for (const struct publisher_row *r = p->acked; r && n < max; r = r->next)
		out[n++] = (struct outbox_row){ { r->topic, r->partition.number }, r->epoch, r->seq, STR_NONE, 0 };
	return n;
}

bool publisher_healthy(const struct publisher *p)
{
	return kafka_producer_healthy(p->producer);
}
