/* A growable byte buffer. Appending never returns an error (see arena.h); the owner calls buf_fini. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap;
};

#define BUF_INIT { NULL, 0, 0 }

void buf_fini(struct buf *b);
void buf_clear(struct buf *b);                  /* keeps the memory */
/* For secrets, before buf_fini(): as buf_clear(), and zeroes the whole capacity, not only the current content. Memory
 * that was freed when the buffer grew is not zeroed: reserve enough at once. */
void buf_wipe(struct buf *b);
char *buf_reserve(struct buf *b, size_t extra); /* room for extra bytes at p + n */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_be16(struct buf *b, uint16_t v);
void buf_add_be32(struct buf *b, uint32_t v);
void buf_add_be64(struct buf *b, uint64_t v);
void buf_put_be32(struct buf *b, size_t at, uint32_t v); /* overwrites four bytes */
struct str buf_str(const struct buf *b);

#endif
