/* UTF-8 as PostgreSQL and protobuf require it: strict (no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Length in bytes (1 to 4) of the first code point of s; 0 when s is empty or does not begin with a valid one. */
size_t utf8_next(struct str s);
bool utf8_valid(struct str s);
/* Valid UTF-8 without NUL: storable in a text column of PostgreSQL. */
bool utf8_storable(struct str s);
/* Number of code points; s is valid UTF-8. */
size_t utf8_length(struct str s);
/* The longest prefix of at most max_bytes that does not split a code point. */
struct str utf8_truncate(struct str s, size_t max_bytes);

#endif
