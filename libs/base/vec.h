/* Growing arrays: the capacity doubles, so that appending n elements copies at most n. The caller limits the number of
 * elements; running out of memory aborts the process (base/arena.h), as does a size that overflows. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/arena.h"

/* Makes room for one more element of `size` bytes after the n present ones. Returns the array, which may have moved,
 * and updates *cap, its capacity. An array starts as NULL with *cap 0. On the heap: the caller frees it; new memory
 * is not zeroed. */
void *vec_grow(void *at, size_t n, size_t *cap, size_t size) __attribute__((returns_nonnull));
/* The same in an arena, where the previous array stays allocated until the arena is reset; new memory is zeroed. */
void *vec_grow_in(struct arena *a, void *at, size_t n, size_t *cap, size_t size) __attribute__((returns_nonnull));

#endif
