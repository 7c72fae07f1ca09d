/* The characters (code points) of a text, one at a time. */
#ifndef MESSAGE_CHARACTER_H
#define MESSAGE_CHARACTER_H

#include "base/utf8.h"

struct character {
	uint32_t code;
	size_t n; /* bytes it takes */
};
#define CHARACTER_REPLACEMENT 0xfffdu

/* The first character of s, which is not empty; a byte that is not UTF-8 is U+FFFD. */
static inline struct character character_first(struct str s)
{
	struct character c = { (unsigned char)s.p[0], utf8_next(s) };

	if (c.n == 0)
		return (struct character){ CHARACTER_REPLACEMENT, 1 };
	if (c.n > 1)
		c.code &= 0x7fu >> c.n;
	for (size_t i = 1; i < c.n; i++)
		c.code = c.code << 6 | ((unsigned char)s.p[i] & 0x3f);
	return c;
}

#endif
