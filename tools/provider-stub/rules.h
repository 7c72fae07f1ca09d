/* Rules: which requests the stub answers in another way than a provider that works, and what it posts to ingest about
 * the messages that it accepts. The first rule that applies and has an answer decides the answer, the first that applies
 * and has webhooks decides these. README.md has the members. */
#ifndef PROVIDER_STUB_RULES_H
#define PROVIDER_STUB_RULES_H

#include "pacing/gcra.h"
#include "stub.h"

#define RULE_STATUSES_MAX 16

enum rule_end {
	RULE_ANSWER,
	RULE_HANG, /* no answer, and the connection stays open */
	RULE_RESET, /* no answer; TCP reset */
	RULE_CUT, /* no answer; the connection is closed */
	RULE_ENDS
};
const char *rule_end_word(enum rule_end end);

struct webhook_plan {
	bool echo;
	enum stub_status statuses[RULE_STATUSES_MAX]; /* in the order in which they happen */
	size_t n;
	int64_t delay_ms; /* of the echo and the first status, since the message was accepted */
	int64_t step_ms; /* between two statuses */
	int64_t repeat; /* how often each is posted, at least 1 */
	bool reversed; /* the last status is posted first */
	int64_t failed_code; /* of a failed status at Meta */
};

struct rule {
	char *name; /* "": none */

	/* Which requests. */
	bool of_provider, of_act;
	enum stub_provider provider;
	enum stub_act act;
	char *account, *recipient, *instance; /* NULL: any */

	/* Which of these. */
	int64_t nth, every, times; /* 0: any */
	double share; /* 1: all */
	bool counts; /* only those beyond `limit`, of an account or of a pair of account and recipient */
	bool pair;
	struct gcra_limit limit;
	struct map *used; /* from account or pair to the state of pacing/gcra.h */

	/* The answer. */
	bool answers;
	bool has_accept, accept;
	enum rule_end end;
	int64_t delay_ms;
	struct stub_fault fault; /* no word and no code: none */
	bool is_fault;
	char *raw; /* the whole body; NULL: as the dialect writes it */
	int64_t retry_after_s; /* -1: none */
	struct stub_success success;
	char *error, *title, *details, *message_status, *wa_id; /* what `fault` and `success` refer to */

	/* What is posted; answers or plans, or both. */
	bool plans;
	struct webhook_plan plan;

	int64_t seen, applied;
};

struct rules;

struct rules *rules_new(uint64_t seed);
void rules_free(struct rules *r); /* accepts NULL */
/* Replaces all rules by those of an array. ERR_INPUT: none has changed. */
int rules_put(struct rules *r, const json *v, struct err *err) ERR_MUST_USE;
void rules_write(const struct rules *r, struct json_writer *w); /* names and counts */

struct verdict {
	const struct rule *rule; /* that decides the answer; NULL: none */
	const struct webhook_plan *plan; /* never NULL */
};
/* Both are valid until the next rules_put(). */
struct verdict rules_decide(struct rules *r, const struct stub_call *c, int64_t now_us);

/* rules_parse.c. *out is zeroed. ERR_INPUT: rule_fini() is still needed. */
int rule_parse(struct rule *out, const json *v, struct err *err) ERR_MUST_USE;
void rule_fini(struct rule *rule);

#endif
