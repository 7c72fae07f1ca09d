/* libs/http/sender against servers that answer, hang, lie and break off. */
#include "unit.h"

#include "http/sender.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "echo_server.h"
#include "fake_dns.h"
#include "tls_cert.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_MS  20000 /* a deadline that no test reaches */
#define DEADLINE_MS  200   /* one that a test waits for */
#define TEST_SECONDS 60

/* A server in a thread of its own, which treats one connection after the other alike. */

enum after { KEEP, CLOSE, RESET, HANG, ENDLESS };

struct script {
	bool unheard; /* nothing is read before */
	const char *answer;
	enum after after;
	const char *filler;    /* ENDLESS */
	int answered_requests; /* of a connection: the next is read and reset; 0: all are answered */
};

struct peer {
	struct script script;
	SSL_CTX *tls;
	int listen_fd, port;
	pthread_t thread;
	sem_t closed; /* posted when a connection has ended */
	int connections, requests;
	struct buf request; /* the last one's, header and body */
};

struct connection {
	int fd;
	SSL *ssl;
};

static ssize_t connection_read(const struct connection *c, void *p, size_t n)
{
	return c->ssl ? SSL_read(c->ssl, p, (int)n) : read(c->fd, p, n);
}

static ssize_t connection_write(const struct connection *c, const void *p, size_t n)
{
	return c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);
}

static size_t request_bytes(const struct buf *b)
{
	const char *end = memmem(b->p, b->n, "\r\n\r\n", 4), *length;

	if (!end)
		return SIZE_MAX;
	length = memmem(b->p, b->n, "Content-Length: ", 16);
	return (size_t)(end + 4 - b->p) + (length ? strtoul(length + 16, NULL, 10) : 0);
}

static bool request_read(struct peer *p, const struct connection *c)
{
	ssize_t n;

	buf_clear(&p->request);
	do {
		n = connection_read(c, buf_reserve(&p->request, 65536), 65536);
		if (n <= 0)
			return false;
		p->request.n += (size_t)n;
	} while (p->request.n < request_bytes(&p->request));
	p->requests++;
	return true;
}

static void connection_end(const struct connection *c, enum after how, const char *filler)
{
	const struct linger at_once = { 1, 0 };
	char byte;

	if (how == HANG)
		while (connection_read(c, &byte, 1) > 0)
			continue;
	if (how == ENDLESS)
		while (connection_write(c, filler, strlen(filler)) > 0)
			continue;
	if (how == RESET)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void connection_serve(struct peer *p, const struct connection *c)
{
	const struct script *s = &p->script;

	for (int n = 1; s->unheard || request_read(p, c); n++) {
		if (s->answered_requests && n > s->answered_requests) {
			connection_end(c, RESET, NULL);
			return;
		}
		if (s->answer)
			connection_write(c, s->answer, strlen(s->answer));
		if (s->after != KEEP) {
			connection_end(c, s->after, s->filler);
			return;
		}
	}
}

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	struct connection c = { 0 };

	while ((c.fd = accept(p->listen_fd, NULL, NULL)) >= 0) {
		p->connections++;
		c.ssl = p->tls ? SSL_new(p->tls) : NULL;
		if (!c.ssl || (SSL_set_fd(c.ssl, c.fd) && SSL_accept(c.ssl) == 1))
			connection_serve(p, &c);
		SSL_free(c.ssl);
		close(c.fd);
		sem_post(&p->closed);
	}
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listen_fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(p->listen_fd, 10), 0);
	assert_int_equal(getsockname(p->listen_fd, (struct sockaddr *)&at, &n), 0);
	p->port = ntohs(at.sin_port);
	sem_init(&p->closed, 0, 0);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

/* When the client has closed what it keeps. */
static void peer_stop(struct peer *p)
{
	shutdown(p->listen_fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listen_fd);
	sem_destroy(&p->closed);
	buf_fini(&p->request);
	SSL_CTX_free(p->tls);
}

/* One test: a loop, a sender, and what the answers were. */

struct answer {
	struct test *test;
	bool done;
	struct exchange_result result;
	char detail[256];
	struct buf body;
};

struct test {
	struct loop *loop;
	struct guard *guard;
	struct sender *sender;
	size_t waiting;
	bool sending;
};

static void test_open(struct test *t, const char *allowed, const char *ca_file)
{
	char network[40];
	char *networks[] = { network, NULL };
	struct sender_options options = { .max_connections = 10, .user_agent = "blazz-test", .ca_file = ca_file };

	*t = (struct test){ 0 };
	snprintf(network, sizeof(network), "%s", allowed);
	assert_int_equal(loop_new(&t->loop, NULL), 0);
	assert_int_equal(guard_new(&t->guard, *allowed ? networks : NULL, true, NULL), 0);
	options.loop = t->loop;
	options.guard = t->guard;
	assert_int_equal(sender_open(&t->sender, &options, NULL), 0);
}

