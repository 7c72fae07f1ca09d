/* Every attempt to deliver, append-only, one partition of the table per day. */
#ifndef STORE_WEBHOOK_ATTEMPTS_H
#define STORE_WEBHOOK_ATTEMPTS_H

#include "pg/pg.h"

struct attempt_row {
	int64_t workspace_id, endpoint_id;
	struct uuid event_id;
	struct str event_type;
	int64_t message_id; /* of message.created: the message (the view chat_webhooks selects by it); 0: none */
	int32_t attempt; /* 1: the first */
	const char *outcome; /* outcome class: "success", "client_error", "timeout", … */
	int32_t status; /* HTTP; 0: none */
	int64_t at_us; /* when it began, by the dispatcher's clock */
	int32_t dns_us, connect_us, tls_us, first_byte_us, total_us; /* -1: the attempt did not reach that phase */
	struct str excerpt; /* of the response; absent: none */
	struct str error; /* what failed, for operators; absent: nothing */
};
/* Started only (pg_start). excerpt and error must be storable (base/utf8.h): that is the caller's duty. A time that is
 * more than a day old, or in the future, by PostgreSQL's clock is limited to that range, so that its day's partition
 * exists after store_attempts_maintain(); without one ERR_INPUT 23514. */
int store_attempts_insert(struct pg *pg, const struct attempt_row *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Creates the partitions from yesterday to days_ahead (up to 31), drops those older than keep_days. At start, before
 * the first insert, and every few hours; any number of replicas may do so. Blocks readers and writers only for a
 * moment. */
int store_attempts_maintain(struct pg *pg, int days_ahead, int keep_days, struct err *err) ERR_MUST_USE;

#endif
