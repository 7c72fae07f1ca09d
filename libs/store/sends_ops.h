/* Messages to send as blazzctl shows them. Role blazz_ops. Times are microseconds since 1970, PG_NO_TIME is null. */
#ifndef STORE_SENDS_OPS_H
#define STORE_SENDS_OPS_H

#include "store/sends.h"

struct send_info {
	int64_t workspace_id, id;
	struct uuid workspace, campaign; /* campaign nil: a single message */
	struct str kind, address, client_message_id;
	struct uuid account, sent_by; /* account nil: that of its segment; sent_by nil: not attempted */
	struct str session_id; /* of the account that sends it, or sent it */
	struct str status; /* "ongoing": it may be in flight */
	int32_t attempt, generation;
	int64_t next_us; /* INT64_MAX: an earlier message to this address is pending */
	int64_t deadline_us, created_us, sent_us, delivered_us, read_us;
	struct str provider_message_id, error_code, error_message, resolved_by;
	bool duplicate_suspected;
	/* The account that sends it. */
	bool connected, held;
	struct str held_code;
	int64_t held_until_us, paused_until_us;
};
/* The message of a request, or of a campaign's recipient: of any generation, in any workspace (workspace_id 0) or in that
 * one. Strings are in the arena. 1: found; 0: there is none. */
int store_send_find(struct pg *pg, int64_t workspace_id, const struct client_id *id, struct arena *a,
	struct send_info *out, struct err *err) ERR_MUST_USE;

struct send_attempt_info {
	struct str session_id, class, code, excerpt;
	int32_t generation, attempt, status; /* status 0: no response */
	int64_t at_us;
	int32_t total_us; /* -1: not known */
};
/* Attempts that did not succeed, oldest first, as far back as they are kept. Strings are borrowed for the call. */
int store_send_attempts_list(struct pg *pg, int64_t workspace_id, int64_t send_id,
	void (*each)(void *ctx, const struct send_attempt_info *at), void *ctx, struct err *err) ERR_MUST_USE;

#endif
