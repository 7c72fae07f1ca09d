/* Deleting stored messages. Role blazz_cleanup, which may delete messages that no counter counts. */
#ifndef STORE_MESSAGES_DELETE_H
#define STORE_MESSAGES_DELETE_H

#include "pg/pg.h"

/* Deletes these messages of a workspace with their receipts, reactions and media. An earlier statement of the transaction has locked them FOR
 * UPDATE: nothing can be attached to them since. *n_deleted: messages. */
int store_messages_delete(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, int64_t *n_deleted,
	struct err *err) ERR_MUST_USE;

#endif
