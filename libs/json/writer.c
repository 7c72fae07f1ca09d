/* Writing JSON. Invariant: whatever the strings contain, the output is valid UTF-8, and a value is written only where
 * the grammar allows one. One bit per level says whether a comma is due. */
#include "json/writer.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <yyjson.h>

#include "base/utf8.h"

#define WRITER_MAX_DEPTH 64 /* bits of need_comma */

struct json_writer json_writer(struct buf *out)
{
	return (struct json_writer){ .out = out };
}

static void comma(struct json_writer *w)
{
	uint64_t bit = w->depth ? UINT64_C(1) << (w->depth - 1) : 0;

	if (w->need_comma & bit)
		buf_add_char(w->out, ',');
	w->need_comma |= bit;
}

static void value_begin(struct json_writer *w)
{
	if (!w->after_key)
		comma(w);
	w->after_key = false;
}

static void level_begin(struct json_writer *w, char bracket)
{
	assert(w->depth < WRITER_MAX_DEPTH);
	value_begin(w);
	buf_add_char(w->out, bracket);
	w->need_comma &= ~(UINT64_C(1) << w->depth);
	w->depth++;
}

static void level_end(struct json_writer *w, char bracket)
{
	assert(w->depth > 0 && !w->after_key);
	w->depth--;
	buf_add_char(w->out, bracket);
}

void jw_obj(struct json_writer *w)
{
	level_begin(w, '{');
}

void jw_obj_end(struct json_writer *w)
{
	level_end(w, '}');
}

void jw_arr(struct json_writer *w)
{
	level_begin(w, '[');
}

void jw_arr_end(struct json_writer *w)
{
	level_end(w, ']');
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void add_control(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	const char escape[] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

	buf_add(out, escape, sizeof(escape));
}

/* For a byte that must be escaped in a string. */
static void add_escape(struct buf *out, unsigned char c)
{
	static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the byte, and the letter of its escape */

	for (size_t i = 0; i + 1 < sizeof(named); i += 2)
		if ((unsigned char)named[i] == c) {
			buf_add(out, (const char[]){ '\\', named[i + 1] }, 2);
			return;
		}
	if (c < 0x20)
		add_control(out, c);
	else
		buf_add_str(out, STR("\xef\xbf\xbd")); /* U+FFFD: no valid code point begins here */
}

/* Whether the whole string is ASCII that needs no escape. Checks eight bytes at a time; a high bit in the result
 * marks a byte that does. */
static bool is_all_plain(struct str v)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
	size_t i = 0;

	for (uint64_t eight, quote, slash; i + sizeof(eight) <= v.n; i += sizeof(eight)) {
		memcpy(&eight, v.p + i, sizeof(eight));
		quote = eight ^ '"' * ones;
		slash = eight ^ '\\' * ones;
		if ((eight | (eight - 0x20 * ones) | (quote - ones) | (slash - ones)) & high)
			return false;
	}
	for (; i < v.n; i++)
		if ((unsigned char)v.p[i] >= 0x80 || !is_plain((unsigned char)v.p[i]))
			return false;
	return true;
}

static void add_plain(struct buf *out, struct str v)
{
	char *at = buf_reserve(out, v.n + 2);

	at[0] = '"';
	if (v.n > 0)
		memcpy(at + 1, v.p, v.n);
	at[v.n + 1] = '"';
	out->n += v.n + 2;
}

static void add_string(struct buf *out, struct str v)
{
	size_t from = 0, i = 0;

	if (is_all_plain(v)) {
		add_plain(out, v);
		return;
	}
	buf_add_char(out, '"');
	while (i < v.n) {
		unsigned char c = (unsigned char)v.p[i];
		size_t fine = c < 0x80 ? is_plain(c) : utf8_next((struct str){ v.p + i, v.n - i });

		if (fine == 0) {
			buf_add(out, v.p + from, i - from);
			add_escape(out, c);
			from = i + 1;
		}
		i += fine ? fine : 1;
	}
	if (v.n > from)
		buf_add(out, v.p + from, v.n - from);
	buf_add_char(out, '"');
}

void jw_key_str(struct json_writer *w, struct str key)
{
	assert(w->depth > 0 && !w->after_key);
	comma(w);
	add_string(w->out, key);
	buf_add_char(w->out, ':');
	w->after_key = true;
}

void jw_key(struct json_writer *w, const char *key)
{
	jw_key_str(w, str_of(key));
}

void jw_raw(struct json_writer *w, struct str trusted)
{
	value_begin(w);
	buf_add_str(w->out, trusted);
}

void jw_null(struct json_writer *w)
{
	jw_raw(w, STR("null"));
}

void jw_bool(struct json_writer *w, bool v)
{
	jw_raw(w, v ? STR("true") : STR("false"));
}

void jw_str(struct json_writer *w, struct str v)
{
	if (!v.p) {
		jw_null(w);
		return;
	}
	value_begin(w);
	add_string(w->out, v);
}

void jw_i64(struct json_writer *w, int64_t v)
{
	char digits[20]; /* -9223372036854775808 */
	char *at = digits + sizeof(digits);
	uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (v < 0)
		*--at = '-';
	jw_raw(w, (struct str){ at, (size_t)(digits + sizeof(digits) - at) });
}

void jw_f64(struct json_writer *w, double v)
{
	yyjson_val number = { 0 };
	char memory[512];
	yyjson_alc alc;
	struct str text;

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	unsafe_yyjson_set_real(&number, v);
	yyjson_alc_pool_init(&alc, memory, sizeof(memory));
	text.p = yyjson_val_write_opts(&number, YYJSON_WRITE_NOFLAG, &alc, &text.n, NULL);
	assert(text.p); /* the pool is far larger than any number */
	jw_raw(w, text);
}

void jw_member_str(struct json_writer *w, const char *key, struct str v)
{
	if (!v.p)
		return;
	jw_key(w, key);
	jw_str(w, v);
}

void jw_member_i64(struct json_writer *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_i64(w, v);
}

void jw_member_bool(struct json_writer *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void jw_member_raw(struct json_writer *w, const char *key, struct str v)
{
	if (!v.p)
		return;
	jw_key(w, key);
	jw_raw(w, v);
}
