/* Placeholders of a template's text; see placeholder.h. Invariant: the literals, the placeholders and the rest are the
 * text, in its order. */
#include "message/placeholder.h"

#include <string.h>

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A placeholder at the start of s: its name, and how many bytes it takes; 0: none. */
static size_t placeholder_read(struct str s, struct str *name)
{
	size_t from = 2, to;

	if (!str_starts(s, STR("{{")))
		return 0;
	while (from < s.n && s.p[from] == ' ')
		from++;
	to = from;
	while (to < s.n && to - from < PLACEHOLDER_MAX_BYTES && is_name_char(s.p[to]))
		to++;
	*name = str_slice(s, from, to);
	while (to < s.n && s.p[to] == ' ')
		to++;
	if (name->n == 0 || !str_starts(str_slice(s, to, s.n), STR("}}")))
		return 0;
	return to + 2;
}

bool placeholder_next(struct str *rest, struct str *literal, struct str *name)
{
	struct str found;

	for (size_t i = 0; i < rest->n; i++) {
		size_t n = rest->p[i] == '{' ? placeholder_read(str_slice(*rest, i, rest->n), &found) : 0;

		if (n == 0)
			continue;
		*literal = str_slice(*rest, 0, i);
		*name = found;
		*rest = str_slice(*rest, i + n, rest->n);
		return true;
	}
	*literal = *rest;
	*rest = str_slice(*rest, rest->n, rest->n);
	return false;
}
