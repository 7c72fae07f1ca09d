/* Memory that lives as long as one request or one batch: bump allocation, freed at once.
 *
 * Allocation never fails visibly: sizes that come from outside are capped before they get here, and running out of
 * memory ends the process with a message (the service is restarted and loses nothing).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"
#include <stdarg.h>

struct arena;

struct arena *arena_new(size_t first_block_bytes);
void arena_free(struct arena *a);
/* Forgets everything. Keeps the first block for the next use, and up to 15 more of that size when this use needed them. */
void arena_reset(struct arena *a);
size_t arena_used_bytes(const struct arena *a);

/* Zeroed, aligned for any type. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
void *arena_calloc(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));
#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))

/* Copies, NUL-terminated behind the counted bytes. An absent string stays absent. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* malloc family for what outlives an arena; abort with a message when memory is out. */
void *mem_alloc(size_t n) __attribute__((returns_nonnull, malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((returns_nonnull, malloc));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
void *mem_realloc_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_cstr(struct str s) __attribute__((returns_nonnull));

#endif
