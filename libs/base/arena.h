/* Arena allocator for memory that lives as long as one request or one batch: bump allocation, all freed at once.
 *
 * Allocation never returns an error: callers cap sizes that come from outside before they allocate, and running out of
 * memory aborts the process with a message (the supervisor restarts the service, and no data is lost).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"
#include <stdarg.h>

struct arena;

struct arena *arena_new(size_t first_block_bytes);
void arena_free(struct arena *a);
/* Invalidates everything allocated so far. Keeps the first block for reuse, and up to 15 more of that size if they were
 * needed since the last reset. */
void arena_reset(struct arena *a);
size_t arena_used_bytes(const struct arena *a);

/* Zeroed memory, aligned for any type. n == 0 returns a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
void *arena_calloc(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));
#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))

/* Copies, with a NUL after the counted bytes. An absent string stays absent. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The malloc family, for what outlives an arena. Out of memory: aborts with a message. */
void *mem_alloc(size_t n) __attribute__((returns_nonnull, malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((returns_nonnull, malloc));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
void *mem_realloc_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_cstr(struct str s) __attribute__((returns_nonnull));

#endif
