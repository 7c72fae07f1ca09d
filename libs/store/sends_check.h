/* The check of rows that are about to be sent; see sends.h. */
#ifndef STORE_SENDS_CHECK_H
#define STORE_SENDS_CHECK_H

#include "store/sends.h"

enum send_verdict {
	SEND_MAY, /* may be sent */
	SEND_CHANGED, /* no longer pending, or of a later generation */
	SEND_STOPPED, /* its campaign is not running */
	SEND_CLOSED, /* outside its send window */
	SEND_ENDED, /* skipped or failed by this check */
};
struct send_check {
	int64_t workspace_id, id;
	int32_t generation;
	int64_t account_id; /* that would send it */
	int32_t slot; /* partition of the lane: of its counters */
	bool bridge; /* the account is a bridge's: a campaign without a window gets 08:00 to 20:00 */
	enum send_verdict verdict; /* out */
	/* Out, of SEND_MAY, a bridge and a campaign: the account has no conversation with the recipient, whatever contact the address is now. */
	bool new_conversation;
	struct str reason; /* out, of SEND_ENDED, in the arena: deadline, erased, opted_out */
};
/* Judges the rows by what is committed now, and ends those that must not be sent. A single message heeds its deadline
 * and erasure alone. */
int store_sends_check(struct pg *pg, struct send_check *rows, size_t n, struct arena *a, struct err *err) ERR_MUST_USE;

#endif