static void test_close(struct test *t)
{
	sender_close(&t->sender);
	guard_free(t->guard);
	loop_free(t->loop);
}

static void answer_take(void *ctx, const struct exchange_result *r)
{
	struct answer *a = ctx;

	assert_false(a->test->sending);
	assert_false(a->done);
	a->done = true;
	a->result = *r;
	snprintf(a->detail, sizeof(a->detail), "%s", r->detail);
	buf_add_str(&a->body, r->body);
	if (--a->test->waiting == 0)
		loop_stop(a->test->loop);
}

static struct exchange *send_one(struct test *t, struct answer *a, const char *url, const struct send_request *as)
{
	struct send_request request = *as;
	struct exchange *x;

	*a = (struct answer){ .test = t };
	request.url = url;
	request.done = answer_take;
	request.ctx = a;
	t->waiting++;
	t->sending = true;
	sender_send(t->sender, &request, &x);
	t->sending = false;
	return x;
}

static struct exchange *post(struct test *t, struct answer *a, const char *url, int timeout_ms)
{
	static const char *const headers[] = { "Content-Type: application/json", "webhook-id: msg_1", NULL };

	return send_one(t, a, url,
		&(struct send_request){ .headers = headers, .body = STR("{\"a\":1}"), .timeout_ms = timeout_ms });
}

static void wait_for_all(struct test *t)
{
	assert_int_equal(loop_run(t->loop, NULL), 0);
	assert_int_equal(t->waiting, 0);
	assert_int_equal(sender_in_flight(t->sender), 0);
}

static char *url_of(const struct peer *p, const char *scheme, const char *host, char *out, size_t n)
{
	snprintf(out, n, "%s://%s:%d/hook?x=1", scheme, host, p->port);
	return out;
}

