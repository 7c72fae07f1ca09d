/* What an attempt's end means. Pure. Source: README.md, Outcomes. */
#ifndef WEBHOOK_DISPATCHER_OUTCOME_H
#define WEBHOOK_DISPATCHER_OUTCOME_H

#include "http/sender.h"

enum outcome_class {
	OUT_SUCCESS,
	OUT_REDIRECT,
	OUT_CLIENT_ERROR,
	OUT_GONE,
	OUT_RATE_LIMITED,
	OUT_RETRYABLE, /* 408, 425 */
	OUT_SERVER_ERROR,
	OUT_DNS,
	OUT_CONNECT,
	OUT_TLS,
	OUT_TIMEOUT,
	OUT_BROKEN,
	OUT_REFUSED,
	OUT_ABORTED,
	OUT_CLASSES
};
const char *outcome_class_word(enum outcome_class c); /* "success", "client_error", ... */
enum outcome_class outcome_classify(const struct exchange_result *r);

/* How the delivery goes on. */
enum outcome_verdict {
	VERDICT_DELIVERED,
	VERDICT_RETRY,
	VERDICT_QUICK_RETRY,
	VERDICT_GONE,
	VERDICT_AGAIN, /* aborted: as if not begun */
};
enum outcome_verdict outcome_verdict(enum outcome_class c, bool lenient);

#endif
