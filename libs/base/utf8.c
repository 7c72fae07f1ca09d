/* Strict UTF-8 (Unicode 15, table 3-7): the second byte's range depends on the first, all others are 80..BF. */
#include "base/utf8.h"

#include <string.h>

struct lead {
	size_t n; /* bytes of the code point */
	unsigned char low, high; /* range of the second byte */
};

static struct lead lead_of(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return (struct lead){ 2, 0x80, 0xbf };
	if (c == 0xe0) /* no overlong forms */
		return (struct lead){ 3, 0xa0, 0xbf };
	if (c == 0xed) /* no surrogates */
		return (struct lead){ 3, 0x80, 0x9f };
	if (c >= 0xe1 && c <= 0xef)
		return (struct lead){ 3, 0x80, 0xbf };
	if (c == 0xf0)
		return (struct lead){ 4, 0x90, 0xbf };
	if (c >= 0xf1 && c <= 0xf3)
		return (struct lead){ 4, 0x80, 0xbf };
	if (c == 0xf4) /* at most U+10FFFF */
		return (struct lead){ 4, 0x80, 0x8f };
	return (struct lead){ 0, 0, 0 };
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_next(struct str s)
{
	struct lead lead;
	unsigned char second;

	if (s.n == 0)
		return 0;
	if ((unsigned char)s.p[0] < 0x80)
		return 1;
	lead = lead_of((unsigned char)s.p[0]);
	if (lead.n == 0 || s.n < lead.n)
		return 0;
	second = (unsigned char)s.p[1];
	if (second < lead.low || second > lead.high)
		return 0;
	for (size_t i = 2; i < lead.n; i++)
		if (!is_continuation(s.p[i]))
			return 0;
	return lead.n;
}

#define EACH_BYTE(v) (UINT64_C(0x0101010101010101) * (v))

/* Number of leading bytes of s that are ASCII and not NUL, as nearly all are; checked eight at a time. */
static size_t plain_run(struct str s)
{
	size_t i = 0;

	for (uint64_t eight; i + sizeof(eight) <= s.n; i += sizeof(eight)) {
		memcpy(&eight, s.p + i, sizeof(eight));
		if ((eight | (eight - EACH_BYTE(1))) & EACH_BYTE(0x80)) /* not ASCII, or a NUL that borrowed */
			break;
	}
	while (i < s.n && (signed char)s.p[i] > 0)
		i++;
	return i;
}

static bool is_text(struct str s, bool with_nul)
{
	for (size_t n; (n = plain_run(s)) < s.n;) {
		s = (struct str){ s.p + n, s.n - n };
		if (!with_nul && s.p[0] == '\0')
			return false;
		n = utf8_next(s);
		if (n == 0)
			return false;
		s = (struct str){ s.p + n, s.n - n };
	}
	return true;
}

bool utf8_valid(struct str s)
{
	return is_text(s, true);
}

bool utf8_storable(struct str s)
{
	return is_text(s, false);
}

size_t utf8_length(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; i++)
		count += !is_continuation(s.p[i]);
	return count;
}

struct str utf8_truncate(struct str s, size_t max_bytes)
{
	if (s.n <= max_bytes)
		return s;
	while (max_bytes > 0 && is_continuation(s.p[max_bytes]))
		max_bytes--;
	return (struct str){ s.p, max_bytes };
}
