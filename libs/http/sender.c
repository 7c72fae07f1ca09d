/* Requests in flight; see sender.h. An exchange owns an easy handle. Both are pooled and reused together; each request
 * sets only the options that differ between requests.
 *
 * Invariant: done() is called only from results_receive() and sender_abort(), and the exchange may be reused right
 * after it.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "http/sender_private.h"

#define KEEP_BYTES         65536 /* memory that an idle exchange may keep for its next response */
#define LIBCURL_MAX_IDLE_S 118L /* libcurl's default */

static int timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
	const struct sender *s = arg;

	(void)multi;
	loop_timer_set(s->timer, delay_ms);
	return 0;
}

/* libcurl calls this once the connection is open and the handshake done, before it writes any byte of the request: a
 * request that did not get here was not sent, as TLS early data is not enabled. libcurl calls it a second time to
 * retry a request when a reused connection was closed before the response, or the server refused the HTTP/2 stream. */
static int request_begins(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct exchange *x = arg;
	long connections = 0;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (x->begun)
		return CURL_PREREQFUNC_ABORT;
	if (x->begin_by_mono_ms && clock_mono_ms() > x->begin_by_mono_ms)
		x->denied = EXCHANGE_TIMEOUT;
	else if (x->may_begin && !x->may_begin(x->ctx))
		x->denied = EXCHANGE_ABORTED;
	if (x->denied != EXCHANGE_ANSWERED)
		return CURL_PREREQFUNC_ABORT;
	x->begun = true;
	curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &connections);
	x->reused = connections == 0;
	return CURL_PREREQFUNC_OK;
}

/* Stops libcurl from resolving a name that resolver.h has resolved: its own lookups are not bounded by the shares. */
static int lookup_begins(void *resolver, void *reserved, void *arg)
{
	const struct exchange *x = arg;

	(void)resolver;
	(void)reserved;
	return x->is_resolved ? 1 : 0;
}

static size_t header_receive(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	(void)data;
	x->response_header_bytes += size * n;
	x->cut = x->response_header_bytes > SENDER_HEADER_BYTES;
	return x->cut ? 0 : size * n;
}

static size_t body_receive(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t room = x->response_bytes - x->response.n;

	n *= size;
	x->cut = n > room;
	buf_add(&x->response, data, x->cut ? room : n);
	return x->cut ? 0 : n;
}

/* Exchanges. */

static void easy_setup(struct exchange *x)
{
	const struct sender_options *o = &x->sender->options;
	CURL *e = x->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, x);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, guard_allows_http(o->guard) ? "http,https" : "https");
	curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PROXY, ""); /* or libcurl would use the environment's proxy */
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT,
		1L); /* at the deadline, or libcurl would wait for its resolver thread */
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	/* With a directory of certificates besides the file (distributions configure one), libcurl does not cache the
	 * parsed certificates: each connection would read all of them again and block this thread for some 15 ms. It
	 * would also trust them in addition to ca_file. */
	curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	if (o->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, request_begins);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, lookup_begins);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_receive);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_receive);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
	exchange_sockets_setup(x);
}

static struct exchange *exchange_new(struct sender *s)
{
	struct exchange *x = mem_calloc(1, sizeof(*x));

	x->sender = s;
	x->easy = curl_easy_init();
	if (!x->easy)
		abort(); /* no memory */
	easy_setup(x);
	return x;
}

static void exchange_free(struct exchange *x)
{
	curl_easy_cleanup(x->easy);
	buf_fini(&x->response);
	free(x->header_lines);
	free(x);
}

static struct exchange *exchange_get(struct sender *s)
{
	struct exchange *x = LIST_FIRST(&s->idle);

	if (x) {
		LIST_REMOVE(x, entry);
		s->n_idle--;
	} else {
		x = exchange_new(s);
	}
	buf_clear(&x->response);
	x->response_header_bytes = 0;
	x->refused = x->admitted = x->begun = x->reused = x->cut = false;
	x->denied = EXCHANGE_ANSWERED;
	x->error[0] = '\0';
	LIST_INSERT_HEAD(&s->active, x, entry);
	s->n_active++;
	return x;
}

/* Frees idle exchanges until at most `keep` are left. */
static void idle_trim(struct sender *s, size_t keep)
{
	while (s->n_idle > keep) {
		struct exchange *x = LIST_FIRST(&s->idle);

		LIST_REMOVE(x, entry);
		s->n_idle--;
		exchange_free(x);
	}
}

static struct curl_slist *lines_reserve(struct exchange *x, size_t n)
{
	if (n > x->header_lines_cap) {
		x->header_lines = mem_realloc(x->header_lines, n * sizeof(*x->header_lines));
		x->header_lines_cap = n;
	}
	return x->header_lines;
}

static void headers_set(struct exchange *x, const char *const *headers)
{
	static char no_expect[] =
		"Expect:"; /* suppresses the header: the body is sent without waiting for "100 Continue" */
	struct curl_slist *lines;
	size_t n = 0;

	while (headers && headers[n])
		n++;
	lines = lines_reserve(x, n + 1);
	for (size_t i = 0; i < n; i++)
		lines[i] = (struct curl_slist){ (char *)(uintptr_t)headers[i], &lines[i + 1] };
	lines[n] = (struct curl_slist){ no_expect, NULL };
}

