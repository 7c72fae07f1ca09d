/* A growable byte buffer: doubles, never shrinks. Invariant: n <= cap, and p is NULL only while cap is 0. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define BUF_MIN_BYTES ((size_t)64)

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
}

void buf_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	b->n = 0;
}

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap = b->cap ? b->cap : BUF_MIN_BYTES;

	if (b->p && b->cap - b->n >= extra)
		return b->p + b->n;
	if (__builtin_add_overflow(b->n, extra, &need))
		need = SIZE_MAX; /* mem_realloc aborts on it */
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	b->p = mem_realloc(b->p, cap);
	b->cap = cap;
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), p, n);
	b->n += n;
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_char(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t need = 1, room;

	do { /* again if the text was longer than the reserved space */
		char *at = buf_reserve(b, need);
		va_list ap;
		int n;

		room = b->cap - b->n;
		va_start(ap, fmt);
		n = vsnprintf(at, room, fmt, ap);
		va_end(ap);
		assert(n >= 0);
		need = (size_t)n + 1;
	} while (need > room);
	b->n += need - 1;
}

static void add_be(struct buf *b, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		buf_add_char(b, (char)(v >> (8 * bytes)));
}

void buf_add_be16(struct buf *b, uint16_t v)
{
	add_be(b, v, 2);
}

void buf_add_be32(struct buf *b, uint32_t v)
{
	add_be(b, v, 4);
}

void buf_add_be64(struct buf *b, uint64_t v)
{
	add_be(b, v, 8);
}

void buf_put_be32(struct buf *b, size_t at, uint32_t v)
{
	assert(b->n >= 4 && at <= b->n - 4);
	for (size_t i = 0; i < 4; i++)
		b->p[at + i] = (char)(v >> (24 - 8 * i));
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}
