/* WhatsApp groups of a workspace. */
#ifndef STORE_GROUPS_H
#define STORE_GROUPS_H

#include "base/arena.h"
#include "store/rows.h"

/* Upserts by (workspace, jid), safe under concurrency, and locks (FOR UPDATE) those with lock[i]. Name is the jid when
 * rows[i].name is absent. Fills rows[i] whole; created[i] says whether it is new. rows are sorted by (workspace, jid)
 * and distinct. */
int store_groups_upsert(struct pg *pg, struct group_row *const *rows, const bool *lock, bool *created, size_t n,
	struct arena *a, struct err *err) ERR_MUST_USE;
/* Started only (pg_start). */
int store_groups(struct pg *pg, const struct group_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
