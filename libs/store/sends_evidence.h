/* What statuses and echoes say about messages that were sent; see sends.h. */
#ifndef STORE_SENDS_EVIDENCE_H
#define STORE_SENDS_EVIDENCE_H

#include "store/sends.h"

/* A status or message of chat-event that has a client_message_id of ours. */
struct send_evidence {
	int64_t workspace_id;
	struct client_id client;
	int64_t account_id; /* that it was sent from */
	struct str address; /* of its recipient; absent: not known */
	enum send_status status; /* SENT, DELIVERED, READ, FAILED */
	int64_t at_us;
	struct str provider_message_id, error_code, error_message;
	bool keep_content; /* of FAILED */
	const char *resolved_by; /* "status", "echo" */
};
enum evidence_effect { EVIDENCE_NONE, EVIDENCE_APPLIED, EVIDENCE_DUPLICATE };
struct evidence_found {
	size_t place; /* of the evidence; of several for one row the one that decided */
	int64_t id, campaign_id; /* of its row */
	struct str address; /* of its row; borrowed until the call ends */
	enum send_status was;
	enum evidence_effect effect; /* DUPLICATE: of an earlier generation than one that was sent meanwhile */
};
/* Applies evidence to rows of any status, forward only: a failure that was never sent yields to any evidence, one
 * that was sent to delivered and read. An id that is not the row of that address (a restored database may have used
 * it again) finds the row of its campaign and address. `slot`: partition of chat-event. Several of one row: the
 * furthest counts. What has no row is left out. */
int store_sends_evidence(struct pg *pg, const struct send_evidence *rows, size_t n, int32_t slot,
	void (*each)(void *ctx, const struct evidence_found *found), void *ctx, struct err *err) ERR_MUST_USE;

#endif
