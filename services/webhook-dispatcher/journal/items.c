/* See items.h. */
#include "webhook-dispatcher/journal/items.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

void *items_add(struct items *l, size_t size)
{
	l->at = vec_grow(l->at, l->n, &l->cap, size);
	memset((char *)l->at + l->n * size, 0, size);
	return (char *)l->at + l->n++ * size;
}

void items_clear(struct items *l)
{
	l->n = 0;
}

void items_fini(struct items *l)
{
	free(l->at);
	*l = (struct items){ 0 };
}
