/* Cleaning data; see clean.h. Invariant: a character is copied whole or not at all. */
#include "message/clean.h"

#include <string.h>

#include "message/character.h"

#define ZERO_WIDTH_SPACE "\xe2\x80\x8b"

/* A joiner shapes the letters beside it, a selector the one before it. */
enum role { VISIBLE, SPACE, HIDDEN, JOINER, SELECTOR };

struct range {
	uint32_t first, last;
	enum role role;
};

/* White_Space, the controls, and Default_Ignorable_Code_Point of Unicode 15. The blank pattern of Braille (U+2800) is
 * no white space there, but looks like it. */
static const struct range ranges[] = {
	{ 0x0000, 0x0008, HIDDEN },
	{ 0x0009, 0x000d, SPACE },
	{ 0x000e, 0x001f, HIDDEN },
	{ 0x0020, 0x0020, SPACE },
	{ 0x007f, 0x0084, HIDDEN },
	{ 0x0085, 0x0085, SPACE },
	{ 0x0086, 0x009f, HIDDEN },
	{ 0x00a0, 0x00a0, SPACE },
	{ 0x00ad, 0x00ad, HIDDEN }, /* soft hyphen */
	{ 0x034f, 0x034f, HIDDEN },
	{ 0x061c, 0x061c, HIDDEN }, /* bidi */
	{ 0x115f, 0x1160, HIDDEN }, /* Hangul fillers */
	{ 0x1680, 0x1680, SPACE },
	{ 0x17b4, 0x17b5, HIDDEN },
	{ 0x180b, 0x180d, SELECTOR },
	{ 0x180e, 0x180e, HIDDEN },
	{ 0x180f, 0x180f, SELECTOR },
	{ 0x2000, 0x200a, SPACE },
	{ 0x200b, 0x200b, HIDDEN },
	{ 0x200c, 0x200d, JOINER },
	{ 0x200e, 0x200f, HIDDEN }, /* bidi */
	{ 0x2028, 0x2029, SPACE },
	{ 0x202a, 0x202e, HIDDEN }, /* bidi */
	{ 0x202f, 0x202f, SPACE },
	{ 0x205f, 0x205f, SPACE },
	{ 0x2060, 0x206f, HIDDEN }, /* bidi among them */
	{ 0x2800, 0x2800, SPACE },
	{ 0x3000, 0x3000, SPACE },
	{ 0x3164, 0x3164, HIDDEN }, /* Hangul filler */
	{ 0xfe00, 0xfe0f, SELECTOR },
	{ 0xfeff, 0xfeff, HIDDEN },
	{ 0xffa0, 0xffa0, HIDDEN },
	{ 0xfff0, 0xfffb, HIDDEN },
	{ 0x1bca0, 0x1bca3, HIDDEN },
	{ 0x1d173, 0x1d17a, HIDDEN },
	{ 0xe0000, 0xe00ff, HIDDEN }, /* tags */
	{ 0xe0100, 0xe01ef, SELECTOR },
	{ 0xe01f0, 0xe0fff, HIDDEN },
};

static enum role role_of(uint32_t code)
{
	size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

	if (code > 0x20 && code < 0x7f)
		return VISIBLE;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (code > ranges[middle].last)
			low = middle + 1;
		else if (code < ranges[middle].first)
			high = middle;
		else
			return ranges[middle].role;
	}
	return VISIBLE;
}

/* Whether joiners have an effect beside this character: Arabic and all later scripts, but for more Latin and Greek, and
 * emoji. */
static bool is_joined(uint32_t code)
{
	return code >= 0x0600 && !(code >= 0x1e00 && code <= 0x1fff);
}

struct cleaned {
	struct buf *out;
	size_t start; /* of the cleaned text in out */
	uint32_t before; /* the character before, if it is visible and adjacent; else 0 */
	struct str joiner; /* between `before` and the next character; absent without one */
	bool space; /* before the next character */
};

static void add_visible(struct cleaned *c, uint32_t code, struct str bytes)
{
	if (c->space && c->out->n > c->start)
		buf_add_char(c->out, ' ');
	else if (c->joiner.n > 0 && is_joined(c->before) && is_joined(code))
		buf_add_str(c->out, c->joiner);
	buf_add_str(c->out, code == CHARACTER_REPLACEMENT ? STR("\xef\xbf\xbd") : bytes);
	c->before = code;
	c->joiner = STR_NONE;
	c->space = false;
}

static void add(struct cleaned *c, uint32_t code, struct str bytes)
{
	switch (role_of(code)) {
	case VISIBLE:
		add_visible(c, code, bytes);
		break;
	case SELECTOR:
		if (c->before && c->joiner.n == 0)
			add_visible(c, code, bytes);
		break;
	case SPACE:
		c->space = true;
		c->before = 0;
		c->joiner = STR_NONE;
		break;
	case JOINER:
		if (c->before && c->joiner.n == 0)
			c->joiner = bytes;
		break;
	case HIDDEN:
		break;
	}
}

void clean_text(struct buf *out, struct str s)
{
	struct cleaned c = { .out = out, .start = out->n };
	struct character at;

	for (size_t i = 0; i < s.n; i += at.n) {
		at = character_first(str_slice(s, i, s.n));
		add(&c, at.code, str_slice(s, i, i + at.n));
	}
}

bool clean_is_empty(struct str s)
{
	struct character at;

	for (size_t i = 0; i < s.n; i += at.n) {
		at = character_first(str_slice(s, i, s.n));
		if (role_of(at.code) == VISIBLE)
			return false;
	}
	return true;
}

/* The bytes of "- ", "> " or "1. " at the start of s before its space, which may also follow in the author's text; 0:
 * there is none. "* " is a mark anyway. */
static size_t line_mark(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	if (n < s.n && (n > 0 ? s.p[n] == '.' : s.p[n] == '-' || s.p[n] == '>'))
		n++;
	else
		return 0;
	return n == s.n || s.p[n] == ' ' ? n : 0;
}

void clean_formatting(struct buf *out, struct str s)
{
	struct buf clean = BUF_INIT;
	struct str text;
	size_t line;

	clean_text(&clean, s);
	text = buf_str(&clean);
	line = line_mark(text);
	for (size_t i = 0; i < text.n; i++) {
		buf_add_char(out, text.p[i]);
		if (i + 1 == line || memchr("*_~`", text.p[i], 4))
			buf_add_str(out, STR(ZERO_WIDTH_SPACE));
	}
	buf_fini(&clean);
}
