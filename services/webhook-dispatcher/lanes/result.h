/* What the end of a request means for its delivery, its chain, its lane and its endpoint. Source: README.md, Outcomes and Health. */
#ifndef WEBHOOK_DISPATCHER_RESULT_H
#define WEBHOOK_DISPATCHER_RESULT_H

#include "http/exchange_class.h"
#include "webhook-dispatcher/lanes/model.h"

struct result {
	enum exchange_class class;
	int64_t retry_after_ms; /* -1: not said */
	int64_t now_mono_ms, now_us; /* now_us: the wall clock */
	double random; /* in [0,1) */
};

/* The delivery, whose `error` and `code` say what failed, ends. True when its endpoint must be turned off at once (410): that is the caller's. */
bool result_apply(struct delivery *d, const struct result *r);

#endif
