/* See storage_path.h. */
#include "cleanup/policy/storage_path.h"

#include <string.h>

static bool is_name(struct str s)
{
	return s.n > 0 && !memchr(s.p, '/', s.n) && !memchr(s.p, '\0', s.n) && !str_is(s, ".") && !str_is(s, "..");
}

/* Whether `rest` begins with the word, which is then taken off. */
static bool take(struct str *rest, struct str word)
{
	if (!str_starts(*rest, word))
		return false;
	*rest = str_slice(*rest, word.n, rest->n);
	return true;
}

bool storage_path_expand(struct str storage_path, struct str workspace, struct str session, struct buf *out)
{
	if (!is_name(workspace) || !is_name(session))
		return false;
	while (storage_path.n > 0) {
		if (take(&storage_path, STR("{workspace}"))) {
			buf_add_str(out, workspace);
		} else if (take(&storage_path, STR("{session}"))) {
			buf_add_str(out, session);
		} else {
			buf_add_char(out, storage_path.p[0]);
			storage_path = str_slice(storage_path, 1, storage_path.n);
		}
	}
	return out->n > 0;
}
