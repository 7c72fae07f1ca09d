/* A walk over the rows of a table in the order of its key (workspace_id, id), one page at a time. */
#ifndef STORE_CLEANUP_PAGE_H
#define STORE_CLEANUP_PAGE_H

#include "pg/pg.h"

struct key_page {
	/* Which: rows behind this key, of workspaces up to the last one, at most so many. */
	int64_t workspace_id, id, last_workspace_id, limit;
	/* The answer: how many rows there were (fewer than the limit: the walk has ended), and the last of them. */
	int64_t n, end_workspace_id, end_id;
};

/* 0: there is no such workspace; deleted ones are. */
int store_cleanup_workspace_id(struct pg *pg, const struct uuid *uuid, int64_t *id, struct err *err) ERR_MUST_USE;

#endif
