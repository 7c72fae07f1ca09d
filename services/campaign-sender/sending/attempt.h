/* Attempts as HTTP requests to providers: begin, end. What a result means is decided by policy/settlement.h, and collected in the journal. */
#ifndef CAMPAIGN_SENDER_ATTEMPT_H
#define CAMPAIGN_SENDER_ATTEMPT_H

#include "campaign-sender/journal/journal.h"
#include "campaign-sender/lanes/lanes.h"
#include "campaign-sender/shared.h"
#include "http/sender_pool.h"

struct sending {
	const struct shared *shared;
	struct lanes *lanes;
	struct sender_pool *pool;
	struct journal *journal; /* being filled */
	void (*ended)(void *ctx); /* a result is in the journal */
	void *ctx;
	struct arena *arena; /* of one request or answer */
	struct provider_request request; /* the one being built */
};

/* Begins the request of a send that is IN_FLIGHT, after its commit; or its look-up, or decides it by policy. checked_mono_ms: when it was
 * checked; nothing is sent later than dispatch.max_delay after it. */
void attempt_begin(struct sending *s, struct send *send, int64_t checked_mono_ms);

/* The client_message_id of a row. campaign: its own; may be NULL for a single message. */
struct client_id attempt_client_id(const struct send_row *row, const struct campaign *campaign);

#endif
