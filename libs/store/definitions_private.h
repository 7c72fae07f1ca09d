/* What the files of definitions share. Only *_definitions.c of workspaces, apps and accounts, and definitions.c,
 * include it. */
#ifndef STORE_DEFINITIONS_PRIVATE_H
#define STORE_DEFINITIONS_PRIVATE_H

#include "store/cells.h"
#include "store/definitions.h"

/* Rewrites the error of a violated constraint for the operator whose command failed. Returns -1. */
int definition_explain(struct err *err);
/* Runs a statement and frees args. */
int definition_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err) ERR_MUST_USE;
/* The same for a statement that returns an id, or no row (*id is then unchanged). */
int definition_run_id(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, int64_t *id,
	struct err *err) ERR_MUST_USE;
/* Borrowed, or copied where the reader has an arena. */
struct str definition_text(struct cells *c);

#endif