static void post_and_wait(struct test *t, struct answer *a, const struct peer *p, int timeout_ms)
{
	char url[100];

	post(t, a, url_of(p, "http", "127.0.0.1", url, sizeof(url)), timeout_ms);
	wait_for_all(t);
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void each_result_of_an_exchange_has_its_name(void **state)
{
	static const struct {
		const char *name;
		struct script script;
		enum exchange_failure want;
		int status;
		const char *body; /* NULL: not looked at */
	} cases[] = {
		{ "no content", { .answer = "HTTP/1.1 204 No Content\r\n\r\n" }, EXCHANGE_ANSWERED, 204, "" },
		{ "a body", { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }, EXCHANGE_ANSWERED, 200,
			"ok" },
		{ "a body up to the end", { .answer = "HTTP/1.0 200 OK\r\n\r\nok", .after = CLOSE }, EXCHANGE_ANSWERED,
			200, "ok" },
		{ "chunks", { .answer = "HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" },
			EXCHANGE_ANSWERED, 201, "ok" },
		{ "an interim answer", { .answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK_EMPTY },
			EXCHANGE_ANSWERED, 200, "" },
		{ "a redirect is not followed",
			{ .answer = "HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" },
			EXCHANGE_ANSWERED, 307, "" },
		{ "an error", { .answer = "HTTP/1.1 503 S\r\nContent-Length: 4\r\n\r\nbusy" }, EXCHANGE_ANSWERED, 503,
			"busy" },
		{ "an answer before the body is read",
			{ .unheard = true,
				.answer = "HTTP/1.1 413 L\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
				.after = HANG },
			EXCHANGE_ANSWERED, 413, "" },
		{ "an endless body is cut",
			{ .answer = "HTTP/1.1 200 OK\r\n\r\n", .after = ENDLESS, .filler = "endless" },
			EXCHANGE_ANSWERED, 200, NULL },
		{ "an endless header is cut",
			{ .answer = "HTTP/1.1 500 E\r\n", .after = ENDLESS, .filler = "X-A: b\r\n" }, EXCHANGE_ANSWERED,
			500, "" },
		{ "one endless header line",
			{ .answer = "HTTP/1.1 500 E\r\nX: ", .after = ENDLESS, .filler = "bbbbbbbbbbb" },
			EXCHANGE_BROKEN, 500, "" },
		{ "endless interim answers", { .after = ENDLESS, .filler = "HTTP/1.1 102 P\r\n\r\n" }, EXCHANGE_BROKEN,
			102, "" },
		{ "less body than announced",
			{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", .after = CLOSE }, EXCHANGE_BROKEN,
			200, "ok" },
		{ "reset in the body", { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", .after = RESET },
			EXCHANGE_BROKEN, 200, NULL },
		{ "garbage", { .answer = "SSH-2.0-OpenSSH_9.2\r\n", .after = CLOSE }, EXCHANGE_BROKEN, 0, "" },
		{ "a broken chunk", { .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" },
			EXCHANGE_BROKEN, 200, "" },
		{ "closed without an answer", { .after = CLOSE }, EXCHANGE_BROKEN, 0, "" },
		{ "reset without an answer", { .after = RESET }, EXCHANGE_BROKEN, 0, "" },
		{ "closed at once", { .unheard = true, .after = CLOSE }, EXCHANGE_BROKEN, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer p = { .script = cases[i].script };
		struct answer a;
		struct test t;

		peer_start(&p);
		test_open(&t, "127.0.0.0/8", NULL);
		post_and_wait(&t, &a, &p, PATIENCE_MS);
		if (a.result.failure != cases[i].want || a.result.status != cases[i].status)
			fail_msg("%s: %d, %d: %s", cases[i].name, a.result.failure, a.result.status, a.detail);
		if (cases[i].body && !str_is(buf_str(&a.body), cases[i].body))
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(buf_str(&a.body)));
		if ((a.detail[0] == '\0') != (cases[i].want == EXCHANGE_ANSWERED))
			fail_msg("%s: %s", cases[i].name, a.detail);
		assert_true(a.body.n <= SENDER_RESPONSE_BYTES);
		assert_int_equal(a.result.retry_after_ms, -1);
		buf_fini(&a.body);
		test_close(&t);
		peer_stop(&p);
		assert_int_equal(p.connections, 1);
	}
}

static void a_cut_body_is_kept_up_to_the_limit(void **state)
{
	struct peer p = { .script = { .answer = "HTTP/1.1 200 OK\r\n\r\n", .after = ENDLESS, .filler = "endless" } };
	struct answer a;
	struct test t;

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	post_and_wait(&t, &a, &p, PATIENCE_MS);
	assert_int_equal(a.body.n, SENDER_RESPONSE_BYTES);
	assert_memory_equal(a.body.p, "endlessend", 10);
	buf_fini(&a.body);
	test_close(&t);
	peer_stop(&p);
}

static void one_deadline_ends_the_whole_exchange(void **state)
{
	static const struct {
		const char *name;
		struct script script;
		int status;
	} cases[] = {
		{ "nothing is read", { .unheard = true, .after = HANG }, 0 },
		{ "no answer", { .after = HANG }, 0 },
		{ "half a header", { .answer = "HTTP/1.1 200 OK\r\nContent-Le", .after = HANG }, 200 },
		{ "no body", { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", .after = HANG }, 200 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer p = { .script = cases[i].script };
		int64_t began_ms = clock_mono_ms();
		struct answer a;
		struct test t;

		peer_start(&p);
		test_open(&t, "127.0.0.0/8", NULL);
		post_and_wait(&t, &a, &p, DEADLINE_MS);
		if (a.result.failure != EXCHANGE_TIMEOUT || a.result.status != cases[i].status)
			fail_msg("%s: %d, %d", cases[i].name, a.result.failure, a.result.status);
		assert_in_range(clock_mono_ms() - began_ms, DEADLINE_MS, PATIENCE_MS);
		assert_true(a.result.total_us >= DEADLINE_MS * 1000);
		assert_true((a.result.first_byte_us >= 0) == (cases[i].status > 0));
		buf_fini(&a.body);
		test_close(&t);
		peer_stop(&p);
	}
}

static void retry_after_is_read_in_seconds_and_as_a_date(void **state)
{
	static const struct {
		const char *value; /* %s: an hour from now */
		int64_t min_ms, max_ms;
	} cases[] = {
		{ "120", 120000, 120000 },
		{ " 7 ", 7000, 7000 },
		{ "0", 0, 0 },
		{ "90000", 90000000, 90000000 },
		{ "%s", 3500000, 3600000 },
		{ "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0 },
		{ "soon", -1, -1 },
		{ "-5", -1, -1 },
		{ "", -1, -1 },
		{ "99999999999999999999", INT64_MAX, INT64_MAX },
		{ "9999999999999999", INT64_MAX, INT64_MAX },
	};
	time_t later = (time_t)(clock_now_ms() / 1000 + 3600);
	char date[40], value[60], answer[200];
	struct tm tm;

	(void)state;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &tm));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer p = { .script = { .answer = answer } };
		struct answer a;
		struct test t;

		snprintf(value, sizeof(value), "%s", cases[i].value[0] == '%' ? date : cases[i].value);
		snprintf(answer, sizeof(answer), "HTTP/1.1 429 T\r\nretry-after: %s\r\nContent-Length: 0\r\n\r\n",
			value);
		peer_start(&p);
		test_open(&t, "127.0.0.0/8", NULL);
		post_and_wait(&t, &a, &p, PATIENCE_MS);
		if (a.result.retry_after_ms < cases[i].min_ms || a.result.retry_after_ms > cases[i].max_ms)
			fail_msg("%s: %lld", cases[i].value, (long long)a.result.retry_after_ms);
		test_close(&t);
		peer_stop(&p);
	}
}

static void a_request_is_sent_unchanged(void **state)
{
	static const char *const headers[] = { "Content-Type: application/json", "webhook-id: msg_1", NULL };
	struct peer p = { .script = { .answer = OK_EMPTY, .after = HANG } };
	size_t n = 3 << 20;
	char *body = mem_alloc(n), url[100];
	struct send_request request = {
		.url = url,
		.headers = headers,
		.body = { body, n },
		.timeout_ms = PATIENCE_MS,
		.done = answer_take,
	};
	struct answer a;
	struct test t;
	struct str header, rest;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)(i * 7 % 251);
	peer_start(&p);
	url_of(&p, "http", "127.0.0.1", url, sizeof(url));
	test_open(&t, "127.0.0.0/8", NULL);
	a = (struct answer){ .test = &t };
	request.ctx = &a;
	t.waiting = 1;
	sender_send(t.sender, &request, NULL);
	wait_for_all(&t);
	assert_int_equal(a.result.status, 200);
	test_close(&t);
	sem_wait(&p.closed);
	header = (struct str){ p.request.p, p.request.n - n };
	rest = (struct str){ p.request.p + header.n, n };
	assert_true(str_starts(header, STR("POST /hook?x=1 HTTP/1.1\r\n")));
	assert_true(str_ends(header, STR("\r\n\r\n")));
	assert_non_null(memmem(header.p, header.n, "\r\nContent-Type: application/json\r\n", 34));
	assert_non_null(memmem(header.p, header.n, "\r\nwebhook-id: msg_1\r\n", 21));
	assert_non_null(memmem(header.p, header.n, "\r\nUser-Agent: blazz-test\r\n", 26));
	assert_non_null(memmem(header.p, header.n, "\r\nContent-Length: 3145728\r\n", 27));
	assert_null(memmem(header.p, header.n, "Expect", 6));
	assert_memory_equal(rest.p, body, n);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	peer_stop(&p);
	free(body);
}

/* One after the other over one handle: nothing of the last request stays. */
static void each_method_is_sent_unchanged(void **state)
{
	static const struct {
		enum http_method method;
		const char *body, *line, *length;
	} cases[] = {
		{ HTTP_POST, "{}", "POST /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ HTTP_GET, "", "GET /hook?x=1 HTTP/1.1\r\n", NULL },
		{ HTTP_PUT, "{ }", "PUT /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n" },
		{ HTTP_DELETE, "", "DELETE /hook?x=1 HTTP/1.1\r\n", NULL },
		{ HTTP_POST, "", "POST /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n" },
		{ HTTP_DELETE, "{}", "DELETE /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ HTTP_PATCH, "{}", "PATCH /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ HTTP_GET, "", "GET /hook?x=1 HTTP/1.1\r\n", NULL },
		{ HTTP_PUT, "", "PUT /hook?x=1 HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n" },
	};
	struct peer p = { .script = { .answer = OK_EMPTY, .after = CLOSE } };
	struct send_request request = { .timeout_ms = PATIENCE_MS };
	struct test t;
	char url[100];

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	url_of(&p, "http", "127.0.0.1", url, sizeof(url));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct answer a;

		request.method = cases[i].method;
		request.body = str_of(cases[i].body);
		send_one(&t, &a, url, &request);
		wait_for_all(&t);
		sem_wait(&p.closed);
		assert_int_equal(a.result.status, 200);
		if (!str_starts(buf_str(&p.request), str_of(cases[i].line)) ||
			!str_ends(buf_str(&p.request), str_of(cases[i].body)))
			fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&p.request)));
		if ((memmem(p.request.p, p.request.n, "Content-Length", 14) != NULL) != (cases[i].length != NULL))
			fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&p.request)));
		if (cases[i].length)
			assert_non_null(memmem(p.request.p, p.request.n, cases[i].length, strlen(cases[i].length)));
	}
	test_close(&t);
	peer_stop(&p);
}

