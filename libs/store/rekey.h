/* New topics with another number of partitions, under another prefix: what is stored by partition is assigned anew, by
 * the key that decided its partition. Role blazz_ops. Nothing refers to an offset of the old topics afterwards, so all
 * of their records must have been consumed, and rows of the retry queue must have their records. */
#ifndef STORE_REKEY_H
#define STORE_REKEY_H

#include "pg/pg.h"

/* A partition of an old topic, and its watermarks. */
struct rekey_partition {
	const char *topic; /* full name, borrowed */
	int32_t partition;
	int64_t low, high;
};
/* ERR_INPUT "busy" naming the first reason why not: records that are not consumed, rows of the outbox, endpoints that
 * are behind, replays that run, merges and renames that are not finished, messages in flight. */
int store_rekey_check(struct pg *pg, const struct rekey_partition *partitions, size_t n, struct err *err) ERR_MUST_USE;

/* Rows of the retry queue that are pending and without their record, ordered by partition and offset. */
struct rekey_row {
	int64_t workspace_id, id, offset;
	int32_t partition;
	struct str record; /* as struct retry_row has it; borrowed */
};
int store_rekey_unloaded(struct pg *pg, void (*each)(void *ctx, const struct rekey_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Stores their records, in a transaction of its own. */
int store_rekey_load(struct pg *pg, const struct rekey_row *rows, size_t n, struct err *err) ERR_MUST_USE;

/* "<workspace>:<name>" is a key that decides partitions: of an account, a campaign, or the order of deliveries. */
struct rekey_key {
	int64_t workspace_id;
	struct uuid workspace, name;
	int32_t partition; /* set by the caller, below rekey.partitions */
};
/* Every key of stored rows, once. *out is freed with free(). */
int store_rekey_keys(struct pg *pg, struct rekey_key **out, size_t *n, struct err *err) ERR_MUST_USE;

struct rekey {
	const char *const *from, *const *to; /* topics, full names, borrowed */
	size_t n_topics;
	int32_t partitions;
	const struct rekey_key *keys;
	size_t n_keys;
};
struct rekeyed {
	int64_t parked, campaigns, segments, lanes, retries; /* rows changed */
};
/* In the transaction that store_move_begin() began. Progress in the old topics stays: a service that still has
 * the old prefix finds nothing to consume. Rows of the retry queue keep their order, before whatever is published to the new topics: their offsets become negative. */
int store_rekey_apply(struct pg *pg, const struct rekey *rekey, struct rekeyed *out, struct err *err) ERR_MUST_USE;

#endif
