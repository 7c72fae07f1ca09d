/* The names by which a body says whose it is: public ids, session names, or the numbers of the older contract. Pure. */
#ifndef INGEST_SESSION_H
#define INGEST_SESSION_H

#include "ingest/catalogue.h"

#define SESSION_NAMES 2

/* Storage for names that are not text: an id's sixteen bytes, a row's number. */
struct session_names {
	struct name names[SESSION_NAMES];
	size_t n;
	struct uuid id;
	int64_t row;
};
/* What accounts the text may name, as candidates of equal right: whose secrets fit, it is. None for an empty one. Borrows the
 * text. */
void session_names(struct session_names *out, struct str text);

/* The first of these members of a raw body that is a text or a number; absent: none. Nothing else of the body is read. */
struct str session_scan(struct str body, const char *const members[static 2], struct arena *a);
/* The same of a parsed one. */
struct str session_of(const json *body, const char *const members[static 2], struct arena *a);

/* Whether the text names this account, or nothing: its public id, session, reference at the bridge, or number. */
bool session_fits(struct str text, const struct catalogue_account *account);
/* False when the body's workspace_id is another's: public id or number, as text or number. */
bool session_workspace_fits(const json *body, const struct catalogue_account *account, struct arena *a);

#endif
