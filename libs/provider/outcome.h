/* From the end of an exchange with a provider to one of four classes, and the decision that follows. Pure. */
#ifndef PROVIDER_OUTCOME_H
#define PROVIDER_OUTCOME_H

#include "http/exchange.h"
#include "provider/provider.h"

enum outcome_class {
	OUTCOME_NOT_SENT, /* no byte of the request was sent */
	OUTCOME_DECIDED, /* the provider's own error */
	OUTCOME_ACCEPTED,
	OUTCOME_UNKNOWN, /* anything else: the provider may have accepted the message */
	OUTCOME_CLASSES
};
const char *outcome_class_word(enum outcome_class c); /* "not_sent", ...: a label of metrics */

struct attempt_outcome {
	enum outcome_class class;
	struct decision decision;
	struct provider_answer answer;
	/* The start of a body that accepts nothing, at most PROVIDER_EXCERPT_BYTES; absent when it is not text. Not
	 * for logs: it may quote the message. */
	struct str excerpt;
	int64_t retry_after_ms; /* -1: absent */
};

/* Strings of *out are in the arena. */
void outcome_read(const struct provider_api *api, enum provider_act act, const struct exchange_result *result,
	struct arena *a, struct attempt_outcome *out);

#endif
