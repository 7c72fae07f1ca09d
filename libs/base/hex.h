/* Hexadecimal and base64 (RFC 4648). Decoding is strict. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/buf.h"
#include "base/str.h"

void hex_encode(const void *p, size_t n, char *out);       /* 2n lower-case characters, no NUL */
void hex_add(struct buf *out, const void *p, size_t n);    /* appends them */
bool hex_decode(struct str s, void *out, size_t n);        /* exactly 2n characters */
void base64_encode(struct buf *out, const void *p, size_t n); /* appends, with padding */
bool base64_decode(struct buf *out, struct str s);         /* appends; padding required; on false, out is unchanged */

#endif
