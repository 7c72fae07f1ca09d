/* What a bridge's answer means: an outcome, which decides when to call again, and what was observed. Pure. What is kept
 * is bounded, and a QR code or key in an answer is kept only if the call asked for it. Source: README.md, Answers. */
#ifndef BRIDGE_ANSWER_H
#define BRIDGE_ANSWER_H

#include "bridge/call.h"
#include "http/exchange.h"

#define BRIDGE_LIST_MAX    10000 /* sessions of one list */
#define BRIDGE_QR_BYTES    4096
#define BRIDGE_ERROR_BYTES 256

enum bridge_outcome {
	BRIDGE_OK,
	BRIDGE_ALREADY_DONE, /* the session exists, runs, or is logged out already */
	BRIDGE_GONE, /* the bridge does not know the session */
	BRIDGE_BUSY, /* 429, 5xx, no answer, or one that says nothing of what was asked: call again later */
	BRIDGE_REJECTED, /* calling again would be answered the same */
	BRIDGE_BAD_KEY, /* concerns every call to the instance */
	BRIDGE_OUTCOMES
};
const char *bridge_outcome_word(enum bridge_outcome outcome);

enum bridge_observed {
	OBSERVED_NONE, /* the answer does not say */
	OBSERVED_ABSENT,
	OBSERVED_STOPPED,
	OBSERVED_STARTING, /* also: a word that is not in the table */
	OBSERVED_QR,
	OBSERVED_CONNECTED,
	OBSERVED_FAILED,
	OBSERVED_COUNT
};
const char *bridge_observed_word(enum bridge_observed observed); /* "" of OBSERVED_NONE */

/* What is wrong with an answer, for the caller to count. */
enum bridge_oddity {
	ODDITY_NONE,
	ODDITY_NOT_JSON, /* or cut off at the limit, or without what was asked for */
	ODDITY_OTHER_SESSION,
	ODDITY_UNKNOWN_WORD, /* taken as starting */
	ODDITY_TOO_MANY, /* more than BRIDGE_LIST_MAX sessions */
	ODDITIES
};
const char *bridge_oddity_word(enum bridge_oddity oddity); /* "" of ODDITY_NONE */

struct bridge_listed {
	struct str name;
	enum bridge_observed observed; /* OBSERVED_NONE: look (wwebjs lists names only) */
	struct str phone;
};

/* Strings and lists are in the arena. */
struct bridge_answer {
	enum bridge_outcome outcome;
	enum bridge_observed observed;
	enum bridge_oddity oddity;
	bool stale_epoch; /* blazz: rejected, as the instance has seen a higher epoch of this session */
	int64_t retry_after_ms; /* -1: absent */
	struct str phone; /* digits */
	struct str qr; /* of BRIDGE_FETCH_QR; secret */
	struct str token; /* of BRIDGE_PROBE, kind blazz: for the next one */
	int64_t capacity, sessions; /* the same; -1: absent */
	struct bridge_listed *list; /* of BRIDGE_LIST; wwebjs: of BRIDGE_PROBE, too */
	size_t n_list;
	struct str error; /* the bridge's words about a refusal, for operators; not for logs, as it may name a number */
};

/* `call` is what was asked. Always sets *out. */
void bridge_answer_read(enum bridge_kind kind, const struct bridge_call *call, const struct exchange_result *result,
	struct arena *a, struct bridge_answer *out);

#endif
