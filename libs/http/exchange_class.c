/* Classes of outcomes; see exchange_class.h. */
#include "http/exchange_class.h"

static const char *const words[EXCHANGE_CLASSES] = {
	[CLASS_SUCCESS] = "success",
	[CLASS_REDIRECT] = "redirect",
	[CLASS_CLIENT_ERROR] = "client_error",
	[CLASS_GONE] = "gone",
	[CLASS_RATE_LIMITED] = "rate_limited",
	[CLASS_RETRYABLE] = "retryable",
	[CLASS_SERVER_ERROR] = "server_error",
	[CLASS_DNS] = "dns",
	[CLASS_CONNECT] = "connect",
	[CLASS_TLS] = "tls",
	[CLASS_TIMEOUT] = "timeout",
	[CLASS_BROKEN] = "broken",
	[CLASS_REFUSED] = "refused",
	[CLASS_ABORTED] = "aborted",
};

const char *exchange_class_word(enum exchange_class c)
{
	return words[c];
}

static enum exchange_class status_classify(int status)
{
	switch (status) {
	case 408: /* Request Timeout */
	case 425: /* Too Early */
		return CLASS_RETRYABLE;
	case 410:
		return CLASS_GONE;
	case 429:
		return CLASS_RATE_LIMITED;
	default:
		break;
	}
	if (status >= 200 && status < 300)
		return CLASS_SUCCESS;
	if (status >= 300 && status < 400)
		return CLASS_REDIRECT;
	if (status >= 400 && status < 500)
		return CLASS_CLIENT_ERROR;
	return status >= 500 && status < 600 ? CLASS_SERVER_ERROR
					     : CLASS_BROKEN; /* outside the ranges that HTTP defines */
}

enum exchange_class exchange_classify(const struct exchange_result *r)
{
	switch (r->failure) {
	case EXCHANGE_DNS:
		return CLASS_DNS;
	case EXCHANGE_CONNECT:
		return CLASS_CONNECT;
	case EXCHANGE_TLS:
		return CLASS_TLS;
	case EXCHANGE_TIMEOUT:
		return CLASS_TIMEOUT;
	case EXCHANGE_BROKEN:
		return CLASS_BROKEN;
	case EXCHANGE_REFUSED:
		return CLASS_REFUSED;
	case EXCHANGE_ABORTED:
		return CLASS_ABORTED;
	case EXCHANGE_ANSWERED:
		break;
	}
	return status_classify(r->status);
}
