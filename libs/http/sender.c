/* Sending webhooks; see sender.h. An exchange owns an easy handle, is pooled with it, and sets anew what differs between requests only.
 *
 * A socket stays registered with the loop as long as it is open: libcurl gives it up after each answer and takes it again for the next
 * request, which would otherwise cost two system calls each time.
 *
 * Invariant: done() runs in answers_take() and sender_abort() only, and an exchange is free for the next send after it.
 */
#include "http/sender.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

/* One of libcurl's sockets. */
struct watch {
	struct sender *sender;
	struct loop_io *io;
	int fd;
	bool own; /* opened by socket_open(): closed by socket_close(), once it is a connection */
	bool read, write; /* what libcurl waits for */
};

struct exchange {
	LIST_ENTRY(exchange) entry; /* of the sender's active or idle ones */
	struct sender *sender;
	CURL *easy;
	void (*done)(void *ctx, const struct exchange_result *result);
	void *ctx;
	struct curl_slist *header_lines; /* an array, chained; borrows the request's lines */
	size_t header_lines_cap;
	struct curl_slist resolved[SENDER_RESOLVED_LINES]; /* the same */
	bool is_resolved;
	struct buf response;
	size_t response_header_bytes;
	bool refused, admitted; /* an address of the host was */
	bool begun; /* the request was, or part of it, given to a connection */
	bool reused; /* to one that was open */
	bool cut;
	char error[CURL_ERROR_SIZE];
};

LIST_HEAD(exchanges, exchange);

struct sender {
	CURLM *multi;
	struct loop_timer *timer;
	struct sender_options options;
	struct exchanges active, idle;
	size_t n_active, n_idle;
	struct watch **watches; /* by descriptor */
	size_t watches_cap;
	bool closing;
};

/* Sockets. */

static struct watch **watch_slot(struct sender *s, int fd)
{
	size_t at = (size_t)fd, cap = s->watches_cap ? s->watches_cap : 64;

	if (at >= s->watches_cap) {
		while (cap <= at)
			cap *= 2;
		s->watches = mem_realloc(s->watches, cap * sizeof(struct watch *));
		memset(s->watches + s->watches_cap, 0, (cap - s->watches_cap) * sizeof(struct watch *));
		s->watches_cap = cap;
	}
	return &s->watches[at];
}

static void act(struct sender *s, curl_socket_t fd, int ready);

static void watch_ready(void *ctx)
{
	const struct watch *w = ctx;

	if (w->read && w->write)
		act(w->sender, w->fd, 0); /* libcurl looks for itself */
	else if (w->read || w->write)
		act(w->sender, w->fd, w->read ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
	else /* the peer closed it while nobody used it: libcurl looks before it does */
		loop_io_set(w->io, false, false);
}

static struct watch *watch_new(struct sender *s, int fd, bool own)
{
	struct watch *w = mem_calloc(1, sizeof(*w));

	w->sender = s;
	w->fd = fd;
	w->own = own;
	w->io = loop_io_new(s->options.loop, fd, false, false, watch_ready, w);
	*watch_slot(s, fd) = w;
	return w;
}

static void watch_free(struct watch *w)
{
	if (!w)
		return;
	*watch_slot(w->sender, w->fd) = NULL;
	loop_io_free(w->io);
	free(w);
}

/* What never became a connection, or not the one that is used, libcurl closes without calling socket_close(). Newer ones (8.14) shut idle
 * connections down with a handle of their own, which is of no exchange. */
static bool may_be_closed(CURL *easy, const struct watch *w)
{
	const struct exchange *x = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
	return !w->own || w->write || !x || !x->begun;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct sender *s = arg;
	struct watch *w = *watch_slot(s, fd);

	(void)unused;
	if (!w && what != CURL_POLL_REMOVE)
		w = watch_new(s, fd, false); /* the resolver's */
	if (!w)
		return 0;
	if (what == CURL_POLL_REMOVE && may_be_closed(easy, w)) {
		watch_free(w);
		return 0;
	}
	w->read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
	w->write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
	if (what != CURL_POLL_REMOVE)
		loop_io_set(w->io, w->read, w->write);
	return 0;
}

static curl_socket_t socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct exchange *x = arg;
	int fd;

	(void)purpose;
	if (!guard_admits(x->sender->options.guard, &a->addr)) {
		x->refused = true;
		return CURL_SOCKET_BAD;
	}
	x->admitted = true;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	watch_new(x->sender, fd, true);
	return fd;
}

static int socket_close(void *arg, curl_socket_t fd)
{
	watch_free(*watch_slot(arg, fd));
	return close(fd);
}

static int timer_wanted(CURLM *multi, long delay_ms, void *arg)
{
	const struct sender *s = arg;

	(void)multi;
	loop_timer_set(s->timer, delay_ms);
	return 0;
}

/* What libcurl tells about one transfer. */

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

static void easy_setup(const struct exchange *x)
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
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, x->sender);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, request_begins);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, look_up_begins);
	curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_take);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
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

static bool is_about_tls(CURLcode code)
{
	return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CIPHER ||
		code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS ||
		code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
		code == CURLE_SSL_ENGINE_INITFAILED || code == CURLE_USE_SSL_FAILED;
}

static enum exchange_failure failure_of(const struct exchange *x, CURLcode code, int status)
{
	if (code == CURLE_OK || (x->cut && status >= 200)) /* 1xx announces an answer */
		return EXCHANGE_ANSWERED;
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
	if (failure == EXCHANGE_REFUSED && x->refused)
		return "its address is not a public one";
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return "the kept alive connection ended before an answer came";
	return x->error[0] ? x->error : curl_easy_strerror(code);
}

static int64_t phase_us(const struct exchange *x, CURLINFO which)
{
	curl_off_t us = 0;

	curl_easy_getinfo(x->easy, which, &us);
	return us > 0 ? us : -1;
}

/* libcurl's own CURLINFO_RETRY_AFTER cannot tell 0 from nothing said, and newer ones cut it at six hours. */
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

static void result_fill(const struct exchange *x, CURLcode code, struct exchange_result *r)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	r->failure = failure_of(x, code, r->status);
	r->detail = detail_of(x, r->failure, code);
	r->retry_after_ms = r->status >= 300 ? retry_after_ms(x) : -1;
	r->dns_us = phase_us(x, CURLINFO_NAMELOOKUP_TIME_T);
	r->connect_us = phase_us(x, CURLINFO_CONNECT_TIME_T);
	r->tls_us = phase_us(x, CURLINFO_APPCONNECT_TIME_T);
	r->first_byte_us = r->status ? phase_us(x, CURLINFO_STARTTRANSFER_TIME_T) : -1;
	r->total_us = phase_us(x, CURLINFO_TOTAL_TIME_T);
	r->body = buf_str(&x->response);
	r->reused = x->reused;
	r->refused = false; /* the look-up of sender_pool.c says so, and nothing is sent then */
}

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
		result_fill(x, message->data.result, &r);
		exchange_end(x, &r);
	}
}

static void act(struct sender *s, curl_socket_t fd, int ready)
{
	int running;

	curl_multi_socket_action(s->multi, fd, ready, &running);
	answers_take(s);
	idle_trim(s, (size_t)s->options.max_connections);
}

static void timer_fired(void *ctx)
{
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
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

	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
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
