/* Classifies the outcome of an exchange: one word for logs, metrics and operators, the same in every program. The
 * caller decides from it, `begun` and `retry_after_ms` whether to send again. Pure. */
#ifndef HTTP_EXCHANGE_CLASS_H
#define HTTP_EXCHANGE_CLASS_H

#include "http/exchange.h"

enum exchange_class {
	CLASS_SUCCESS,
	CLASS_REDIRECT,
	CLASS_CLIENT_ERROR,
	CLASS_GONE,
	CLASS_RATE_LIMITED,
	CLASS_RETRYABLE, /* 408, 425 */
	CLASS_SERVER_ERROR,
	CLASS_DNS,
	CLASS_CONNECT,
	CLASS_TLS,
	CLASS_TIMEOUT,
	CLASS_BROKEN, /* or a status that HTTP does not define */
	CLASS_REFUSED,
	CLASS_ABORTED,
	EXCHANGE_CLASSES
};

enum exchange_class exchange_classify(const struct exchange_result *r);
const char *exchange_class_word(enum exchange_class c); /* "success", "client_error", ... */

#endif
