/* Borrowed byte strings. Invariant: an absent string ({NULL, 0}) stays absent through every function here. */
#include "base/str.h"

#include <string.h>

struct str str_of(const char *cstr)
{
	return cstr ? (struct str){ cstr, strlen(cstr) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
	return str_cmp(a, b) == 0;
}

bool str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_of(cstr));
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order;

	if (!a.p || !b.p)
		return (a.p != NULL) - (b.p != NULL);
	order = memcmp(a.p, b.p, n);
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (!s.p)
		return STR_NONE;
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return (struct str){ s.p + from, to - from };
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail)
{
	const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;
	size_t n;

	if (!at) {
		*head = s;
		*tail = STR_NONE;
		return false;
	}
	n = (size_t)(at - s.p);
	*head = (struct str){ s.p, n };
	*tail = (struct str){ at + 1, s.n - n - 1 };
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = (struct str){ s.p + 1, s.n - 1 };
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

bool str_to_i64(struct str s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	struct str digits = str_slice(s, negative, s.n);
	int64_t v = 0;

	if (!str_all_digits(digits))
		return false;
	/* Accumulated as a negative number: int64_t has one more of those than positive ones. */
	for (size_t i = 0; i < digits.n; i++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digits.p[i] - '0', &v))
			return false;
	if (!negative && v == INT64_MIN)
		return false;
	*out = negative ? v : -v;
	return true;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	return h;
}
