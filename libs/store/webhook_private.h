/* What the files of the webhooks' tables share. Private to libs/store. */
#ifndef STORE_WEBHOOK_PRIVATE_H
#define STORE_WEBHOOK_PRIVATE_H

#include "store/webhook_endpoints.h"

/* Runs a statement over these endpoints in these partitions; nothing when there are none of either. Its parameters: the
 * topic, unless that is absent; the partitions; workspaces and ids of the endpoints. */
int store_endpoints_run(struct pg *pg, const struct pg_stmt *stmt, struct str topic, const int32_t *partitions,
	size_t n_partitions, const struct endpoint_key *endpoints, size_t n, struct err *err) ERR_MUST_USE;

#endif
