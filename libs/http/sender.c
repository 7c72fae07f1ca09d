/* Requests under way; see sender.h. An exchange owns an easy handle, is pooled with it, and sets anew what differs between requests only.
 *
 * Invariant: done() runs in answers_take() and sender_abort() only, and an exchange is free for the next send after it.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/sender_private.h"

static int timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
	const struct sender *s = arg;

	(void)multi;
	loop_timer_set(s->timer, delay_ms);
	return 0;
}

/* libcurl sends a request again when the connection that it reused ends without an answer; but the server may have acted on it. */
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
	x->begun = true;
	curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &connections);
	x->reused = connections == 0;
	return CURL_PREREQFUNC_OK;
}

/* A look-up of its own would be one that nobody bounds. */
static int look_up_begins(void *resolver, void *reserved, void *arg)
{
	const struct exchange *x = arg;

	(void)resolver;
	(void)reserved;
	return x->is_resolved ? 1 : 0;
}

static size_t header_take(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	(void)data;
	x->response_header_bytes += size * n;
	x->cut = x->response_header_bytes > SENDER_RESPONSE_BYTES;
	return x->cut ? 0 : size * n;
}

static size_t body_take(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t room = SENDER_RESPONSE_BYTES - x->response.n;

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
	curl_easy_setopt(e, CURLOPT_PROXY, ""); /* or the environment's would be used */
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* at the deadline, or it would wait for the resolver */
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	/* With a directory of certificates beside the file (distributions preset one), libcurl does not share what it has read: each
	 * connection would read all of them anew, some 15 ms in which nobody else is sent to. They would be trusted beside ca_file, too. */
	curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	if (o->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, request_begins);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, look_up_begins);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_take);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_take);
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

static struct exchange *exchange_take(struct sender *s)
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
	x->error[0] = '\0';
	LIST_INSERT_HEAD(&s->active, x, entry);
	s->n_active++;
	return x;
}

/* Frees idle ones until there are at most `keep`. */
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
	static char no_expect[] = "Expect:"; /* never sent: the body follows without asking */
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

void sender_send(struct sender *s, const struct send_request *request, struct exchange **out)
{
	struct exchange *x = exchange_take(s);

	assert(!s->closing);
	x->done = request->done;
	x->ctx = request->ctx;
	headers_set(x, request->headers);
	curl_easy_setopt(x->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->header_lines);
	curl_easy_setopt(x->easy, CURLOPT_RESOLVE, resolved_set(x, request->resolved));
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, request->body.p ? request->body.p : "");
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	if (curl_multi_add_handle(s->multi, x->easy) != CURLM_OK)
		abort(); /* no memory */
	if (out)
		*out = x;
}

/* Answers. */

static void exchange_end(struct exchange *x, const struct exchange_result *r)
{
	struct sender *s = x->sender;

	curl_multi_remove_handle(s->multi, x->easy);
	LIST_REMOVE(x, entry);
	s->n_active--;
	x->done(x->ctx, r);
	LIST_INSERT_HEAD(&s->idle, x, entry);
	s->n_idle++;
}

static void answers_take(struct sender *s)
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
	answers_take(s);
	idle_trim(s, (size_t)s->options.max_connections);
}

static void timer_fired(void *ctx)
{
	sender_act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

void sender_abort(struct sender *s, struct exchange *x)
{
	struct exchange_result r = { .failure = EXCHANGE_ABORTED, .detail = "aborted" };

	assert(x->sender == s);
	r.retry_after_ms = r.dns_us = r.connect_us = r.tls_us = r.first_byte_us = r.total_us = -1;
	r.body = STR_NONE;
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
