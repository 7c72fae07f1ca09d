/* Unauthenticated requests by source; see sources.h. Invariant: a source has an entry exactly while it has requests. */
#include "ingest/limits/sources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"

struct sources {
	struct map *map;
};

struct sources *sources_new(void)
{
	struct sources *s = mem_calloc(1, sizeof(*s));

	s->map = map_new();
	return s;
}

void sources_free(struct sources *s)
{
	if (!s)
		return;
	map_free(s->map);
	free(s);
}

struct source sources_look(const struct sources *s, struct str key)
{
	const struct source *source = map_get(s->map, key);

	return source ? *source : (struct source){ .key_n = 0 };
}

struct source *sources_enter(struct sources *s, struct str key)
{
	struct source **slot = (struct source **)map_slot(s->map, key);

	assert(key.n <= sizeof((*slot)->key));
	if (!*slot) {
		*slot = mem_calloc(1, sizeof(**slot));
		(*slot)->key_n = key.n;
		if (key.n > 0)
			memcpy((*slot)->key, key.p, key.n);
	}
	(*slot)->requests++;
	return *slot;
}

void sources_leave(struct sources *s, struct source **source, size_t bytes)
{
	struct source *left = *source;

	*source = NULL;
	if (!left)
		return;
	left->bytes -= bytes;
	if (--left->requests > 0)
		return;
	map_del(s->map, (struct str){ (const char *)left->key, left->key_n });
	free(left);
}
