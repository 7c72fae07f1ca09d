/* See verdict.h. Invariant: every class of exchange has a row, so that no result is left undecided. */
#include "webhook-dispatcher/policy/verdict.h"

static const struct {
	enum verdict strict, lenient;
} verdicts[EXCHANGE_CLASSES] = {
	[CLASS_SUCCESS] = { VERDICT_DELIVERED, VERDICT_DELIVERED },
	[CLASS_REDIRECT] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_CLIENT_ERROR] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_GONE] = { VERDICT_GONE, VERDICT_GONE },
	[CLASS_RATE_LIMITED] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_RETRYABLE] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_SERVER_ERROR] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_DNS] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_CONNECT] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_TLS] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_TIMEOUT] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_BROKEN] = { VERDICT_RETRY, VERDICT_RETRY },
	[CLASS_REFUSED] = { VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[CLASS_ABORTED] = { VERDICT_ABORTED, VERDICT_ABORTED },
};

enum verdict verdict_of(enum exchange_class c, bool lenient)
{
	return lenient ? verdicts[c].lenient : verdicts[c].strict;
}
