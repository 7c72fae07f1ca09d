/* Single messages to send that ended long ago. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_SENDS_H
#define STORE_CLEANUP_SENDS_H

#include "base/arena.h"
#include "pg/pg.h"

struct send_place {
	int64_t workspace_id, id;
};
/* A row of sends. ended: of a single message, whose last result is older than after_ms, and which no attempt or evidence can change by
 * itself. young: it was added since. */
struct ended_send {
	struct send_place at;
	bool ended, young;
};
struct sends_scope {
	struct uuid workspace; /* only this one; nil: all */
	int64_t after_ms;
};
/* The next n rows by workspace and id, into the arena. */
int store_ended_sends(struct pg *pg, const struct sends_scope *scope, const struct send_place *after, int64_t n,
	struct arena *a, struct ended_send **rows, size_t *n_rows, struct err *err) ERR_MUST_USE;
/* Deletes those that have ended, still do, and are not locked by another transaction. */
int store_ended_sends_delete(struct pg *pg, const struct sends_scope *scope, const struct ended_send *rows, size_t n,
	int64_t *n_deleted, struct err *err) ERR_MUST_USE;

#endif
