/* What a workspace has set for sending (workspaces.settings.sending), and whether a restored database may send. */
#ifndef STORE_SENDING_SETTINGS_H
#define STORE_SENDING_SETTINGS_H

#include "base/arena.h"
#include "base/uuid.h"
#include "pg/pg.h"

#define SENDING_WORDS_MAX 50 /* of each list; further ones are ignored */

struct sending_settings {
	struct uuid workspace;
	int64_t portfolio_per_day; /* messages outside service windows; 0: not set */
	struct str *opt_out_words, *opt_in_words; /* trimmed, lower case; none is empty */
	size_t n_opt_out_words, n_opt_in_words;
};
/* In the arena. A member of another type counts as not set. 1: found; 0: no such workspace, or it is deleted. */
int store_sending_settings(struct pg *pg, int64_t workspace_id, struct arena *a, struct sending_settings *out,
	struct err *err) ERR_MUST_USE;

/* 1: a restore of the database is not accepted yet, so nothing may be sent; 0: none is. *accepted_us: when the latest was accepted, or PG_NO_TIME: single
 * messages that are older may have been sent before it. */
int store_restore_pending(struct pg *pg, int64_t *accepted_us, struct err *err) ERR_MUST_USE;

#endif
