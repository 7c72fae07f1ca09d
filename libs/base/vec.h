/* Arrays that grow by one element at a time: their capacity doubles, so that n elements cost n copies at most. How many there may be is
 * for the caller to bound; memory that runs out ends the process (base/arena.h), as does a size that overflows. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

/* The array, perhaps moved, with room behind its n elements for one more of `size` bytes; *cap: for how many there is room. An array
 * begins as NULL with *cap 0. From the heap: the caller frees it; the room is not zeroed. */
void *vec_grow(void *at, size_t n, size_t *cap, size_t size) __attribute__((returns_nonnull));
/* The same in an arena, which keeps what it moved from until its reset; the room is zeroed. */
void *vec_grow_in(struct arena *a, void *at, size_t n, size_t *cap, size_t size) __attribute__((returns_nonnull));

#endif
