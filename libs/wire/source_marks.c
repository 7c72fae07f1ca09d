/* Which records are late; see source_marks.h. Invariant: a mark never moves back. */
#include "wire/source_marks.h"

#include "base/arena.h"
#include "base/map.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Longer names are compared by their first bytes only; Blazz's own names are shorter. */
#define PRODUCER_MAX 64
#define TOPIC_MAX    200

struct mark {
	int64_t epoch, seq;
	int32_t index;
};

struct place {
	int32_t partition, slot, producer_n;
	char names[PRODUCER_MAX + TOPIC_MAX]; /* producer, directly followed by topic */
};

struct source_marks {
	struct map *by_place; /* from the used bytes of struct place to struct mark */
};

struct source_marks *source_marks_new(void)
{
	struct source_marks *m = mem_calloc(1, sizeof(*m));

	m->by_place = map_new();
	return m;
}

void source_marks_free(struct source_marks *m)
{
	struct str key;
	void *mark;

	if (!m)
		return;
	for (size_t i = 0; map_each(m->by_place, &i, &key, &mark);)
		free(mark);
	map_free(m->by_place);
	free(m);
}

static struct mark **mark_at(struct source_marks *m, int32_t partition, const struct event_source *s)
{
	size_t producer_n = s->producer.n < PRODUCER_MAX ? s->producer.n : PRODUCER_MAX;
	size_t topic_n = s->topic.n < TOPIC_MAX ? s->topic.n : TOPIC_MAX;
	struct place place;

	place.partition = partition;
	place.slot = s->slot;
	place.producer_n = (int32_t)producer_n;
	memcpy(place.names, s->producer.p, producer_n);
	if (topic_n > 0)
		memcpy(place.names + producer_n, s->topic.p, topic_n);
	return (struct mark **)map_slot(m->by_place,
		(struct str){ (const char *)&place, offsetof(struct place, names) + producer_n + topic_n });
}

bool source_is_late(struct source_marks *m, int32_t partition, const struct event_source *s, bool replayed)
{
	struct mark **mark;

	if (replayed || s->producer.n == 0)
		return false;
	mark = mark_at(m, partition, s);
	if (!*mark)
		*mark = mem_calloc(1, sizeof(**mark));
	else if (event_source_cmp(s,
			 &(struct event_source){
				 .epoch = (*mark)->epoch, .seq = (*mark)->seq, .index = (*mark)->index }) <= 0)
		return true;
	**mark = (struct mark){ s->epoch, s->seq, s->index };
	return false;
}
