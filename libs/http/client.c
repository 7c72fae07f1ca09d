/* The blocking client. One easy handle is reused, so that connections stay open between calls. Invariant: it is reset
 * before each call, so that no option of one request leaks into the next.
 */
#include "http/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define TIMEOUT_MS         15000
#define MAX_RESPONSE_BYTES ((size_t)1 << 20)

struct http_client {
	CURL *easy;
};

struct response {
	struct buf body;
	size_t max_bytes;
	bool too_large;
};

int http_client_open(struct http_client **out, struct err *err)
{
	struct http_client *c;
	CURL *easy;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(easy = curl_easy_init()))
		return err_set(err, ERR_FATAL, "curl", "cannot start libcurl");
	c = mem_calloc(1, sizeof(*c));
	c->easy = easy;
	*out = c;
	return 0;
}

void http_client_close(struct http_client **client)
{
	struct http_client *c = *client;

	*client = NULL;
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	free(c);
}

static size_t response_receive(char *data, size_t size, size_t n, void *arg)
{
	struct response *r = arg;

	n *= size;
	if (n > r->max_bytes - r->body.n) {
		r->too_large = true;
		return 0;
	}
	buf_add(&r->body, data, n);
	return n;
}

static struct curl_slist *headers_list(const char *const *headers)
{
	struct curl_slist *list = NULL;

	for (; headers && *headers; headers++)
		list = curl_slist_append(list, *headers);
	return list;
}

static void call_setup(CURL *e, const struct http_call *call, struct curl_slist *headers, struct response *r)
{
	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, call->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_PROXY, ""); /* or libcurl would use the environment's proxy */
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms ? call->timeout_ms : TIMEOUT_MS));
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, response_receive);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	if (call->body.p) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.p);
	}
	if (str_is(str_of(call->method), "HEAD"))
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
}

/* Whether the request cannot have reached the server. */
static bool nothing_exchanged(CURLcode code)
{
	return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR ||
		code == CURLE_PEER_FAILED_VERIFICATION;
}

static int call_failed(CURLcode code, const struct response *r, struct err *err)
{
	enum err_kind kind = ERR_FATAL;
	char number[16];

	if (r->too_large)
		return err_set(err, ERR_FATAL, "curl", "the response is larger than %zu bytes", r->max_bytes);
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		kind = ERR_INPUT;
	else if (nothing_exchanged(code))
		kind = ERR_RETRY;
	snprintf(number, sizeof(number), "curl %d", (int)code);
	return err_set(err, kind, number, "%s", curl_easy_strerror(code));
}

int http_client_call(struct http_client *c, const struct http_call *call, int *status, struct buf *response,
	struct err *err)
{
	struct response r = { .max_bytes = call->max_response_bytes ? call->max_response_bytes : MAX_RESPONSE_BYTES };
	struct curl_slist *headers = headers_list(call->headers);
	long code = 0;
	int rc = -1;
	CURLcode done;

	call_setup(c->easy, call, headers, &r);
	done = curl_easy_perform(c->easy);
	if (done != CURLE_OK) {
		call_failed(done, &r, err);
		goto out;
	}
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &code);
	*status = (int)code;
	buf_add_str(response, buf_str(&r.body));
	rc = 0;
out:
	curl_slist_free_all(headers);
	buf_fini(&r.body);
	return rc;
}