static struct curl_slist *resolved_set(struct exchange *x, const char *const *lines)
{
	size_t n = 0;

	for (; lines && lines[n] && n < SENDER_RESOLVED_LINES; n++) {
		x->resolved[n] = (struct curl_slist){ (char *)(uintptr_t)lines[n], NULL };
		if (n > 0)
			x->resolved[n - 1].next = &x->resolved[n];
	}
	x->is_resolved = n > 0;
	return n > 0 ? x->resolved : NULL;
}

/* libcurl sends a body as it does for POST, under any method; without a body it sends neither length nor type. */
static void body_set(struct exchange *x, const struct send_request *request)
{
	static const char *const words[] = { [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE" };
	enum http_method method = request->method;

	if (method != x->method)
		curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, words[method]);
	x->method = method;
	if (method == HTTP_GET || (method == HTTP_DELETE && request->body.n == 0)) {
		assert(request->body.n == 0);
		curl_easy_setopt(x->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, request->body.p ? request->body.p : "");
}

/* libcurl reuses connections until a full second after the configured maximum. */
static void max_idle_set(struct exchange *x, int ms)
{
	assert(ms == 0 || ms >= SENDER_MIN_IDLE_MS);
	if (ms != x->max_idle_ms)
		curl_easy_setopt(x->easy, CURLOPT_MAXAGE_CONN, ms ? (long)ms / 1000 - 1 : LIBCURL_MAX_IDLE_S);
	x->max_idle_ms = ms;
}

void sender_send(struct sender *s, const struct send_request *request, struct exchange **out)
{
	struct exchange *x = exchange_get(s);

	assert(!s->closing);
	x->may_begin = request->may_begin;
	x->done = request->done;
	x->ctx = request->ctx;
	x->begin_by_mono_ms = request->begin_by_mono_ms;
	x->response_bytes = request->response_bytes ? request->response_bytes : SENDER_RESPONSE_BYTES;
	body_set(x, request);
	max_idle_set(x, request->max_idle_ms);
	headers_set(x, request->headers);
	curl_easy_setopt(x->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->header_lines);
	curl_easy_setopt(x->easy, CURLOPT_RESOLVE, resolved_set(x, request->resolved));
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	if (curl_multi_add_handle(s->multi, x->easy) != CURLM_OK)
		abort(); /* no memory */
	if (out)
		*out = x;
}

/* Responses. */

static void exchange_end(struct exchange *x, const struct exchange_result *r)
{
	struct sender *s = x->sender;

	curl_multi_remove_handle(s->multi, x->easy);
	LIST_REMOVE(x, entry);
	s->n_active--;
	x->done(x->ctx, r);
	if (x->response.cap > KEEP_BYTES)
		buf_fini(&x->response);
	LIST_INSERT_HEAD(&s->idle, x, entry);
	s->n_idle++;
}

static void results_receive(struct sender *s)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(s->multi, &left))) {
		struct exchange_result r;
		struct exchange *x;
		char *private = NULL;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		x = (struct exchange *)(void *)private;
		exchange_result_fill(x, message->data.result, &r);
		exchange_end(x, &r);
	}
}

void sender_act(struct sender *s, curl_socket_t fd, int ready)
{
	int running;

	curl_multi_socket_action(s->multi, fd, ready, &running);
	results_receive(s);
	idle_trim(s, (size_t)s->options.max_connections);
}

static void timer_fired(void *ctx)
{
	sender_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

void sender_abort(struct sender *s, struct exchange *x)
{
	struct exchange_result r = exchange_failed(EXCHANGE_ABORTED, "aborted", x->begun);

	assert(x->sender == s);
	r.reused = x->reused;
	exchange_end(x, &r);
}

size_t sender_in_flight(const struct sender *s)
{
	return s->n_active;
}

static void multi_setup(struct sender *s)
{
	const struct sender_options *o = &s->options;

	sender_sockets_setup(s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)o->max_connections);
	curl_multi_setopt(s->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)o->max_connections_per_host);
}

int sender_open(struct sender **out, const struct sender_options *options, struct err *err)
{
	struct sender *s;
	CURLM *multi;

	if (options->ca_file && access(options->ca_file, R_OK) < 0)
		return err_set(err, ERR_FATAL, "ca_file", "%s cannot be read", options->ca_file);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(multi = curl_multi_init()))
		return err_set(err, ERR_FATAL, "curl", "cannot start libcurl");
	assert(options->guard);
	s = mem_calloc(1, sizeof(*s));
	s->multi = multi;
	s->options = *options;
	s->timer = loop_timer_new(options->loop, timer_fired, s);
	multi_setup(s);
	*out = s;
	return 0;
}

void sender_close(struct sender **sender)
{
	struct sender *s = *sender;
	struct exchange *x;

	*sender = NULL;
	if (!s)
		return;
	s->closing = true;
	while ((x = LIST_FIRST(&s->active)))
		sender_abort(s, x);
	idle_trim(s, 0);
	curl_multi_cleanup(s->multi); /* closes its sockets */
	loop_timer_free(s->timer);
	free(s->watches);
	free(s);
}
