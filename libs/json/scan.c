/* Repairs \u escapes and limits depth and number of values. Most bodies need none of it: if the text has no \u and
 * few brackets, inside strings or outside, and is no longer than the number of values allowed, it is copied at once.
 * Invariant: reads and writes stay within text.n bytes whatever the text is, and only whole \uXXXX escapes inside
 * strings change. */
#include "json/scan.h"

#include <string.h>

#include "base/hex.h"
#include "json/json.h"

#define ESCAPE_BYTES 6 /* \uXXXX */

/* [from, at) is text that stays unchanged and is not copied yet: it is copied at the next change. */
struct scan {
	const char *at, *from, *end;
	char *out;
	size_t depth, values;
};

static bool has_unicode_escape(struct str text)
{
	const char *at = text.p, *end = text.p + text.n;

	while (at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
		if (end - at > 1 && at[1] == 'u')
			return true;
		at += end - at > 1 ? 2 : 1;
	}
	return false;
}

/* Counts '[' and '{', which differ in bit 5 only, eight bytes at a time: each becomes a zero byte after the exclusive
 * or. */
static size_t count_openings(struct str text)
{
	const uint64_t ones = 0x0101010101010101u, low7 = 0x7f * ones;
	size_t i = 0, count = 0;

	for (uint64_t v; i + sizeof(v) <= text.n; i += sizeof(v)) {
		memcpy(&v, text.p + i, sizeof(v));
		v = (v | 0x20 * ones) ^ '{' * ones;
		v = ~(((v & low7) + low7) | v | low7);
		count += (v >> 7) * ones >> 56;
	}
	for (; i < text.n; i++)
		count += (text.p[i] | 0x20) == '{';
	return count;
}

/* The UTF-16 code unit of the escape at p; -1 when there is none. */
static int unit_at(const char *p, const char *end)
{
	uint8_t be[2];

	if (end - p < ESCAPE_BYTES || p[0] != '\\' || p[1] != 'u' ||
		!hex_decode((struct str){ p + 2, 4 }, be, sizeof(be)))
		return -1;
	return be[0] << 8 | be[1];
}

static bool is_high(int unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Copies the pending text, then skips n bytes. */
static void scan_skip(struct scan *s, size_t n)
{
	size_t kept = (size_t)(s->at - s->from);

	memcpy(s->out, s->from, kept);
	s->out += kept;
	s->at += n;
	s->from = s->at;
}

static void scan_replace(struct scan *s)
{
	scan_skip(s, ESCAPE_BYTES);
	memcpy(s->out, "\\ufffd", ESCAPE_BYTES);
	s->out += ESCAPE_BYTES;
}

/* Stops repairing text that no parser accepts: removing an escape further on could make it look valid. */
static void scan_fail(struct scan *s)
{
	s->at = s->end;
}

static bool is_continuation_at(const char *p, const char *end)
{
	return p < end && ((unsigned char)*p & 0xc0) == 0x80;
}

/* at points to a backslash followed by a u. */
static void scan_unit(struct scan *s)
{
	int unit = unit_at(s->at, s->end);
	const char *next;

	if (unit < 0) {
		scan_fail(s);
		return;
	}
	next = s->at + ESCAPE_BYTES;
	if (is_continuation_at(next, s->end))
		scan_fail(s);
	else if (unit == 0)
		scan_skip(s, ESCAPE_BYTES);
	else if (is_high(unit) && is_low(unit_at(next, s->end)))
		s->at = next + ESCAPE_BYTES;
	else if (is_high(unit) || is_low(unit))
		scan_replace(s);
	else
		s->at = next;
}

/* at points to a backslash. */
static void scan_escape(struct scan *s)
{
	if (s->end - s->at < 2)
		scan_fail(s);
	else if (s->at[1] == 'u')
		scan_unit(s);
	else
		s->at += 2;
}

/* On entry `at` is just after the opening quote, on return just after the closing one or at the end. */
static void scan_string(struct scan *s)
{
	while (s->at < s->end) {
		if (*s->at == '\\')
			scan_escape(s);
		else if (*s->at++ == '"')
			return;
	}
}

static enum json_scanned scan_all(struct scan *s)
{
	while (s->at < s->end && s->depth <= JSON_MAX_DEPTH && s->values <= JSON_MAX_VALUES) {
		char c = *s->at++;

		if (c == '"') {
			scan_string(s);
		} else if (c == ',') {
			s->values++;
		} else if (c == '{' || c == '[') {
			s->values++;
			s->depth++;
		} else if ((c == '}' || c == ']') && s->depth > 0) {
			s->depth--;
		}
	}
	if (s->depth > JSON_MAX_DEPTH)
		return JSON_TOO_DEEP;
	if (s->values > JSON_MAX_VALUES)
		return JSON_TOO_MANY;
	scan_skip(s, 0);
	return JSON_SCANNED;
}

/* Whether the limits hold without a scan: a text has at most one value per byte, and is at most as deep as it has
 * brackets. */
static bool is_plain(struct str text)
{
	return text.n <= JSON_MAX_VALUES && count_openings(text) <= JSON_MAX_DEPTH && !has_unicode_escape(text);
}

enum json_scanned json_scan(struct str text, char *out, size_t *n)
{
	struct scan s = { text.p, text.p, text.p, out, 0, 0 };
	enum json_scanned scanned;

	if (text.n == 0) {
		*n = 0;
		return JSON_SCANNED;
	}
	if (is_plain(text)) {
		memcpy(out, text.p, text.n);
		*n = text.n;
		return JSON_SCANNED;
	}
	s.end = text.p + text.n;
	scanned = scan_all(&s);
	if (scanned == JSON_SCANNED)
		*n = (size_t)(s.out - out);
	return scanned;
}
