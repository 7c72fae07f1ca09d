/* libs/http/sender and sender_pool: a request that is said not to have begun has sent no byte, whenever and however
 * its exchange ends. */
#include "unit.h"

#include "http/sender_pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "fake_dns.h"
#include "http/server.h"
#include "tls_cert.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_MS  20000 /* a deadline that no test reaches */
#define DEADLINE_MS  200 /* one that a test waits for */
#define TEST_SECONDS 100

/* A server in a thread of its own that treats one connection after the other alike. */

enum protocol { PLAIN, TLS, HTTP2 };

enum conduct {
	UNWANTED, /* nothing listens on its port */
	UNACCEPTED, /* the kernel has no room for another connection */
	SILENT, /* accepted, nothing is ever read or written */
	CUT_AT_ONCE, /* closed when accepted; over TLS, in the handshake */
	CUT_UNREAD, /* over TLS: reset when the handshake is done; the client has given its request to the connection by then */
	CUT_AFTER_A_BYTE,
	DEAF, /* the handshake is done, nothing is read */
	UNANSWERED, /* the request is read */
	HALF_ANSWERED,
	ANSWERED,
	ANSWERED_ONCE, /* the second request of a connection is read and reset */
	STREAM_REFUSED, /* HTTP/2: RST_STREAM with REFUSED_STREAM */
	GONE_AWAY, /* HTTP/2: GOAWAY, no stream was processed */
};

struct stub {
	enum protocol protocol;
	enum conduct conduct;
	SSL_CTX *tls;
	char ca_file[30];
	int fd, port, waiting[4];
	pthread_t thread;
	sem_t reached; /* posted once all was done of a connection that is then held */
	/* Of all connections. */
	atomic_int connections;
	atomic_int bytes; /* of requests, as an application reads them */
	atomic_int requests; /* that came whole */
};

struct connection {
	struct stub *stub;
	int fd;
	SSL *ssl;
	struct buf in;
	int answered;
};

static bool connection_read(struct connection *c)
{
	char *at = buf_reserve(&c->in, 65536);
	ssize_t n = c->ssl ? SSL_read(c->ssl, at, 65536) : read(c->fd, at, 65536);

	if (n <= 0)
		return false;
	c->in.n += (size_t)n;
	c->stub->bytes += (int)n;
	return true;
}

static void connection_write(const struct connection *c, const void *p, size_t n)
{
	ssize_t written = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);

	(void)written;
}

