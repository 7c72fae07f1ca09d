/* Decides from the class of an attempt's result what happens to its delivery. Pure. Source: README.md, Outcomes. */
#ifndef WEBHOOK_DISPATCHER_VERDICT_H
#define WEBHOOK_DISPATCHER_VERDICT_H

#include "http/exchange_class.h"

enum verdict {
	VERDICT_DELIVERED,
	VERDICT_RETRY,
	VERDICT_QUICK_RETRY,
	VERDICT_GONE,
	VERDICT_ABORTED, /* aborted: attempted again, and not counted as an attempt */
};
enum verdict verdict_of(enum exchange_class c, bool lenient);

#endif