static void an_answer_is_kept_up_to_the_length_its_request_sets(void **state)
{
	static const size_t limits[] = { 100, 1 << 20, 0, 1 };
	struct peer p = { .script = { .answer = "HTTP/1.1 200 OK\r\n\r\n", .after = ENDLESS, .filler = "endless" } };
	struct send_request request = { .timeout_ms = PATIENCE_MS };
	struct test t;
	char url[100];

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	url_of(&p, "http", "127.0.0.1", url, sizeof(url));
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct answer a;

		request.response_bytes = limits[i];
		send_one(&t, &a, url, &request);
		wait_for_all(&t);
		assert_int_equal(a.result.failure, EXCHANGE_ANSWERED);
		assert_int_equal(a.body.n, limits[i] ? limits[i] : SENDER_RESPONSE_BYTES);
		buf_fini(&a.body);
	}
	test_close(&t);
	peer_stop(&p);
}

static void a_connection_is_reused_for_the_next_request(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY } };
	struct answer a;
	struct test t;

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	for (int i = 0; i < 5; i++) {
		post_and_wait(&t, &a, &p, PATIENCE_MS);
		assert_int_equal(a.result.status, 200);
		assert_int_equal(a.result.reused, i > 0);
		assert_true(a.result.total_us >= a.result.first_byte_us && a.result.first_byte_us > 0);
		assert_int_equal(a.result.tls_us, -1);
	}
	test_close(&t);
	peer_stop(&p);
	assert_int_equal(p.connections, 1);
	assert_int_equal(p.requests, 5);
}

