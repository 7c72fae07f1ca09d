/* Updates whose message is not stored yet. */
#ifndef STORE_PARKED_H
#define STORE_PARKED_H

#include "store/messages.h"

struct parked_row {
	int64_t workspace_id, id, account_id, conversation_id; /* conversation 0: unknown */
	const char *kind;
	struct str
		target; /* message key, "?:<stanza>" or "c:<client_message_id>"; an update may have a row for each of several */
	struct uuid event_id;
	struct str record_key, record_value, record_headers,
		topic; /* headers: as libs/wire/records.h writes one record's */
	int32_t partition;
	int64_t offset, timestamp_ms;
	int64_t ttl_ms; /* into store_parked_insert: how long it may wait, by PostgreSQL's clock */
	bool inserted; /* out of store_parked_insert: false when this event is parked already */
	bool may_be_old; /* out of store_parked_expire: its workspace does not keep messages for ever, so its message may have been deleted */
	bool of_deleted; /* out of store_parked_expire: its workspace is deleted */
};
int store_parked_insert(struct pg *pg, struct parked_row *rows, size_t n, struct err *err) ERR_MUST_USE;
/* What waits for these keys (full key, and "?:<stanza>" forms the caller passes as keys too). */
int store_parked_find(struct pg *pg, const struct message_key *targets, size_t n, struct arena *a,
	void (*each)(void *ctx, size_t target, const struct parked_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* How many updates of each account are parked, counted up to PARKED_MAX. */
#define PARKED_MAX 10000
struct store_parked_count {
	int64_t workspace_id, account_id;
	int32_t n; /* out */
};
int store_parked_count(struct pg *pg, struct store_parked_count *counts, size_t n, struct err *err) ERR_MUST_USE;
/* Parked updates of these partitions whose target is stored by now, and Dispatches and statuses that are parked under one
 * "c:<client_message_id>", at most limit. An update with several rows may be returned for each. One call examines at most
 * PARKED_SCAN_MAX, and moves *from to where the next call continues; {0} is the beginning. */
#define PARKED_SCAN_MAX 2000
struct parked_place {
	int64_t expires_us, id;
};
int store_parked_ready(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct parked_place *from, struct arena *a, void (*each)(void *ctx, const struct parked_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* Deletes and returns expired updates (by PostgreSQL's now()), at most limit. */
int store_parked_expire(struct pg *pg, struct str topic, const int32_t *partitions, size_t n, int limit,
	struct arena *a, void (*each)(void *ctx, const struct parked_row *row), void *ctx,
	struct err *err) ERR_MUST_USE;
/* By account, target and event_id of each row. */
int store_parked_delete(struct pg *pg, const struct parked_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
