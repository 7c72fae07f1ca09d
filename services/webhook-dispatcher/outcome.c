/* What an attempt's end means; see outcome.h. */
#include "webhook-dispatcher/outcome.h"

static const struct {
	const char *word;
	enum outcome_verdict strict, lenient;
} classes[OUT_CLASSES] = {
	[OUT_SUCCESS] = { "success", VERDICT_DELIVERED, VERDICT_DELIVERED },
	[OUT_REDIRECT] = { "redirect", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[OUT_CLIENT_ERROR] = { "client_error", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[OUT_GONE] = { "gone", VERDICT_GONE, VERDICT_GONE },
	[OUT_RATE_LIMITED] = { "rate_limited", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_RETRYABLE] = { "retryable", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_SERVER_ERROR] = { "server_error", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_DNS] = { "dns", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_CONNECT] = { "connect", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_TLS] = { "tls", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_TIMEOUT] = { "timeout", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_BROKEN] = { "broken", VERDICT_RETRY, VERDICT_RETRY },
	[OUT_REFUSED] = { "refused", VERDICT_QUICK_RETRY, VERDICT_RETRY },
	[OUT_ABORTED] = { "aborted", VERDICT_AGAIN, VERDICT_AGAIN },
};

const char *outcome_class_word(enum outcome_class c)
{
	return classes[c].word;
}

enum outcome_verdict outcome_verdict(enum outcome_class c, bool lenient)
{
	return lenient ? classes[c].lenient : classes[c].strict;
}

static enum outcome_class status_classify(int status)
{
	switch (status) {
	case 408: /* Request Timeout */
	case 425: /* Too Early */
		return OUT_RETRYABLE;
	case 410:
		return OUT_GONE;
	case 429:
		return OUT_RATE_LIMITED;
	default:
		break;
	}
	if (status >= 200 && status < 300)
		return OUT_SUCCESS;
	if (status >= 300 && status < 400)
		return OUT_REDIRECT;
	if (status >= 400 && status < 500)
		return OUT_CLIENT_ERROR;
	return status >= 500 && status < 600 ? OUT_SERVER_ERROR : OUT_BROKEN; /* no status that HTTP knows */
}

enum outcome_class outcome_classify(const struct exchange_result *r)
{
	switch (r->failure) {
	case EXCHANGE_DNS:
		return OUT_DNS;
	case EXCHANGE_CONNECT:
		return OUT_CONNECT;
	case EXCHANGE_TLS:
		return OUT_TLS;
	case EXCHANGE_TIMEOUT:
		return OUT_TIMEOUT;
	case EXCHANGE_BROKEN:
		return OUT_BROKEN;
	case EXCHANGE_REFUSED:
		return OUT_REFUSED;
	case EXCHANGE_ABORTED:
		return OUT_ABORTED;
	case EXCHANGE_ANSWERED:
		break;
	}
	return status_classify(r->status);
}