static void a_request_is_never_sent_twice(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY, .answered_requests = 1 } };
	struct answer a;
	struct test t;

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	post_and_wait(&t, &a, &p, PATIENCE_MS);
	assert_int_equal(a.result.status, 200);
	post_and_wait(&t, &a, &p, PATIENCE_MS);
	assert_int_equal(a.result.failure, EXCHANGE_BROKEN);
	assert_true(a.result.reused);
	assert_string_equal(a.detail, "the server closed the reused connection before it answered");
	test_close(&t);
	peer_stop(&p);
	assert_int_equal(p.requests, 2);
}

static double thread_cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void stop(void *loop)
{
	loop_stop(loop);
}

static void a_connection_that_was_closed_meanwhile_is_replaced(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY, .after = CLOSE } };
	struct loop_timer *timer;
	struct answer a;
	struct test t;
	double cpu_s;

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	post_and_wait(&t, &a, &p, PATIENCE_MS);
	sem_wait(&p.closed);
	timer = loop_timer_new(t.loop, stop, t.loop);
	loop_timer_set(timer, DEADLINE_MS);
	cpu_s = thread_cpu_s();
	assert_int_equal(loop_run(t.loop, NULL), 0);
	assert_true(thread_cpu_s() - cpu_s < DEADLINE_MS / 20000.0); /* it does not spin on what nobody waits for */
	loop_timer_free(timer);
	post_and_wait(&t, &a, &p, PATIENCE_MS);
	assert_int_equal(a.result.status, 200);
	assert_false(a.result.reused);
	test_close(&t);
	peer_stop(&p);
	assert_int_equal(p.connections, 2);
}

/* The server keeps both; a request may be content with one that was used lately only. */
static void a_connection_that_was_idle_for_too_long_is_not_used(void **state)
{
	struct peer peers[2] = { { .script = { .answer = OK_EMPTY } }, { .script = { .answer = OK_EMPTY } } };
	struct loop_timer *timer;
	struct answer a[2];
	struct test t;
	char urls[2][100];

	(void)state;
	test_open(&t, "127.0.0.0/8", NULL);
	for (int i = 0; i < 2; i++) {
		peer_start(&peers[i]);
		post(&t, &a[i], url_of(&peers[i], "http", "127.0.0.1", urls[i], sizeof(urls[i])), PATIENCE_MS);
	}
	wait_for_all(&t);
	timer = loop_timer_new(t.loop, stop, t.loop);
	loop_timer_set(timer, SENDER_MIN_IDLE_MS + DEADLINE_MS);
	assert_int_equal(loop_run(t.loop, NULL), 0);
	loop_timer_free(timer);
	for (int i = 0; i < 2; i++) {
		const struct send_request request = { .timeout_ms = PATIENCE_MS,
			.max_idle_ms = i == 0 ? 0 : SENDER_MIN_IDLE_MS };

		send_one(&t, &a[i], urls[i], &request);
		wait_for_all(&t);
		assert_int_equal(a[i].result.status, 200);
		assert_int_equal(a[i].result.reused, i == 0);
	}
	test_close(&t);
	for (int i = 0; i < 2; i++)
		peer_stop(&peers[i]);
}

