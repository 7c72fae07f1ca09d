/* Bump allocation from a chain of blocks. Small allocations come from the current block; one that would waste a good
 * part of a block gets a block of its own, linked behind the current one so that the current one's free space stays in
 * use. Under AddressSanitizer, memory that is not allocated is poisoned, so that it reports overruns as it does for
 * malloc.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_MIN_BYTES ((size_t)1024)
#define BLOCK_MAX_BYTES ((size_t)1 << 20) /* block sizes double up to this */
#define PRINTF_BYTES    256 /* longer than most texts of arena_printf() */
#define SPARE_BLOCKS    15

struct block {
	struct block *next;
	size_t cap, used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *current; /* head of the chain */
	struct block *first;   /* kept by arena_reset; somewhere in the chain */
	struct block *spare;   /* blocks of the first one's size, kept by arena_reset for reuse */
	size_t block_bytes;    /* size of the next block that is not dedicated to one allocation */
	size_t used_bytes;
};

static _Noreturn void die_of_memory(size_t n)
{
	fprintf(stderr, "out of memory: %zu bytes\n", n);
	abort();
}

static size_t product(size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		die_of_memory(SIZE_MAX);
	return n;
}

static struct block *block_new(size_t cap)
{
	struct block *b;

	if (cap > SIZE_MAX - sizeof(*b))
		die_of_memory(cap);
	b = mem_alloc(sizeof(*b) + cap);
	b->next = NULL;
	b->cap = cap;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->bytes, cap);
	return b;
}

struct arena *arena_new(size_t first_block_bytes)
{
	struct arena *a = mem_alloc(sizeof(*a));

	a->block_bytes = first_block_bytes > BLOCK_MIN_BYTES ? first_block_bytes : BLOCK_MIN_BYTES;
	a->first = a->current = block_new(a->block_bytes);
	a->spare = NULL;
	a->used_bytes = 0;
	return a;
}

static void chain_free(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

/* Keeps as many spare blocks as the last use needed, so that memory shrinks again after a peak. */
void arena_reset(struct arena *a)
{
	struct block *used = a->current;
	size_t kept = 0;

	chain_free(a->spare);
	a->spare = NULL;
	while (used) {
		struct block *b = used;

		used = b->next;
		if (b == a->first)
			continue;
		if (b->cap != a->first->cap || kept == SPARE_BLOCKS) {
			free(b);
			continue;
		}
		b->next = a->spare;
		b->used = 0;
		a->spare = b;
		kept++;
		ASAN_POISON_MEMORY_REGION(b->bytes, b->cap);
	}
	a->current = a->first;
	a->block_bytes = a->first->cap;
	a->used_bytes = 0;
	a->first->next = NULL;
	a->first->used = 0;
	ASAN_POISON_MEMORY_REGION(a->first->bytes, a->first->cap);
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_reset(a);
	chain_free(a->spare);
	free(a->first);
	free(a);
}

size_t arena_used_bytes(const struct arena *a)
{
	return a->used_bytes;
}

static struct block *block_own(struct arena *a, size_t n)
{
	struct block *b = block_new(n);

	b->next = a->current->next;
	a->current->next = b;
	return b;
}

static struct block *block_ordinary(struct arena *a)
{
	struct block *b;

	if (a->block_bytes <= BLOCK_MAX_BYTES / 2)
		a->block_bytes *= 2;
	b = a->spare && a->spare->cap >= a->block_bytes ? a->spare : NULL;
	if (b)
		a->spare = b->next;
	else
		b = block_new(a->block_bytes);
	b->next = a->current;
	a->current = b;
	return b;
}

static struct block *block_with_room(struct arena *a, size_t n)
{
	if (a->current->cap - a->current->used >= n)
		return a->current;
	return n > a->block_bytes / 4 ? block_own(a, n) : block_ordinary(a);
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	size_t taken;
	struct block *b;
	char *p;

	if (n > SIZE_MAX - align)
		die_of_memory(n);
	taken = n ? (n + align - 1) / align * align : align;
	b = block_with_room(a, taken);
	p = b->bytes + b->used;
	b->used += taken;
	a->used_bytes += taken;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return memset(p, 0, n);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	return arena_alloc(a, product(count, size));
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return s.p ? (struct str){ arena_cstr(a, s), s.n } : STR_NONE;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	char text[PRINTF_BYTES], *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		die_of_memory(0);
	if ((size_t)n < sizeof(text))
		return arena_str(a, (struct str){ text, (size_t)n });
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (struct str){ p, (size_t)n };
}

void *mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		die_of_memory(n);
	return p;
}

void *mem_calloc(size_t count, size_t size)
{
	size_t n = product(count, size);

	return memset(mem_alloc(n), 0, n);
}

void *mem_realloc(void *p, size_t n)
{
	void *moved = realloc(p, n ? n : 1);

	if (!moved)
		die_of_memory(n);
	return moved;
}

void *mem_realloc_array(void *p, size_t count, size_t size)
{
	return mem_realloc(p, product(count, size));
}

char *mem_cstr(struct str s)
{
	char *p = mem_alloc(s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}
