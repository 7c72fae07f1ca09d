/* Growing arrays; see vec.h. */
#include "base/vec.h"

#include <string.h>

#define CAP_MIN 16

static size_t doubled(size_t cap)
{
	return cap > 0 ? cap * 2 : CAP_MIN; /* cannot overflow: cap elements of at least one byte are in memory */
}

void *vec_grow(void *at, size_t n, size_t *cap, size_t size)
{
	if (at && n < *cap)
		return at;
	*cap = doubled(*cap);
	return mem_realloc_array(at, *cap, size);
}

void *vec_grow_in(struct arena *a, void *at, size_t n, size_t *cap, size_t size)
{
	void *grown;

	if (at && n < *cap)
		return at;
	*cap = doubled(*cap);
	grown = arena_calloc(a, *cap, size);
	if (at)
		memcpy(grown, at, n * size);
	return grown;
}