static struct fake_name names[] = {
	{ .name = "here.test", .addresses = { "127.0.0.1" } },
	{ .name = "one-of-two.test", .addresses = { "127.0.0.2", "127.0.0.1" } },
	{ .name = "changes.test", .addresses = { "8.8.8.8" }, .then = { "127.0.0.1" } },
	{ .name = "nobody.test" },
	{ .name = "slow.test", .addresses = { "127.0.0.1" } },
	{ 0 },
};

static void causes_of_unreachable_servers_are_distinguished(void **state)
{
	static const struct {
		const char *url, *allowed; /* %d: the server's port */
		enum exchange_failure want;
	} cases[] = {
		{ "http://here.test:%d/", "127.0.0.1", EXCHANGE_ANSWERED },
		{ "http://one-of-two.test:%d/", "127.0.0.1", EXCHANGE_ANSWERED },
		{ "http://one-of-two.test:%d/", "127.0.0.3", EXCHANGE_REFUSED },
		{ "http://here.test:%d/", "", EXCHANGE_REFUSED },
		{ "http://127.0.0.1:%d/", "", EXCHANGE_REFUSED },
		{ "http://0x7f.1:%d/", "", EXCHANGE_REFUSED },
		{ "http://localhost:%d/", "", EXCHANGE_REFUSED },
		{ "http://[::1]:%d/", "", EXCHANGE_REFUSED },
		{ "http://[::ffff:127.0.0.1]:%d/", "", EXCHANGE_REFUSED },
		{ "http://nobody.test:%d/", "", EXCHANGE_DNS },
		{ "http://127.0.0.1:1/", "127.0.0.1", EXCHANGE_CONNECT },
		{ "https://here.test:%d/", "127.0.0.1", EXCHANGE_TLS },
		{ "http://user@here.test:%d/", "127.0.0.1", EXCHANGE_REFUSED },
		{ "ftp://here.test:%d/", "127.0.0.1", EXCHANGE_REFUSED },
		{ "http://[::1", "127.0.0.1", EXCHANGE_REFUSED },
		{ "", "127.0.0.1", EXCHANGE_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer p = {
			.script = { .unheard = cases[i].want == EXCHANGE_TLS, .answer = OK_EMPTY, .after = CLOSE }
		};
		struct answer a;
		struct test t;
		char url[100];
		const char *port = strstr(cases[i].url, "%d");

		peer_start(&p);
		test_open(&t, cases[i].allowed, NULL);
		if (port)
			snprintf(url, sizeof(url), "%.*s%d%s", (int)(port - cases[i].url), cases[i].url, p.port,
				port + 2);
		post(&t, &a, port ? url : cases[i].url, PATIENCE_MS);
		wait_for_all(&t);
		if (a.result.failure != cases[i].want)
			fail_msg("%s, %s: %d: %s", cases[i].url, cases[i].allowed, a.result.failure, a.detail);
		test_close(&t);
		peer_stop(&p);
		if (cases[i].want != EXCHANGE_ANSWERED && cases[i].want != EXCHANGE_TLS)
			assert_int_equal(p.connections, 0);
	}
}

static void a_name_that_changes_after_the_check_is_not_connected_to(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY } };
	struct answer a;
	struct test t;
	char url[100];

	(void)state;
	peer_start(&p);
	test_open(&t, "", NULL);
	url_of(&p, "http", "changes.test", url, sizeof(url));
	assert_int_equal(guard_check_reachable(t.guard, str_of(url), NULL), 0);
	post(&t, &a, url, PATIENCE_MS);
	wait_for_all(&t);
	assert_int_equal(a.result.failure, EXCHANGE_REFUSED);
	assert_string_equal(a.detail, "its address is not public");
	test_close(&t);
	peer_stop(&p);
	assert_int_equal(p.connections, 0);
}

static void a_slow_resolver_does_not_delay_other_requests(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY } };
	struct answer slow, quick;
	struct test t;
	char slow_url[100], quick_url[100];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	names[COUNT(names) - 2].wait_fd = ends[0];
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	post(&t, &slow, url_of(&p, "http", "slow.test", slow_url, sizeof(slow_url)), DEADLINE_MS);
	post(&t, &quick, url_of(&p, "http", "127.0.0.1", quick_url, sizeof(quick_url)), PATIENCE_MS);
	wait_for_all(&t);
	assert_int_equal(quick.result.status, 200);
	assert_int_equal(slow.result.failure, EXCHANGE_TIMEOUT);
	assert_int_equal(slow.result.dns_us, -1);
	assert_int_equal(slow.result.connect_us, -1);
	test_close(&t);
	close(ends[1]); /* its thread ends */
	peer_stop(&p);
}

