/* A request from its last byte to its end.
 *
 *   exchange.c  finds dialect and session, checks the key, asks the rules; answers look-ups, media and templates
 *   messages.c  accepts or refuses messages, and writes the journal
 *   ends.c      answers, at once or later, or ends the connection
 *   control.c   the stub's own routes
 *   bridges.c   calls to instances of bridges; manage.c what they do, manage_answer.c how they are answered
 */
#ifndef PROVIDER_STUB_EXCHANGE_H
#define PROVIDER_STUB_EXCHANGE_H

#include "agenda.h"
#include "calls.h"
#include "instances.h"
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
	struct instances *instances;
	struct calls *calls;
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

/* An answer on its way: what has been decided, and how the exchange ends. */
struct outcome {
	struct stub_answer answer;
	enum rule_end end;
	int64_t delay_ms;
};

/* The server's callback; ctx is the struct stub. */
void stub_handle(void *ctx, struct http_request *r);
/* Requests below "/_". */
void stub_control(struct stub *s, struct http_request *r);
/* Requests below "/~NAME". */
void stub_instance(struct stub *s, struct http_request *r);

/* How a rule (NULL: none) ends an exchange; its answer is still empty. */
struct outcome stub_outcome(const struct stub *s, const struct rule *rule);
/* Writes the answer that the rule gives instead of the usual one; false: none. */
bool stub_rule_answers(const struct rule *rule, const struct stub_call *c, struct stub_answer *out);
void stub_message(struct stub *s, const struct stub_call *c, const struct verdict *v, struct outcome *o);
/* id: of an accepted message; NULL: it was refused, for this reason. False: the line cannot be written, and the stub ends
 * without answering. */
bool stub_journal_message(struct stub *s, const struct stub_call *c, const struct outcome *o, const struct rule *rule,
	const char *id, struct str reason, int64_t now_ms);

void stub_respond(struct http_request *r, const struct stub_answer *answer);
/* Ends the exchange as *o says, and frees its answer. */
void stub_conclude(struct stub *s, struct http_request *r, struct outcome *o);

#endif
