/* Attempts to send that did not succeed, kept for some days. */
#ifndef STORE_SEND_ATTEMPTS_H
#define STORE_SEND_ATTEMPTS_H

#include "pg/pg.h"

struct send_attempt_row {
	int64_t workspace_id, send_id, account_id;
	int32_t generation, attempt; /* attempt: 1 for the first of the generation */
	const char *class; /* "not_sent", "decided", "unknown" */
	int32_t status; /* of the HTTP response; 0: none */
	struct str code; /* the provider's, or ours; absent: none */
	int64_t at_us; /* when it began */
	int32_t total_us; /* -1: not known */
	struct str excerpt; /* of the answer; storable text */
};
/* Started only (pg_start). */
int store_send_attempts(struct pg *pg, const struct send_attempt_row *rows, size_t n, struct err *err) ERR_MUST_USE;
/* The accounts on which messages were tried without success, those of each message together. */
struct send_tried {
	int64_t workspace_id, id; /* of sends */
	int32_t generation;
};
int store_send_attempts_accounts(struct pg *pg, const struct send_tried *rows, size_t n,
	void (*each)(void *ctx, size_t place, int64_t account_id), void *ctx, struct err *err) ERR_MUST_USE;
/* Creates the partitions of the next days, and drops those older than keep_days. */
int store_send_attempts_maintain(struct pg *pg, int days_ahead, int keep_days, struct err *err) ERR_MUST_USE;

#endif
