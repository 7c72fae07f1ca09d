/* See source_marks.h. Invariant: a mark never goes back. */
#include "wire/source_marks.h"

#include "base/arena.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define PRODUCER_MAX 64 /* longer names share a mark by their beginning, which Blazz's own do not have */

struct mark {
	int64_t epoch, seq;
	int32_t index;
};

struct source_marks {
	struct map *by_place; /* partition, slot, producer -> mark */
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
	char key[sizeof(partition) + sizeof(s->slot) + PRODUCER_MAX];
	size_t n = s->producer.n < PRODUCER_MAX ? s->producer.n : PRODUCER_MAX;

	memcpy(key, &partition, sizeof(partition));
	memcpy(key + sizeof(partition), &s->slot, sizeof(s->slot));
	memcpy(key + sizeof(partition) + sizeof(s->slot), s->producer.p, n);
	return (struct mark **)map_slot(m->by_place, (struct str){ key, sizeof(partition) + sizeof(s->slot) + n });
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
				 s->producer, s->slot, (*mark)->epoch, (*mark)->seq, (*mark)->index }) <= 0)
		return true;
	**mark = (struct mark){ s->epoch, s->seq, s->index };
	return false;
}
