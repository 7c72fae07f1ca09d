/* The names by which a body identifies its account: public ids, session names, or the row ids of the older contract.
 * Pure. */
#ifndef INGEST_SESSION_H
#define INGEST_SESSION_H

#include "ingest/accounts/catalogue.h"

#define SESSION_NAMES 2

/* Candidate names, with storage for those that are not text: a UUID's sixteen bytes, a row's id. */
struct session_names {
	struct name names[SESSION_NAMES];
	size_t n;
	struct uuid id;
	int64_t row;
};
/* The names that the text may be, without precedence: the account is the one whose secrets verify. None for an empty
 * text. Borrows the text. */
void session_names(struct session_names *out, struct str text);

/* The first of these members of a raw body that is a string or a number; absent: none. The body is scanned, not parsed
 * (json/members.h), and only its first JSON_MAX_MEMBERS members, among which a parsed body is looked up, too. */
struct str session_scan(struct str body, const char *const members[static 2], struct arena *a);
/* The same for a parsed body. */
struct str session_of(const json *body, const char *const members[static 2], struct arena *a);

/* Whether the text names this account (by its public id, session, reference at the bridge, or row id) or is empty. */
bool session_fits(struct str text, const struct catalogue_account *account);
/* False when the body has the workspace_id of another workspace: its public id or its row id, as string or number. */
bool session_workspace_fits(const json *body, const struct catalogue_account *account, struct arena *a);

#endif
