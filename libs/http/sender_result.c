/* Turns libcurl's outcome of an exchange into its result; see sender.h. */
#include "base/clock.h"
#include "http/sender_private.h"

static bool is_about_tls(CURLcode code)
{
	return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CIPHER ||
		code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS ||
		code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
		code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_USE_SSL_FAILED;
}

static enum exchange_failure failure_of(const struct exchange *x, CURLcode code, int status)
{
	if (code == CURLE_OK || (x->cut && status >= 200)) /* 1xx precedes the final response */
		return EXCHANGE_ANSWERED;
	if (x->denied != EXCHANGE_ANSWERED)
		return x->denied;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return EXCHANGE_TIMEOUT;
	if (x->begun)
		return EXCHANGE_BROKEN;
	if (x->refused && !x->admitted)
		return EXCHANGE_REFUSED;
	if (is_about_tls(code))
		return EXCHANGE_TLS;
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return EXCHANGE_DNS;
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_LOGIN_DENIED)
		return EXCHANGE_REFUSED;
	return EXCHANGE_CONNECT;
}

static const char *detail_of(const struct exchange *x, enum exchange_failure failure, CURLcode code)
{
	if (failure == EXCHANGE_ANSWERED)
		return "";
	if (x->denied != EXCHANGE_ANSWERED)
		return x->denied == EXCHANGE_TIMEOUT ? "not sent in time" : "aborted";
	if (failure == EXCHANGE_REFUSED && x->refused)
		return guard_refusal(x->sender->options.guard);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return "the server closed the reused connection before it answered";
	return x->error[0] ? x->error : curl_easy_strerror(code);
}

static int64_t phase_us(const struct exchange *x, CURLINFO which)
{
	curl_off_t us = 0;

	curl_easy_getinfo(x->easy, which, &us);
	return us > 0 ? us : -1;
}

/* Parsed here because CURLINFO_RETRY_AFTER does not distinguish 0 from an absent header, and newer versions of
 * libcurl cap it at six hours. */
static int64_t retry_after_ms(const struct exchange *x)
{
	struct curl_header *header;
	struct str value;
	int64_t seconds;
	time_t date;

	if (curl_easy_header(x->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return -1;
	value = str_trim(str_of(header->value));
	if (str_all_digits(value))
		return str_to_i64(value, &seconds) && seconds <= INT64_MAX / 1000 ? seconds * 1000 : INT64_MAX;
	date = curl_getdate(header->value, NULL);
	if (date < 0)
		return -1;
	return date * 1000 > clock_now_ms() ? date * 1000 - clock_now_ms() : 0;
}

void exchange_result_fill(const struct exchange *x, CURLcode code, struct exchange_result *r)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	*r = (struct exchange_result){ .status = (int)status, .begun = x->begun, .reused = x->reused };
	r->failure = failure_of(x, code, r->status);
	r->detail = detail_of(x, r->failure, code);
	r->retry_after_ms = r->status >= 300 ? retry_after_ms(x) : -1;
	r->dns_us = phase_us(x, CURLINFO_NAMELOOKUP_TIME_T);
	r->connect_us = phase_us(x, CURLINFO_CONNECT_TIME_T);
	r->tls_us = phase_us(x, CURLINFO_APPCONNECT_TIME_T);
	r->first_byte_us = r->status ? phase_us(x, CURLINFO_STARTTRANSFER_TIME_T) : -1;
	r->total_us = phase_us(x, CURLINFO_TOTAL_TIME_T);
	r->body = buf_str(&x->response);
}
