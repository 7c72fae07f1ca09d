/* UTF-8 as PostgreSQL and protobuf want it: strict (no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Bytes of the code point that s begins with, 1 to 4; 0 when s is empty or does not begin with a valid one. */
size_t utf8_next(struct str s);
bool utf8_valid(struct str s);
/* Valid UTF-8 and without NUL: what a text column can hold. */
bool utf8_storable(struct str s);
/* Code points in valid UTF-8. */
size_t utf8_length(struct str s);
/* The longest prefix of at most max_bytes that does not cut a code point. */
struct str utf8_truncate(struct str s, size_t max_bytes);

#endif
