/* What the result of a request means for its delivery, chain, lane and endpoint. Source: README.md, Outcomes and Health. */
#ifndef WEBHOOK_DISPATCHER_RESULT_H
#define WEBHOOK_DISPATCHER_RESULT_H

#include "http/exchange_class.h"
#include "webhook-dispatcher/lanes/model.h"

struct result {
	enum exchange_class class;
	int64_t retry_after_ms; /* of the answer; -1: none */
	int64_t now_mono_ms, now_us; /* now_us: wall clock */
	double random; /* in [0,1) */
};

/* Ends the delivery, whose `error` and `code` describe a failure. Returns true when the caller must disable its endpoint at once (410). */
bool result_apply(struct delivery *d, const struct result *r);

#endif
