/* What the files of sending/ share. attempt.c sends a message, resolve.c finds out about one that is unknown, request.c is what both need, result.c
 * collects how either ended. */
#ifndef CAMPAIGN_SENDER_SENDING_PRIVATE_H
#define CAMPAIGN_SENDER_SENDING_PRIVATE_H

#include "campaign-sender/content/outgoing.h"
#include "campaign-sender/sending/attempt.h"

#define MAX_IDLE_MS \
	20000 /* of a connection: providers close theirs later. A request on one that is being closed is unknown */

/* From attempt_new() until its result is in the journal; send->request meanwhile. */
struct attempt {
	struct sending *sending;
	struct send *send;
	const struct provider_api *api; /* NULL: not known */
	struct pool_request *request;
	enum provider_act act;
	int64_t began_us;
	int64_t again_ms; /* until the next resolution step, when its outcome is unknown */
	bool other_number; /* as in struct journal_result */
};

struct attempt *attempt_new(struct sending *s, struct send *send, const struct account *account);

/* Sends what s->request has been built as. */
void attempt_send(struct attempt *a, const struct account *account, int64_t begin_by_mono_ms,
	void (*done)(void *ctx, const struct exchange_result *result));
/* Looks an unknown message up, leaves it for later, or decides it by policy. */
void attempt_resolve(struct attempt *a, const struct account *account, const struct campaign *campaign);

/* All end the attempt: its result is in the journal, and `a` is freed. */
void attempt_end(struct attempt *a, const struct journal_result *result);
/* By an outcome, which policy/settlement.h settles. result: NULL when there was no request. */
void attempt_settle(struct attempt *a, const struct attempt_outcome *outcome, const struct exchange_result *result);
/* No request was made. decision: as of codes.h. */
void attempt_refuse(struct attempt *a, enum outcome_class class, struct decision decision, const char *why);

#endif