static void an_aborted_request_is_answered_at_once(void **state)
{
	struct peer p = { .script = { .after = HANG } };
	struct answer aborted, closed;
	struct exchange *x;
	struct test t;
	char url[100];

	(void)state;
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", NULL);
	url_of(&p, "http", "127.0.0.1", url, sizeof(url));
	x = post(&t, &aborted, url, PATIENCE_MS);
	post(&t, &closed, url, PATIENCE_MS);
	assert_int_equal(sender_in_flight(t.sender), 2);
	sender_abort(t.sender, x);
	assert_true(aborted.done);
	assert_int_equal(aborted.result.failure, EXCHANGE_ABORTED);
	assert_int_equal(aborted.result.total_us, -1);
	assert_false(closed.done);
	assert_int_equal(sender_in_flight(t.sender), 1);
	test_close(&t);
	assert_true(closed.done);
	assert_int_equal(closed.result.failure, EXCHANGE_ABORTED);
	peer_stop(&p);
}

/* libcurl closes such a socket without a word; a sanitizer tells what is kept of it. */
static void a_failed_connection_leaves_no_resources(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct peer p = { .script = { .answer = OK_EMPTY } }, silent = { .script = { .after = HANG } }, full = { 0 };
	struct answer a[5];
	socklen_t n = sizeof(at);
	int waiting[4];
	char url[100];
	struct test t;

	(void)state;
	full.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(full.listen_fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(full.listen_fd, 0), 0);
	assert_int_equal(getsockname(full.listen_fd, (struct sockaddr *)&at, &n), 0);
	full.port = ntohs(at.sin_port);
	for (int i = 0; i < 4; i++) { /* nobody accepts, and there is no room for more */
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(connect(waiting[i], (struct sockaddr *)&at, n) == 0 || errno == EINPROGRESS);
	}
	peer_start(&p);
	peer_start(&silent);
	test_open(&t, "127.0.0.0/8", NULL);
	for (int i = 0; i < 2; i++) {
		post_and_wait(&t, &a[i], &full, 100);
		assert_int_equal(a[i].result.failure, EXCHANGE_TIMEOUT);
		assert_int_equal(a[i].result.connect_us, -1);
	}
	post_and_wait(&t, &a[2], &p, PATIENCE_MS); /* with the descriptor of the former */
	assert_int_equal(a[2].result.status, 200);
	post(&t, &a[4], url_of(&silent, "https", "127.0.0.1", url, sizeof(url)), 100);
	wait_for_all(&t);
	assert_int_equal(a[4].result.failure, EXCHANGE_TIMEOUT);
	post(&t, &a[3], url_of(&full, "http", "127.0.0.1", url, sizeof(url)), PATIENCE_MS);
	test_close(&t);
	assert_int_equal(a[3].result.failure, EXCHANGE_ABORTED);
	for (int i = 0; i < 4; i++)
		close(waiting[i]);
	close(full.listen_fd);
	peer_stop(&silent);
	peer_stop(&p);
}

/* A request that is followed by `more` others, each sent out of done(). */
struct chain {
	struct test *test;
	struct sender *sender;
	const char *url;
	int more, *left;
};

static void chain_send(struct chain *c);

static void chain_goes_on(void *ctx, const struct exchange_result *r)
{
	struct chain *c = ctx;

	assert_int_equal(r->status, 200);
	assert_true(str_is(r->body, "{}"));
	if (c->more-- > 0)
		chain_send(c);
	else if (--*c->left == 0)
		loop_stop(c->test->loop);
}

static void chain_send(struct chain *c)
{
	const struct send_request request = {
		.url = c->url,
		.body = STR("{}"),
		.timeout_ms = PATIENCE_MS,
		.done = chain_goes_on,
		.ctx = c,
	};

	sender_send(c->sender, &request, NULL);
}

static void many_requests_are_in_flight_over_few_connections(void **state)
{
	struct sender_options options = { .max_connections = 10, .max_connections_per_host = 4, .user_agent = "test" };
	struct http_server *server = echo_server_open();
	struct sender *sender = NULL;
	struct chain chains[50];
	int left = COUNT(chains);
	struct test t;
	char url[60];

	(void)state;
	test_open(&t, "127.0.0.0/8", NULL);
	options.loop = t.loop;
	options.guard = t.guard;
	assert_int_equal(sender_open(&sender, &options, NULL), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(server));
	for (size_t i = 0; i < COUNT(chains); i++) {
		chains[i] = (struct chain){ &t, sender, url, 5, &left };
		chain_send(&chains[i]);
	}
	assert_int_equal(loop_run(t.loop, NULL), 0);
	assert_int_equal(left, 0);
	assert_in_range(http_server_connections(server), 1, 4);
	sender_close(&sender);
	http_server_close(&server);
	test_close(&t);
}

