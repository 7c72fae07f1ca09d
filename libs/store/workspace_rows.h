/* The rows of deleted workspaces: every table that has them, in one list, and their deletion in pages. Role blazz_cleanup.
 *
 * A workspace is deleted in stages (workspaces.deletion_stage): deleted and restorable, then its sessions are deleted at their bridges, then its
 * rows. A table comes after all that refer to it, as no key cascades; the last one is workspaces. A test compares the list with the catalogue. */
#ifndef STORE_WORKSPACE_ROWS_H
#define STORE_WORKSPACE_ROWS_H

#include "pg/pg.h"

struct workspace_table {
	const char *name;
	const struct pg_stmt *find, *delete;
	bool refers_to_itself; /* rows that others refer to stay: they are deleted when it is walked again */
};
extern const struct workspace_table workspace_tables[];
extern const size_t workspace_tables_count;

/* Rows of a workspace from a key on, in its order: the first number of the table's key behind the workspace, 0 in a table without one. */
struct workspace_page {
	int64_t workspace_id, from, limit;
	/* Out */
	int64_t n; /* rows found, of find a few more than limit; fewer: there are none behind them */
	int64_t to; /* the key of the last one */
	int64_t deleted; /* of n: fewer when another transaction has changed a row meanwhile */
};
/* Counts them, and changes nothing: rows of the key `to` are all counted, so the next page begins at the key after it. */
int store_workspace_rows_find(struct pg *pg, const struct workspace_table *t, struct workspace_page *page,
	struct err *err) ERR_MUST_USE;
/* Deletes them. The next page begins at `to`. */
int store_workspace_rows_delete(struct pg *pg, const struct workspace_table *t, struct workspace_page *page,
	struct err *err) ERR_MUST_USE;

/* A deleted workspace whose time has come. */
struct workspace_deletion {
	int64_t id;
	bool begun; /* cannot be restored any more */
	bool sessions_gone; /* no bridge has a session of it, as far as is known, and every service knows that it is deleted */
	bool rows; /* its rows are being deleted */
};
struct workspace_limits {
	struct uuid only; /* this workspace; nil: any */
	int64_t after_ms; /* since it was deleted */
	int64_t wait_ms; /* since its sessions began to be deleted */
};
/* The first one from this id on. 1: found, 0: none. */
int store_workspace_deletion(struct pg *pg, int64_t from_id, const struct workspace_limits *limits,
	struct workspace_deletion *out, struct err *err) ERR_MUST_USE;
/* Enters the stage of that word. 0: it was restored meanwhile. */
int store_workspace_stage(struct pg *pg, int64_t id, const char *word, struct err *err) ERR_MUST_USE;

#endif
