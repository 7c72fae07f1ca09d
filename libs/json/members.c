/* Scanning the members of a top-level object; see members.h. Invariant: reads stay within the text, and each step moves
 * forward. */
#include "json/members.h"

#include <string.h>

#include "base/hex.h"
#include "json/json.h"

static void space_skip(struct json_members *m)
{
	while (m->at < m->end && (*m->at == ' ' || *m->at == '\n' || *m->at == '\r' || *m->at == '\t'))
		m->at++;
}

static bool expect(struct json_members *m, char c)
{
	space_skip(m);
	if (m->at == m->end || *m->at != c)
		return false;
	m->at++;
	return true;
}

/* On entry `at` is just after the opening quote, on success just after the closing one. A quote ends the string
 * unless an odd number of backslashes precedes it. */
static bool string_skip(struct json_members *m)
{
	const char *from = m->at, *quote, *p;

	while (m->at < m->end && (quote = memchr(m->at, '"', (size_t)(m->end - m->at)))) {
		for (p = quote; p > from && p[-1] == '\\';)
			p--;
		m->at = quote + 1;
		if ((quote - p) % 2 == 0)
			return true;
		from = m->at;
	}
	return false;
}

/* On entry `at` is on the opening bracket. Only the depth is counted: the parser checks later that brackets match. */
static bool brackets_skip(struct json_members *m)
{
	size_t depth = 0;

	while (m->at < m->end) {
		char c = *m->at++;

		if (c == '"' && !string_skip(m))
			return false;
		if ((c == '{' || c == '[') && ++depth >= JSON_MAX_DEPTH)
			return false;
		if ((c == '}' || c == ']') && --depth == 0)
			return true;
	}
	return false;
}

static bool value_skip(struct json_members *m)
{
	const char *from = m->at;

	if (m->at == m->end)
		return false;
	if (*m->at == '{' || *m->at == '[')
		return brackets_skip(m);
	if (*m->at == '"') {
		m->at++;
		return string_skip(m);
	}
	while (m->at < m->end && !memchr(",}] \n\r\t", *m->at, 7))
		m->at++;
	return m->at > from;
}

struct json_members json_members(struct str text)
{
	struct json_members m = { text.p, text.p, false };

	if (text.n > 0)
		m.end = text.p + text.n;
	m.more = expect(&m, '{');
	return m;
}

bool json_members_next(struct json_members *m, struct str *name, struct str *value)
{
	const char *from;

	m->more = m->more && expect(m, '"');
	from = m->at;
	m->more = m->more && string_skip(m);
	if (!m->more)
		return false;
	*name = (struct str){ from, (size_t)(m->at - from) - 1 };
	m->more = expect(m, ':');
	space_skip(m);
	from = m->at;
	m->more = m->more && value_skip(m);
	if (!m->more)
		return false;
	*value = (struct str){ from, (size_t)(m->at - from) };
	m->more = expect(m, ',');
	return true;
}

/* The next character of a name as the parser will decode it: 0 for one that it removes, -1 for one that no ASCII name
 * contains. */
static int char_next(struct str *written)
{
	int c = (unsigned char)written->p[0];
	uint8_t unit[2];

	if (c != '\\') {
		*written = str_slice(*written, 1, written->n);
		return c;
	}
	if (written->n < 6 || written->p[1] != 'u' || !hex_decode(str_slice(*written, 2, 6), unit, 2) || unit[0] != 0)
		return -1;
	*written = str_slice(*written, 6, written->n);
	return unit[1];
}

bool json_member_is(struct str written, const char *name)
{
	while (written.n > 0) {
		int c = char_next(&written);

		if (c == 0)
			continue;
		if (*name == '\0' || c != (unsigned char)*name)
			return false;
		name++;
	}
	return *name == '\0';
}

struct str json_member_text(struct str value, size_t max, struct arena *a)
{
	struct json_doc *doc = NULL;
	struct str text;

	if (value.n > max || json_parse(&doc, value, NULL) < 0)
		return STR_NONE;
	text = arena_str(a, json_text(json_root(doc), a));
	json_free(doc);
	return text;
}
