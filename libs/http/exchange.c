/* The outcome of an HTTP exchange; see exchange.h. */
#include "http/exchange.h"

struct exchange_result exchange_failed(enum exchange_failure failure, const char *detail, bool begun)
{
	return (struct exchange_result){
		.failure = failure,
		.begun = begun,
		.detail = detail,
		.retry_after_ms = -1,
		.dns_us = -1,
		.connect_us = -1,
		.tls_us = -1,
		.first_byte_us = -1,
		.total_us = -1,
		.body = STR_NONE,
	};
}
