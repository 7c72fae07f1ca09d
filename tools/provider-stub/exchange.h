/* A request from its last byte to its end. Invariant: a message is in the journal before anything of its answer is sent,
 * and before anything about it is posted. */
#ifndef PROVIDER_STUB_EXCHANGE_H
#define PROVIDER_STUB_EXCHANGE_H

#include "agenda.h"
#include "journal.h"
#include "known_ids.h"
#include "rules.h"
#include "sessions.h"
#include "templates.h"
#include "webhooks.h"

struct stub_stats {
	uint64_t requests, accepted, refused, repeated, duplicates;
	uint64_t ends[RULE_ENDS];
};

struct stub {
	struct stub_settings settings;
	struct loop *loop;
	struct agenda *agenda;
	struct sessions *sessions;
	struct rules *rules;
	struct templates *templates;
	struct stub_journal *journal;
	struct known_ids *ids;
	struct webhooks *webhooks;
	struct http_server *server;
	struct arena *arena; /* of the request being handled */
	struct stub_stats stats;
	char run[9]; /* the first half of each id, different in each run of the stub */
	uint32_t messages; /* the second half */
	struct err failure; /* why the loop was stopped; ERR_NONE: by a signal */
};

/* The server's callback; ctx is the struct stub. */
void stub_handle(void *ctx, struct http_request *r);
/* control.c: requests below "/_". */
void stub_control(struct stub *s, struct http_request *r);
void stub_respond(struct http_request *r, const struct stub_answer *answer);

#endif
