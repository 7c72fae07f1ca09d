/* See cursor.h. */
#include "cleanup/jobs/cursor.h"

bool cursor_cut(struct str *text, int64_t *out)
{
	struct str head, rest = STR("");

	if (!str_cut(*text, '/', &head, &rest))
		head = *text;
	*text = rest;
	return str_to_i64(head, out);
}