static void connection_reset(const struct connection *c)
{
	const struct linger at_once = { 1, 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Until the client ends it. */
static void connection_hold(const struct connection *c)
{
	char byte;

	sem_post(&c->stub->reached);
	while (recv(c->fd, &byte, 1, 0) > 0)
		continue;
}

/* HTTP/1 */

static bool request_take(struct connection *c)
{
	const char *end, *length;
	size_t n;

	for (;;) {
		end = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL;
		length = end ? memmem(c->in.p, c->in.n, "Content-Length: ", 16) : NULL;
		n = end ? (size_t)(end + 4 - c->in.p) + (length ? strtoul(length + 16, NULL, 10) : 0) : SIZE_MAX;
		if (c->in.n >= n)
			break;
		if (!connection_read(c))
			return false;
	}
	buf_clear(&c->in); /* requests are not pipelined */
	c->stub->requests++;
	return true;
}

static void http1_answer(const struct connection *c)
{
	static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
			  half[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok";

	if (c->stub->conduct == HALF_ANSWERED)
		connection_write(c, half, sizeof(half) - 1);
	else
		connection_write(c, whole, sizeof(whole) - 1);
}

/* HTTP/2: as much as a request without surprises needs (RFC 9113) */

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE };
#define PREFACE_BYTES    24
#define FRAME_BYTES      9
#define FLAG_ACK         1
#define FLAG_END_STREAM  1
#define FLAG_END_HEADERS 4
#define REFUSED_STREAM   7

static void frame_write(const struct connection *c, int type, int flags, uint32_t stream, struct str payload)
{
	struct buf frame = BUF_INIT;

	buf_add_be32(&frame, (uint32_t)payload.n << 8 | (uint32_t)type);
	buf_add_char(&frame, (char)flags);
	buf_add_be32(&frame, stream);
	buf_add_str(&frame, payload);
	connection_write(c, frame.p, frame.n);
	buf_fini(&frame);
}

static bool frame_read(struct connection *c, int *type, int *flags, uint32_t *stream)
{
	const unsigned char *p;
	size_t n = FRAME_BYTES;

	for (;;) {
		p = (const unsigned char *)c->in.p;
		if (c->in.n >= FRAME_BYTES)
			n = FRAME_BYTES + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
		if (c->in.n >= n)
			break;
		if (!connection_read(c))
			return false;
	}
	*type = p[3];
	*flags = p[4];
	*stream = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
	memmove(c->in.p, c->in.p + n, c->in.n - n);
	c->in.n -= n;
	return true;
}

/* The next request, whole; false: the connection has ended. */
static bool stream_take(struct connection *c, uint32_t *stream)
{
	int type, flags;

	while (frame_read(c, &type, &flags, stream)) {
		if (type == SETTINGS && !(flags & FLAG_ACK))
			frame_write(c, SETTINGS, FLAG_ACK, 0, STR(""));
		if ((type == HEADERS || type == DATA) && flags & FLAG_END_STREAM) {
			c->stub->requests++;
			return true;
		}
	}
	return false;
}

static bool http2_open(struct connection *c)
{
	while (c->in.n < PREFACE_BYTES)
		if (!connection_read(c))
			return false;
	memmove(c->in.p, c->in.p + PREFACE_BYTES, c->in.n - PREFACE_BYTES);
	c->in.n -= PREFACE_BYTES;
	frame_write(c, SETTINGS, 0, 0, STR(""));
	return true;
}

static void http2_answer(const struct connection *c, uint32_t stream)
{
	static const char refused[] = { 0, 0, 0, REFUSED_STREAM }, none_processed[8] = { 0 };

	if (c->stub->conduct == STREAM_REFUSED)
		frame_write(c, RST_STREAM, 0, stream, (struct str){ refused, sizeof(refused) });
	else if (c->stub->conduct == GONE_AWAY)
		frame_write(c, GOAWAY, 0, 0, (struct str){ none_processed, sizeof(none_processed) });
	else
		frame_write(c, HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, stream, STR("\x88")); /* :status 200 */
}

static void requests_answer(struct connection *c)
{
	bool http2 = c->stub->protocol == HTTP2;
	uint32_t stream = 0;

	if (http2 && !http2_open(c))
		return;
	while (http2 ? stream_take(c, &stream) : request_take(c)) {
		if (c->stub->conduct == ANSWERED_ONCE && c->answered > 0) {
			connection_reset(c);
			return;
		}
		if (c->stub->conduct == UNANSWERED) {
			connection_hold(c);
			return;
		}
		if (http2)
			http2_answer(c, stream);
		else
			http1_answer(c);
		c->answered++;
		if (c->stub->conduct == HALF_ANSWERED || c->stub->conduct == GONE_AWAY) {
			connection_hold(c);
			return;
		}
	}
}

static void connection_serve(struct connection *c)
{
	char byte;

	if (c->stub->conduct == SILENT || c->stub->conduct == CUT_AT_ONCE) {
		if (c->stub->conduct == SILENT)
			connection_hold(c);
		return;
	}
	c->ssl = c->stub->tls ? SSL_new(c->stub->tls) : NULL;
	if (c->ssl && (!SSL_set_fd(c->ssl, c->fd) || SSL_accept(c->ssl) != 1))
		return;
	switch (c->stub->conduct) {
	case CUT_UNREAD:
		connection_reset(c);
		break;
	case CUT_AFTER_A_BYTE:
		if ((c->ssl ? SSL_read(c->ssl, &byte, 1) : read(c->fd, &byte, 1)) == 1)
			c->stub->bytes++;
		connection_reset(c);
		break;
	case DEAF:
		connection_hold(c);
		break;
	default:
		requests_answer(c);
		break;
	}
}

static void *stub_run(void *arg)
{
	struct stub *s = arg;
	struct connection c = { .stub = s };

	while ((c.fd = accept(s->fd, NULL, NULL)) >= 0) {
		s->connections++;
		connection_serve(&c);
		SSL_free(c.ssl);
		close(c.fd);
		buf_fini(&c.in);
		c = (struct connection){ .stub = s };
	}
	return NULL;
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *offered,
	unsigned n_offered, void *arg)
{
	static const unsigned char h2[] = { 2, 'h', '2' };

	(void)ssl;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, n, h2, sizeof(h2), offered, n_offered) ==
			OPENSSL_NPN_NEGOTIATED
		? SSL_TLSEXT_ERR_OK
		: SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void stub_start(struct stub *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	FILE *file;

	sem_init(&s->reached, 0, 0);
	snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/test_begun.XXXXXX");
	file = fdopen(mkstemp(s->ca_file), "w");
	if (s->protocol != PLAIN)
		s->tls = tls_cert_new("here.test", 30, file);
	fclose(file);
	if (s->protocol == HTTP2)
		SSL_CTX_set_alpn_select_cb(s->tls, choose_h2, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
	s->port = ntohs(at.sin_port);
	if (s->conduct != UNWANTED)
		assert_int_equal(listen(s->fd, s->conduct == UNACCEPTED ? 0 : 10), 0);
	for (int i = 0; i < 4 && s->conduct == UNACCEPTED; i++) {
		s->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(connect(s->waiting[i], (struct sockaddr *)&at, n) == 0 || errno == EINPROGRESS);
	}
	if (s->conduct != UNWANTED && s->conduct != UNACCEPTED)
		assert_int_equal(pthread_create(&s->thread, NULL, stub_run, s), 0);
}

/* When the client has closed what it keeps. */
static void stub_stop(struct stub *s)
{
	if (s->conduct != UNWANTED && s->conduct != UNACCEPTED) {
		shutdown(s->fd, SHUT_RDWR);
		pthread_join(s->thread, NULL);
	}
	for (int i = 0; i < 4 && s->conduct == UNACCEPTED; i++)
		close(s->waiting[i]);
	close(s->fd);
	SSL_CTX_free(s->tls);
	unlink(s->ca_file);
	sem_destroy(&s->reached);
}

/* One test: a loop, a sender or a pool of them, and the answers. */

struct test {
	struct loop *loop;
	struct guard *guard;
	struct sender *sender;
	struct sender_pool *pool;
	int waiting;
};

struct answer {
	struct test *test;
	struct exchange *exchange;
	struct pool_request *request;
	int answers;
	struct exchange_result result;
	char detail[256];
};

static void test_open(struct test *t, const char *ca_file, bool pooled, int per_host)
{
	char network[] = "127.0.0.0/8";
	char *networks[] = { network, NULL };
	struct sender_options options = {
		.max_connections = 10, .max_connections_per_host = per_host, .user_agent = "test"
	};

	*t = (struct test){ 0 };
	assert_int_equal(loop_new(&t->loop, NULL), 0);
	assert_int_equal(guard_new_listed(&t->guard, networks, true, NULL), 0);
	options.loop = t->loop;
	options.guard = t->guard;
	options.ca_file = ca_file;
	if (pooled)
		assert_int_equal(sender_pool_open(&t->pool, &(struct sender_pool_options){ options, 1, 1, 25 }, NULL),
			0);
	else
		assert_int_equal(sender_open(&t->sender, &options, NULL), 0);
}

static void test_close(struct test *t)
{
	sender_pool_close(&t->pool);
	sender_close(&t->sender);
	guard_free(t->guard);
	loop_free(t->loop);
}

static void answer_take(void *ctx, const struct exchange_result *r)
{
	struct answer *a = ctx;

	a->answers++;
	a->result = *r;
	snprintf(a->detail, sizeof(a->detail), "%s", r->detail);
	a->test->waiting--;
}

static void request_send(struct test *t, struct answer *a, const char *url, const struct send_request *as)
{
	struct url_host host;
	struct send_request request = *as;

	*a = (struct answer){ .test = t };
	request.url = url;
	request.done = answer_take;
	request.ctx = a;
	t->waiting++;
	if (t->sender) {
		sender_send(t->sender, &request, &a->exchange);
		return;
	}
	assert_int_equal(guard_host(t->guard, str_of(url), &host, NULL), 0);
	sender_pool_send(t->pool, &(struct send_target){ 1, 1, &host }, &request, &a->request);
}

static void answers_wait(struct test *t)
{
	while (t->waiting > 0)
		loop_turn(t->loop, 1000);
}

static const char *url_of(const struct stub *s, const char *host, char out[100])
{
	snprintf(out, 100, "%s://%s:%d/hook", s->protocol == PLAIN ? "http" : "https", host, s->port);
	return out;
}

static struct fake_name names[] = {
	{ .name = "here.test", .addresses = { "127.0.0.1" } },
	{ .name = "nobody.test" },
	{ .name = "elsewhere.test", .addresses = { "8.8.8.8" } },
	{ .name = "slow.test", .addresses = { "127.0.0.1" } },
	{ 0 },
};

#define HERE "here.test"

static void each_result_says_whether_the_request_may_have_been_sent(void **state)
{
	static const struct {
		const char *name, *host;
		enum protocol protocol;
		enum conduct conduct;
		bool stranger; /* its certificate is not trusted */
		int timeout_ms;
		enum exchange_failure want;
		bool begun;
	} cases[] = {
		{ "no such name", "nobody.test", PLAIN, ANSWERED, false, PATIENCE_MS, EXCHANGE_DNS, false },
		{ "an address that is not admitted", "8.8.8.8", PLAIN, ANSWERED, false, PATIENCE_MS, EXCHANGE_REFUSED,
			false },
		{ "connection refused", HERE, PLAIN, UNWANTED, false, PATIENCE_MS, EXCHANGE_CONNECT, false },
		{ "connection not accepted", HERE, PLAIN, UNACCEPTED, false, DEADLINE_MS, EXCHANGE_TIMEOUT, false },
		{ "handshake hangs", HERE, TLS, SILENT, false, DEADLINE_MS, EXCHANGE_TIMEOUT, false },
		{ "handshake cut", HERE, TLS, CUT_AT_ONCE, false, PATIENCE_MS, EXCHANGE_TLS, false },
		{ "certificate not trusted", HERE, TLS, ANSWERED, true, PATIENCE_MS, EXCHANGE_TLS, false },
		{ "http, accepted and not read", HERE, PLAIN, SILENT, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "http, cut after a byte", HERE, PLAIN, CUT_AFTER_A_BYTE, false, PATIENCE_MS, EXCHANGE_BROKEN, true },
		{ "http, unanswered", HERE, PLAIN, UNANSWERED, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "http, half an answer", HERE, PLAIN, HALF_ANSWERED, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "http, answered", HERE, PLAIN, ANSWERED, false, PATIENCE_MS, EXCHANGE_ANSWERED, true },
		{ "TLS, not read", HERE, TLS, DEAF, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "TLS, cut after a byte", HERE, TLS, CUT_AFTER_A_BYTE, false, PATIENCE_MS, EXCHANGE_BROKEN, true },
		{ "TLS, cut unread", HERE, TLS, CUT_UNREAD, false, PATIENCE_MS, EXCHANGE_BROKEN, true },
		{ "TLS, unanswered", HERE, TLS, UNANSWERED, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "TLS, answered", HERE, TLS, ANSWERED, false, PATIENCE_MS, EXCHANGE_ANSWERED, true },
		{ "HTTP/2, handshake hangs", HERE, HTTP2, SILENT, false, DEADLINE_MS, EXCHANGE_TIMEOUT, false },
		{ "HTTP/2, not read", HERE, HTTP2, DEAF, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "HTTP/2, cut after a byte", HERE, HTTP2, CUT_AFTER_A_BYTE, false, PATIENCE_MS, EXCHANGE_BROKEN,
			true },
		{ "HTTP/2, unanswered", HERE, HTTP2, UNANSWERED, false, DEADLINE_MS, EXCHANGE_TIMEOUT, true },
		{ "HTTP/2, stream refused", HERE, HTTP2, STREAM_REFUSED, false, PATIENCE_MS, EXCHANGE_BROKEN, true },
		{ "HTTP/2, gone away", HERE, HTTP2, GONE_AWAY, false, PATIENCE_MS, EXCHANGE_BROKEN, true },
		{ "HTTP/2, answered", HERE, HTTP2, ANSWERED, false, PATIENCE_MS, EXCHANGE_ANSWERED, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stub s = { .protocol = cases[i].protocol, .conduct = cases[i].conduct };
		struct answer a;
		struct test t;
		char url[100];

		stub_start(&s);
		test_open(&t, cases[i].stranger || cases[i].protocol == PLAIN ? NULL : s.ca_file, false, 1);
		request_send(&t, &a, url_of(&s, cases[i].host, url),
			&(struct send_request){ .body = STR("{}"), .timeout_ms = cases[i].timeout_ms });
		answers_wait(&t);
		test_close(&t);
		stub_stop(&s);
		if (a.result.failure != cases[i].want || a.result.begun != cases[i].begun)
			fail_msg("%s: %d, %d: %s", cases[i].name, a.result.failure, a.result.begun, a.detail);
		if (s.bytes > 0 && !a.result.begun)
			fail_msg("%s: %d bytes", cases[i].name, s.bytes);
		if (s.requests > 1)
			fail_msg("%s: %d requests", cases[i].name, s.requests);
	}
}

/* libcurl would send it again, over a connection of its own. */
static void a_request_whose_reused_connection_is_dead_is_not_sent_again(void **state)
{
	static const enum http_method methods[] = { HTTP_POST, HTTP_GET };

	(void)state;
	for (enum protocol protocol = PLAIN; protocol <= HTTP2; protocol++) {
		for (size_t i = 0; i < COUNT(methods); i++) {
			const struct send_request request = { .method = methods[i], .timeout_ms = PATIENCE_MS };
			struct stub s = { .protocol = protocol, .conduct = ANSWERED_ONCE };
			struct answer a;
			struct test t;
			char url[100];

			stub_start(&s);
			test_open(&t, protocol == PLAIN ? NULL : s.ca_file, false, 1);
			request_send(&t, &a, url_of(&s, HERE, url), &request);
			answers_wait(&t);
			assert_int_equal(a.result.status, 200);
			request_send(&t, &a, url, &request);
			answers_wait(&t);
			test_close(&t);
			stub_stop(&s);
			assert_int_equal(a.result.failure, EXCHANGE_BROKEN);
			assert_true(a.result.reused);
			assert_true(a.result.begun);
			assert_int_equal(s.requests, 2);
		}
	}
}

/* A few rounds of the loop, for what stands still: nothing more would come in any number of them. */
static void loop_rounds(struct test *t)
{
	for (int i = 0; i < 5; i++)
		loop_turn(t->loop, 10);
}

/* The stub has come to where it holds the connection. */
static void stub_wait(struct test *t, struct stub *s)
{
	while (sem_trywait(&s->reached) < 0)
		loop_turn(t->loop, 10);
}

static void abort_one(struct test *t, struct answer *a)
{
	if (t->sender)
		sender_abort(t->sender, a->exchange);
	else
		sender_pool_abort(t->pool, a->request);
}

static void an_abort_says_whether_the_request_may_have_been_sent(void **state)
{
	static const struct {
		const char *name, *host;
		enum protocol protocol;
		enum conduct conduct;
		enum { AT_ONCE, STANDING, REACHED, QUEUED } when;
		bool begun;
	} cases[] = {
		{ "at once", HERE, PLAIN, ANSWERED, AT_ONCE, false },
		{ "looking its name up", "slow.test", PLAIN, ANSWERED, STANDING, false },
		{ "connecting", HERE, PLAIN, UNACCEPTED, STANDING, false },
		{ "in the handshake", HERE, TLS, SILENT, REACHED, false },
		{ "in the handshake before HTTP/2", HERE, HTTP2, SILENT, REACHED, false },
		{ "waiting for the connection of another", HERE, PLAIN, UNANSWERED, QUEUED, false },
		{ "unanswered", HERE, PLAIN, UNANSWERED, REACHED, true },
		{ "half answered", HERE, PLAIN, HALF_ANSWERED, REACHED, true },
		{ "unanswered over TLS", HERE, TLS, UNANSWERED, REACHED, true },
		{ "unanswered over HTTP/2", HERE, HTTP2, UNANSWERED, REACHED, true },
	};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	names[COUNT(names) - 2].wait_fd = ends[0];
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		const struct send_request request = { .body = STR("{}"), .timeout_ms = PATIENCE_MS };
		size_t n = i / 2;
		struct stub s = { .protocol = cases[n].protocol, .conduct = cases[n].conduct };
		struct answer first, a;
		struct test t;
		char url[100];

		stub_start(&s);
		test_open(&t, cases[n].protocol == PLAIN ? NULL : s.ca_file, i % 2, 1);
		url_of(&s, cases[n].host, url);
		if (cases[n].when == QUEUED) {
			request_send(&t, &first, url, &request);
			stub_wait(&t, &s);
		}
		request_send(&t, &a, url, &request);
		if (cases[n].when == REACHED)
			stub_wait(&t, &s);
		else if (cases[n].when != AT_ONCE)
			loop_rounds(&t);
		assert_int_equal(a.answers, 0);
		abort_one(&t, &a);
		test_close(&t);
		stub_stop(&s);
		if (a.answers != 1 || a.result.failure != EXCHANGE_ABORTED || a.result.begun != cases[n].begun)
			fail_msg("%s, %zu: %d, %d", cases[n].name, i % 2, a.result.failure, a.result.begun);
		if (s.requests != (cases[n].when == QUEUED || cases[n].begun))
			fail_msg("%s, %zu: %d requests", cases[n].name, i % 2, s.requests);
		if (cases[n].when == QUEUED && !first.result.begun)
			fail_msg("%s, %zu: closed", cases[n].name, i % 2);
	}
	close(ends[1]); /* look-ups end */
}

static void a_request_past_its_deadline_is_not_begun(void **state)
{
	struct stub s = { .conduct = ANSWERED };
	struct send_request request = { .body = STR("{}"), .timeout_ms = PATIENCE_MS };
	struct answer a;
	struct test t;
	char url[100];

	(void)state;
	stub_start(&s);
	for (int pooled = 0; pooled < 2; pooled++) {
		test_open(&t, NULL, pooled, 1);
		request.begin_by_mono_ms = clock_mono_ms() - 1;
		request_send(&t, &a, url_of(&s, HERE, url), &request);
		answers_wait(&t);
		assert_int_equal(a.result.failure, EXCHANGE_TIMEOUT);
		assert_false(a.result.begun);
		assert_string_equal(a.detail, "not sent in time");
		request.begin_by_mono_ms = clock_mono_ms() + PATIENCE_MS;
		request_send(&t, &a, url, &request);
		answers_wait(&t);
		assert_int_equal(a.result.status, 200);
		assert_true(a.result.begun);
		test_close(&t);
	}
	stub_stop(&s);
	assert_int_equal(s.requests, 2);
}

/* Aborts race with the thread that sends: some come before the first byte, some after. */

#define MANY 2000

static atomic_bool seen[MANY];

static struct http_admission admit(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return (struct http_admission){ .max_body_bytes = 100 };
}

/* The server's thread. */
static void record(void *ctx, struct http_request *r)
{
	(void)ctx;
	seen[strtoul(http_body(r).p, NULL, 10)] = true;
	http_respond(r, 200, "text/plain", STR(""), NULL, 0);
}

static void a_request_reported_by_an_abort_as_not_begun_never_arrives(void **state)
{
	const struct http_server_options options = { .listen = "127.0.0.1:0", .admit = admit, .handle = record };
	static struct answer answers[MANY];
	int begun = 0, spared = 0, whole = 0;
	struct http_server *server = NULL;
	struct test t;
	char url[60];

	(void)state;
	assert_int_equal(http_server_open(&server, &options, NULL), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(server));
	test_open(&t, NULL, true, 0);
	for (int i = 0; i < MANY; i++) {
		char body[20];

		snprintf(body, sizeof(body), "%d.", i);
		request_send(&t, &answers[i], url,
			&(struct send_request){ .body = str_of(body), .timeout_ms = PATIENCE_MS });
		for (volatile int spin = 0; spin < i % 50 * 1000; spin++)
			continue;
		if (i % 3 > 0 && answers[i].answers == 0)
			sender_pool_abort(t.pool, answers[i].request);
		if (i % 20 == 0)
			loop_turn(t.loop, 1);
	}
	answers_wait(&t);
	test_close(&t);
	http_server_close(&server);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(answers[i].answers, 1);
		assert_false(seen[i] && !answers[i].result.begun);
		*(answers[i].result.failure == EXCHANGE_ANSWERED ? &whole
				: answers[i].result.begun        ? &begun
								 : &spared) += 1;
	}
	assert_true(whole > 0 && spared > 0);
	print_message("%d answered, %d aborted when begun, %d before\n", whole, begun, spared);
}

static int setup(void **state)
{
	(void)state;
	fake_names = names;
	signal(SIGPIPE, SIG_IGN); /* of the TLS servers here */
	alarm(TEST_SECONDS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_result_says_whether_the_request_may_have_been_sent),
		cmocka_unit_test(a_request_whose_reused_connection_is_dead_is_not_sent_again),
		cmocka_unit_test(an_abort_says_whether_the_request_may_have_been_sent),
		cmocka_unit_test(a_request_past_its_deadline_is_not_begun),
		cmocka_unit_test(a_request_reported_by_an_abort_as_not_begun_never_arrives),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