static void a_certificate_must_be_trusted_valid_and_of_the_host(void **state)
{
	static const struct {
		const char *name, *certified;
		int days;
		bool trusted;
		enum exchange_failure want;
	} cases[] = {
		{ "good", "here.test", 30, true, EXCHANGE_ANSWERED },
		{ "not trusted", "here.test", 30, false, EXCHANGE_TLS },
		{ "expired", "here.test", 1, true, EXCHANGE_TLS },
		{ "another's", "there.test", 30, true, EXCHANGE_TLS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer p = { .script = { .answer = OK_EMPTY } };
		char path[] = "/tmp/test_sender.XXXXXX", url[100];
		FILE *file = fdopen(mkstemp(path), "w");
		struct answer a;
		struct test t;

		p.tls = tls_cert_new(cases[i].certified, cases[i].days, file);
		fclose(file);
		peer_start(&p);
		test_open(&t, "127.0.0.0/8", cases[i].trusted ? path : NULL);
		post(&t, &a, url_of(&p, "https", "here.test", url, sizeof(url)), PATIENCE_MS);
		wait_for_all(&t);
		if (a.result.failure != cases[i].want)
			fail_msg("%s: %d: %s", cases[i].name, a.result.failure, a.detail);
		assert_true((a.result.tls_us > a.result.connect_us) == (cases[i].want == EXCHANGE_ANSWERED));
		test_close(&t);
		peer_stop(&p);
		unlink(path);
	}
}

/* Reading the system's takes 15 ms of the thread that sends: who never ends a handshake would slow down everybody's. */
static void ca_certificates_are_read_once_for_all_connections(void **state)
{
	struct peer p = { .script = { .answer = OK_EMPTY, .after = CLOSE } };
	char path[] = "/tmp/test_sender.XXXXXX", url[100];
	FILE *file = fdopen(mkstemp(path), "w");
	struct test t;

	(void)state;
	p.tls = tls_cert_new("here.test", 30, file);
	fclose(file);
	peer_start(&p);
	test_open(&t, "127.0.0.0/8", path);
	for (int i = 0; i < 3; i++) {
		struct answer a;

		post(&t, &a, url_of(&p, "https", "here.test", url, sizeof(url)), PATIENCE_MS);
		wait_for_all(&t);
		if (a.result.failure != EXCHANGE_ANSWERED)
			fail_msg("%d: %s", i, a.detail);
		unlink(path);
	}
	test_close(&t);
	peer_stop(&p);
}

static void a_missing_certificate_file_is_reported_at_start(void **state)
{
	struct sender_options options = { .ca_file = "/nowhere.pem" };
	struct sender *s = NULL;
	struct err err;

	(void)state;
	assert_int_equal(sender_open(&s, &options, &err), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_null(s);
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
		cmocka_unit_test(each_result_of_an_exchange_has_its_name),
		cmocka_unit_test(a_cut_body_is_kept_up_to_the_limit),
		cmocka_unit_test(one_deadline_ends_the_whole_exchange),
		cmocka_unit_test(retry_after_is_read_in_seconds_and_as_a_date),
		cmocka_unit_test(a_request_is_sent_unchanged),
		cmocka_unit_test(each_method_is_sent_unchanged),
		cmocka_unit_test(an_answer_is_kept_up_to_the_length_its_request_sets),
		cmocka_unit_test(a_connection_is_reused_for_the_next_request),
		cmocka_unit_test(a_request_is_never_sent_twice),
		cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_replaced),
		cmocka_unit_test(a_connection_that_was_idle_for_too_long_is_not_used),
		cmocka_unit_test(causes_of_unreachable_servers_are_distinguished),
		cmocka_unit_test(a_name_that_changes_after_the_check_is_not_connected_to),
		cmocka_unit_test(a_slow_resolver_does_not_delay_other_requests),
		cmocka_unit_test(an_aborted_request_is_answered_at_once),
		cmocka_unit_test(a_failed_connection_leaves_no_resources),
		cmocka_unit_test(many_requests_are_in_flight_over_few_connections),
		cmocka_unit_test(a_certificate_must_be_trusted_valid_and_of_the_host),
		cmocka_unit_test(ca_certificates_are_read_once_for_all_connections),
		cmocka_unit_test(a_missing_certificate_file_is_reported_at_start),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
