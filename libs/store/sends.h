/* Messages to send: single ones, each with a request id, and recipients of campaigns. A row is sent by the lane of
 * one account (send_lanes.h); what becomes of it is written by that lane, and by the status worker that sees its
 * statuses. Times are PostgreSQL's; those of rows are microseconds since 1970, PG_NO_TIME is null.
 *
 *   pending --result--> sent --evidence--> delivered --> read
 *      |  \--result--> unknown --result, evidence--> sent, failed, pending
 *      |--check--> skipped, failed
 *
 * Counters: each statement that changes the status of a campaign's row adds the difference to the counters of its
 * writer (campaign_counts), in the same transaction, so that their sum equals a recount. That addition is only started
 * (pg_start): the next call on the connection, at the latest the commit, returns its failure.
 *
 * Order of locks: send_lanes by (workspace, account), then sends by (workspace, id), then campaign_counts. Rows are
 * given in that order.
 *
 * Order of single messages: of the pending rows to one address through one account only the oldest by id is due; the
 * others wait (next_attempt_at infinity) until store_sends_release() makes the next one due. So an address with
 * thousands of messages costs a fetch no more than one with one.
 *
 * Texts from outside (error_code, error_message, provider_message_id) must be storable (base/utf8.h): that is the
 * caller's duty. */
#ifndef STORE_SENDS_H
#define STORE_SENDS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/outbound.h"

enum send_status {
	SEND_STATUS_PENDING,
	SEND_STATUS_SENT,
	SEND_STATUS_DELIVERED,
	SEND_STATUS_READ,
	SEND_STATUS_FAILED,
	SEND_STATUS_SKIPPED,
	SEND_STATUS_UNKNOWN,
	SEND_STATUSES
};
const char *store_send_status_word(enum send_status s);

/* client_message_id: what providers, chat-sync and tenants call the row. Also in SQL: client_message_id(). */
struct client_id {
	struct uuid request; /* of a single message; else nil */
	struct uuid campaign;
	int64_t id; /* of a campaign's row */
	int32_t generation;
};
#define CLIENT_ID_CAP 80
/* "<request>", "<campaign>.<id>", or "<campaign>.<id>#<generation + 1>". */
void store_client_id_write(const struct client_id *c, char out[static CLIENT_ID_CAP]);
bool store_client_id_read(struct str text, struct client_id *out); /* false: not one of ours */

#endif
