/* The HTTP server through real sockets on loopback: on an event loop, and in a thread of its own. The owner under test answers
 * by path; what it was told is counted.
 */
#include "unit.h"

#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define PATIENCE_MS 10000
#define BODY_MAX    1000

struct server {
	bool on_loop;
	struct http_server *http;
	int port;
	struct loop *loop;
	struct loop_timer *later;
	struct loop_io *wake;
	pthread_t thread;
	int wake_fd;
	atomic_bool stop, answer;
	struct http_request *waiting[8];
	size_t n_waiting;
	atomic_int handled, gone, held, shed;
	bool exempt;
	char peer[64];
};

static void say(struct http_request *r, int status, struct str body)
{
	http_respond(r, status, body.n ? "text/plain" : NULL, body, NULL, 0);
}

static struct http_admission admit(void *ctx, struct http_request *r)
{
	static const struct http_extra_header why = { "WWW-Authenticate", "Bearer" };
	struct http_admission a = { 0, BODY_MAX };

	(void)ctx;
	if (str_is(http_path(r), "/refused"))
		a.refuse_status = 401;
	if (str_is(http_path(r), "/explained")) {
		a.refuse_status = 401;
		http_respond(r, 401, "text/plain", STR("no token"), &why, 1);
	}
	return a;
}

static void handle(void *ctx, struct http_request *r)
{
	struct server *s = ctx;

	atomic_fetch_add(&s->handled, 1);
	snprintf(s->peer, sizeof(s->peer), "%.*s", STR_ARG(http_peer(r)));
	if (str_is(http_path(r), "/echo")) {
		say(r, 200, http_body(r));
	} else if (str_is(http_path(r), "/query")) {
		say(r, http_query(r, "none").p ? 500 : 200, http_query(r, "q").p ? http_query(r, "q") : STR("absent"));
	} else if (str_is(http_path(r), "/headers")) {
		struct buf all = BUF_INIT;

		http_header_join(r, "x-test", &all);
		say(r, 200, buf_str(&all));
		buf_fini(&all);
	} else if (str_is(http_path(r), "/target me")) {
		say(r, 200, http_target(r));
	} else if (str_is(http_path(r), "/ended") || str_is(http_path(r), "/reset")) {
		http_abort(r, str_is(http_path(r), "/reset"));
	} else if (str_is(http_path(r), "/header")) {
		say(r, 200, http_header(r, "x-test"));
	} else if (str_starts(http_path(r), STR("/late")) || str_is(http_path(r), "/held")) {
		s->waiting[s->n_waiting++] = r;
		atomic_fetch_add(&s->held, 1);
		if (!str_is(http_path(r), "/held"))
			loop_timer_set(s->later, 10);
	} else if (str_is(http_path(r), "/")) {
		say(r, 204, STR_NONE);
	} else {
		say(r, 404, http_path(r));
	}
}

/* A body on /greedy has room for three bytes, and another's for more when somebody goes. */
static int grow(void *ctx, struct http_request *r, size_t n)
{
	struct server *s = ctx;

	if (str_is(http_path(r), "/greedy"))
		return http_body(r).n + n > 3 ? 503 : 0;
	if (str_is(http_path(r), "/pushy"))
		atomic_store(&s->shed, http_server_shed(s->http, r) ? 1 : -1);
	return 0;
}

static bool exempt(void *ctx, struct str peer)
{
	(void)peer;
	return ((struct server *)ctx)->exempt;
}

static void gone(void *ctx, struct http_request *r)
{
	struct server *s = ctx;

	(void)r;
	atomic_fetch_add(&s->gone, 1);
}

static void answer_waiting(void *ctx)
{
	struct server *s = ctx;

	for (size_t i = 0; i < s->n_waiting; i++)
		if (str_is(http_path(s->waiting[i]), "/late-reset"))
			http_abort(s->waiting[i], true);
		else
			say(s->waiting[i], 200, http_body(s->waiting[i]));
	s->n_waiting = 0;
}

static void woken(void *ctx)
{
	struct server *s = ctx;
	uint64_t n;

	assert_int_equal(read(s->wake_fd, &n, sizeof(n)), sizeof(n));
	if (atomic_exchange(&s->answer, false))
		answer_waiting(s);
	if (atomic_load(&s->stop)) {
		http_server_close(&s->http);
		loop_stop(s->loop);
	}
}

static void wake(struct server *s)
{
	const uint64_t one = 1;

	assert_int_equal(write(s->wake_fd, &one, sizeof(one)), sizeof(one));
}

static void *run(void *ctx)
{
	struct server *s = ctx;
	struct err err;

	assert_int_equal(loop_run(s->loop, &err), 0);
	return NULL;
}

static struct server *server_open(void **state, struct http_server_options o)
{
	struct server *s = calloc(1, sizeof(*s));
	struct err err = { 0 };

	assert_non_null(s);
	s->on_loop = *(const bool *)*state;
	o.admit = admit;
	o.handle = handle;
	o.gone = gone;
	o.grow = grow;
	o.exempt = exempt;
	o.ctx = s;
	o.listen = o.listen ? o.listen : "127.0.0.1:0";
	if (s->on_loop) {
		assert_int_equal(loop_new(&s->loop, &err), 0);
		s->wake_fd = eventfd(0, EFD_NONBLOCK);
		s->wake = loop_io_new(s->loop, s->wake_fd, true, false, woken, s);
		s->later = loop_timer_new(s->loop, answer_waiting, s);
		o.loop = s->loop;
	}
	if (http_server_open(&s->http, &o, &err) < 0)
		fail_msg("%s", err.msg);
	s->port = http_server_port(s->http);
	assert_true(s->port > 0);
	if (s->on_loop)
		assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
	return s;
}

/* Returns how often gone() was called. */
static int server_close(struct server *s)
{
	int n;

	if (s->on_loop) {
		atomic_store(&s->stop, true);
		wake(s);
		pthread_join(s->thread, NULL);
		loop_io_free(s->wake);
		loop_timer_free(s->later);
		loop_free(s->loop);
		close(s->wake_fd);
	} else {
		http_server_close(&s->http);
	}
	n = atomic_load(&s->gone);
	free(s);
	return n;
}

static void wait_for(const atomic_int *counter, int at_least)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (atomic_load(counter) < at_least) {
		assert_true(clock_mono_ms() < until);
		poll(NULL, 0, 1);
	}
}

static int try_dial(int port)
{
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(const struct server *s)
{
	int fd = try_dial(s->port);

	assert_true(fd >= 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

struct answer {
	int status; /* 0: the connection ended before an answer */
	bool closes;
	char header[2048], body[2048];
};

static bool read_exactly(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);

		if (got < 0 && errno == EAGAIN)
			fail_msg("no answer within %d ms", PATIENCE_MS);
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static struct answer receive(int fd)
{
	struct answer a = { 0 };
	const char *length;
	size_t n = 0;

	while (!strstr(a.header, "\r\n\r\n")) {
		assert_true(n < sizeof(a.header) - 1);
		if (!read_exactly(fd, a.header + n++, 1))
			return (struct answer){ 0 };
	}
	assert_memory_equal(a.header, "HTTP/1.1 ", 9);
	a.status = (int)strtol(a.header + 9, NULL, 10);
	a.closes = strcasestr(a.header, "\r\nConnection: close\r\n") != NULL;
	length = strcasestr(a.header, "\r\nContent-Length: ");
	if (length && a.status != 100)
		assert_true(read_exactly(fd, a.body, strtoul(length + 18, NULL, 10)));
	return a;
}

/* One exchange on a connection of its own; what is said after the answer does not matter. */
static struct answer ask(const struct server *s, const char *text)
{
	int fd = dial(s);
	struct answer a;

	send_text(fd, text);
	a = receive(fd);
	close(fd);
	return a;
}

static void assert_closed(int fd)
{
	char c;

	assert_true(recv(fd, &c, 1, 0) == 0 || errno == ECONNRESET);
	close(fd);
}

#define GET(path)        "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, body) "POST " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " body
#define CHUNKED(path)    "POST " path " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static void requests_are_answered(void **state)
{
	static const struct {
		const char *name, *request;
		int status;
		const char *body;
	} cases[] = {
		{ "without a body", GET("/"), 204, "" },
		{ "an unknown path is the owner's business", GET("/nothing"), 404, "/nothing" },
		{ "a body of a given length", POST("/echo", "5\r\n\r\nhello"), 200, "hello" },
		{ "an empty body", POST("/echo", "0\r\n\r\n"), 200, "" },
		{ "a body in chunks", CHUNKED("/echo") "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello" },
		{ "the path is decoded once", GET("/a%20b%2541"), 404, "/a b%41" },
		{ "a NUL cannot cut the path", GET("/a%00b"), 404, "/a%00b" },
		{ "a query value is decoded", GET("/query?q=a%26b+c"), 200, "a&b c" },
		{ "a query name without a value is there and empty", GET("/query?q"), 200, "" },
		{ "a query name that is missing is absent", GET("/query?p=1"), 200, "absent" },
		{ "header names have no case", "GET /header HTTP/1.1\r\nHost: x\r\nX-TEST: v w\r\n\r\n", 200, "v w" },
		{ "all lines of a header, in order",
			"GET /headers HTTP/1.1\r\nHost: x\r\nX-Test: a, b\r\nOther: o\r\nx-test: c\r\n\r\n", 200,
			"a, b,c" },
		{ "a header that is not there has no lines", GET("/headers"), 200, "" },
		{ "a name with white space before its colon", "GET / HTTP/1.1\r\nHost: x\r\nX-Test : a\r\n\r\n", 400,
			NULL },
		{ "a coding hidden so",
			"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
			400, NULL },
		{ "a coding hidden by a tab",
			"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
			400, NULL },
		{ "a length hidden so", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello", 400,
			NULL },
		{ "a coding that some proxies read",
			"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello",
			400, NULL },
		{ "a body that the owner has no room for", POST("/greedy", "5\r\n\r\nhello"), 503, "" },
		{ "a chunk that it has no room for", CHUNKED("/greedy") "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 503, "" },
		{ "a body that it has room for", POST("/greedy", "3\r\n\r\nhel"), 404, "/greedy" },
		{ "POST without a length", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 411, "" },
		{ "two framings at once",
			"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			400, NULL },
		{ "a coding that is not chunked", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
			400, NULL },
		{ "a length that is no number", POST("/echo", "5x\r\n\r\nhello"), 400, NULL },
		{ "a length beyond the limit, before any of the body", POST("/echo", "100000000\r\n\r\n"), 413, "" },
		{ "a length beyond the limit that asks first",
			"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413,
			"" },
		{ "refused by the owner", GET("/refused"), 401, "" },
		{ "refused by the owner, with its own text", GET("/explained"), 401, "no token" },
		{ "refused by the owner, with a body", POST("/refused", "5\r\n\r\nhello"), 401, "" },
		{ "refused by the owner, with chunks", CHUNKED("/refused") "2\r\nhe\r\n0\r\n\r\n", 401, "" },
	};
	struct server *s = server_open(state, (struct http_server_options){ 0 });

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = ask(s, cases[i].request);

		if (a.status != cases[i].status || (cases[i].body && strcmp(a.body, cases[i].body) != 0))
			fail_msg("%s: %d '%s'", cases[i].name, a.status, a.body);
	}
	server_close(s);
}

static void a_connection_is_used_again(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	for (int i = 0; i < 5; i++) {
		struct answer a;

		send_text(fd, i % 2 ? GET("/") : POST("/echo", "5\r\n\r\nhello"));
		a = receive(fd);
		assert_int_equal(a.status, i % 2 ? 204 : 200);
		assert_false(a.closes);
	}
	assert_int_equal(http_server_connections(s->http), 1);
	close(fd);
	assert_int_equal(server_close(s), 0);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, POST("/echo", "1\r\n\r\na") GET("/") POST("/echo", "1\r\n\r\nb"));
	assert_string_equal(receive(fd).body, "a");
	assert_int_equal(receive(fd).status, 204);
	assert_string_equal(receive(fd).body, "b");
	close(fd);
	server_close(s);
}

static void a_client_that_expects_100_continue_gets_it(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(receive(fd).status, 100);
	send_text(fd, "hello");
	assert_string_equal(receive(fd).body, "hello");
	close(fd);
	server_close(s);
}

/* The answer comes behind the body: an early close would reset the connection under a client that still sends. */
static void a_rejection_waits_for_a_small_body(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct answer a;

	send_text(fd, POST("/refused", "20\r\n\r\n") "0123456789");
	assert_int_equal(poll(&p, 1, 50), 0);
	send_text(fd, "0123456789");
	a = receive(fd);
	assert_int_equal(a.status, 401);
	assert_true(a.closes);
	assert_closed(fd);
	assert_int_equal(atomic_load(&s->handled), 0);
	assert_int_equal(server_close(s), 0);
}

static void chunks_beyond_the_limit_are_rejected(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, CHUNKED("/echo"));
	for (int i = 0; i < 101; i++)
		send_text(fd, "a\r\n0123456789\r\n");
	send_text(fd, "0\r\n\r\n");
	assert_int_equal(receive(fd).status, 413);
	assert_closed(fd);
	assert_int_equal(atomic_load(&s->handled), 0);
	assert_int_equal(server_close(s), 1);
}

static void endless_chunks_end_the_connection(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);
	long sent = 0;

	send_text(fd, CHUNKED("/echo"));
	while (send(fd, "a\r\n0123456789\r\n", 15, MSG_NOSIGNAL) == 15)
		assert_true(++sent < 10 * 1000 * 1000);
	close(fd);
	assert_int_equal(server_close(s), 1);
}

static struct answer ask_with_header_of(const struct server *s, size_t n)
{
	struct buf b = BUF_INIT;
	struct answer a;

	buf_printf(&b, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
	while (b.n < n - 4)
		buf_add_char(&b, 'x');
	buf_printf(&b, "\r\n\r\n");
	buf_add_char(&b, '\0');
	a = ask(s, b.p);
	buf_fini(&b);
	return a;
}

static void headers_beyond_the_limit_are_rejected(void **state)
{
	static const struct {
		size_t n;
		int status;
	} cases[] = { { 4096, 204 }, { 8000, 204 }, { 8300, 431 }, { 12000, 431 }, { 15000, 431 }, { 30000, 431 } };
	struct server *s = server_open(state, (struct http_server_options){ .max_header_bytes = 8192 });

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer a = ask_with_header_of(s, cases[i].n);

		if (a.status != cases[i].status)
			fail_msg("%zu bytes: %d", cases[i].n, a.status);
	}
	server_close(s);
}

/* Sends `text` and then `drip` again and again, and returns after how long the server ended the connection. */
static int64_t drip_until_closed(const struct server *s, const char *text, const char *drip)
{
	int64_t start_ms = clock_mono_ms();
	int fd = dial(s);

	send_text(fd, text);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 10) > 0)
			break;
		assert_true(clock_mono_ms() < start_ms + PATIENCE_MS);
		if (*drip)
			(void)!send(fd, drip, strlen(drip), MSG_NOSIGNAL);
	}
	assert_closed(fd);
	return clock_mono_ms() - start_ms;
}

static void slow_but_steady_clients_are_disconnected(void **state)
{
	static const struct {
		const char *name, *text, *drip;
		int header_ms, body_ms, idle_ms;
	} cases[] = {
		{ "nothing at all", "", "", 150, 60000, 60000 },
		{ "a request line by the byte", "G", "E", 150, 60000, 60000 },
		{ "a header by the byte", "GET / HTTP/1.1\r\nX: ", "x", 150, 60000, 60000 },
		{ "a header line by line", "GET / HTTP/1.1\r\n", "X: x\r\n", 150, 60000, 60000 },
		{ "a body by the byte", POST("/echo", "900\r\n\r\n"), "x", 60000, 150, 60000 },
		{ "a body that stops", POST("/echo", "900\r\n\r\nx"), "", 60000, 150, 60000 },
		{ "chunks by the byte", CHUNKED("/echo"), "1\r\nx\r\n", 60000, 150, 60000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server *s = server_open(state,
			(struct http_server_options){ .header_timeout_ms = cases[i].header_ms,
				.body_timeout_ms = cases[i].body_ms,
				.idle_timeout_ms = cases[i].idle_ms });
		int64_t took_ms = drip_until_closed(s, cases[i].text, cases[i].drip);

		if (took_ms < 150)
			fail_msg("%s: closed after %lld ms", cases[i].name, (long long)took_ms);
		assert_int_equal(atomic_load(&s->handled), 0);
		server_close(s);
	}
}

/* One chunk that never ends, to a server that keeps three bytes of it. */
static void a_rejected_body_is_discarded_up_to_a_limit(void **state)
{
	const size_t most = (size_t)64 << 20;
	struct server *s = server_open(state, (struct http_server_options){ .body_timeout_ms = 60000 });
	int fd = dial(s);
	char piece[65536];
	size_t sent = 0;
	ssize_t n;

	memset(piece, 'x', sizeof(piece));
	send_text(fd, CHUNKED("/greedy") "7fffffff\r\n");
	while (sent < most && (n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	assert_true(sent > (size_t)16 << 20 && sent < most);
	close(fd);
	server_close(s);
}

static void a_connection_between_requests_is_cut_off(void **state)
{
	static const char *const drips[] = { "", "G" };

	for (size_t i = 0; i < sizeof(drips) / sizeof(drips[0]); i++) {
		struct server *s = server_open(state, (struct http_server_options){ .idle_timeout_ms = 150 });
		int64_t start_ms = clock_mono_ms();
		int fd = dial(s);
		struct pollfd p = { .fd = fd, .events = POLLIN };

		send_text(fd, GET("/"));
		assert_int_equal(receive(fd).status, 204);
		while (poll(&p, 1, 10) == 0) {
			assert_true(clock_mono_ms() < start_ms + PATIENCE_MS);
			(void)!send(fd, drips[i], strlen(drips[i]), MSG_NOSIGNAL);
		}
		assert_true(clock_mono_ms() - start_ms >= 150);
		assert_closed(fd);
		server_close(s);
	}
}

static void the_second_header_has_its_own_deadline(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .header_timeout_ms = 150 });
	int fd = dial(s);
	int64_t start_ms;

	send_text(fd, GET("/"));
	assert_int_equal(receive(fd).status, 204);
	start_ms = clock_mono_ms();
	send_text(fd, "GET / HTTP/1.1\r\nHost");
	assert_closed(fd);
	assert_true(clock_mono_ms() - start_ms >= 150);
	server_close(s);
}

static void a_client_that_disconnects_within_the_body_is_released(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(receive(fd).status, 100);
	close(fd);
	wait_for(&s->gone, 1);
	assert_int_equal(server_close(s), 1);
}

static void connections_of_one_address_are_limited(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .max_connections_per_address = 2 });
	int a = dial(s), b = dial(s), c;

	send_text(a, GET("/"));
	assert_int_equal(receive(a).status, 204);
	send_text(b, GET("/"));
	assert_int_equal(receive(b).status, 204);
	c = dial(s);
	assert_closed(c);
	close(a);
	close(b);
	server_close(s);
}

static void a_proxys_connections_are_not_limited(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .max_connections_per_address = 2 });
	int fds[8];

	s->exempt = true;
	for (size_t i = 0; i < 8; i++) {
		fds[i] = dial(s);
		send_text(fds[i], GET("/"));
		assert_int_equal(receive(fds[i]).status, 204);
	}
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	server_close(s);
}

static void closed_connections_no_longer_count_for_their_address(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .max_connections_per_address = 1 });

	for (int i = 0; i < 20; i++) {
		int64_t until = clock_mono_ms() + PATIENCE_MS;
		struct answer a;

		do {
			int fd = dial(s);

			send(fd, GET("/"), strlen(GET("/")), MSG_NOSIGNAL);
			a = receive(fd);
			close(fd);
		} while (a.status == 0 && clock_mono_ms() < until);
		assert_int_equal(a.status, 204);
	}
	server_close(s);
}

#define MANY 64 /* connections, of which a sixteenth is kept free */

/* Whether a client that comes now is answered at once. */
static void assert_served(const struct server *s)
{
	int64_t from = clock_mono_ms();

	assert_int_equal(ask(s, GET("/")).status, 204);
	assert_true(clock_mono_ms() - from < 1000);
}

static void a_new_client_is_served_when_idle_ones_hold_all_connections(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "silent", "" },
		{ "in the header", "GET / HTTP/1.1\r\nHost:" },
		{ "in the body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe" },
		{ "refused, its body still coming",
			"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server *s = server_open(state, (struct http_server_options){ .max_connections = MANY });
		int fds[3 * MANY];

		for (size_t n = 0; n < 3 * MANY; n++) {
			fds[n] = dial(s);
			if (send(fds[n], cases[i].text, strlen(cases[i].text), MSG_NOSIGNAL) < 0)
				fail_msg("%s: %s", cases[i].name, strerror(errno));
		}
		for (int n = 0; n < 10; n++)
			assert_served(s);
		for (size_t n = 0; n < 3 * MANY; n++)
			close(fds[n]);
		server_close(s);
	}
}

static void the_oldest_idle_connection_is_closed_for_a_new_one(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .max_connections = MANY });
	int idle = dial(s), held = dial(s), fds[MANY];

	send_text(idle, GET("/"));
	assert_int_equal(receive(idle).status, 204);
	if (s->on_loop) {
		send_text(held, GET("/held"));
		wait_for(&s->held, 1);
	}
	poll(NULL, 0, 5); /* so that the others are younger, in ms */
	for (size_t n = 0; n < MANY; n++)
		fds[n] = dial(s);
	assert_closed(idle);
	assert_served(s);
	if (s->on_loop) { /* who waits for an answer is not closed */
		atomic_store(&s->answer, true);
		wake(s);
		assert_int_equal(receive(held).status, 200);
	}
	close(held);
	for (size_t n = 0; n < MANY; n++)
		close(fds[n]);
	server_close(s);
}

static void the_body_that_was_begun_first_is_shed(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int slow = dial(s), slower = dial(s);

	send_text(slower, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(receive(slower).status, 100);
	send_text(slow, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(receive(slow).status, 100);
	assert_int_equal(ask(s, POST("/pushy", "2\r\n\r\nhe")).status, 404);
	assert_int_equal(atomic_load(&s->shed), 1);
	assert_int_equal(atomic_load(&s->gone), 1);
	assert_closed(slower);
	send_text(slow, "hello");
	assert_string_equal(receive(slow).body, "hello");
	assert_int_equal(ask(s, POST("/pushy", "2\r\n\r\nhe")).status, 404);
	assert_int_equal(atomic_load(&s->shed), -1);
	close(slow);
	assert_int_equal(server_close(s), 1);
}

static void connections_beyond_the_limit_wait(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .max_connections = 1 });
	int a = dial(s), b;
	struct pollfd p = { .events = POLLIN };

	send_text(a, GET("/"));
	assert_int_equal(receive(a).status, 204);
	b = dial(s);
	send_text(b, GET("/"));
	p.fd = b;
	assert_int_equal(poll(&p, 1, 50), 0);
	close(a);
	assert_int_equal(receive(b).status, 204);
	close(b);
	server_close(s);
}

static void a_draining_server_answers_requests_in_flight_only(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s), other;
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	struct answer a;

	send_text(fd, GET("/"));
	assert_false(receive(fd).closes);
	http_server_quiesce(s->http);
	while ((other = try_dial(s->port)) >= 0) {
		assert_true(clock_mono_ms() < until);
		close(other);
	}
	send_text(fd, GET("/"));
	a = receive(fd);
	assert_int_equal(a.status, 204);
	assert_true(a.closes);
	assert_closed(fd);
	server_close(s);
}

static void every_address_means_both_families(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ .listen = ":0" });
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	assert_int_equal(ask(s, GET("/")).status, 204);
	assert_string_equal(s->peer, "127.0.0.1");
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0) { /* this host has IPv6 */
		at.sin6_port = htons((uint16_t)s->port);
		assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
		send_text(fd, GET("/"));
		assert_int_equal(receive(fd).status, 204);
		assert_string_equal(s->peer, "::1");
	}
	if (fd >= 0)
		close(fd);
	server_close(s);
}

static void an_answer_may_be_deferred(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, POST("/late", "1\r\n\r\na") POST("/late", "1\r\n\r\nb") POST("/echo", "1\r\n\r\nc"));
	assert_string_equal(receive(fd).body, "a");
	assert_string_equal(receive(fd).body, "b");
	assert_string_equal(receive(fd).body, "c");
	close(fd);
	assert_int_equal(server_close(s), 0);
}

/* What a client sees instead of an answer: 0 for the end of the connection, else errno. */
static int ending_of(const struct server *s, const char *request)
{
	int fd = dial(s);
	char c;
	ssize_t n;

	send_text(fd, request);
	errno = 0;
	n = recv(fd, &c, 1, 0);
	assert_true(n <= 0);
	n = n == 0 ? 0 : errno;
	close(fd);
	return (int)n;
}

static void a_connection_may_be_closed_instead_of_an_answer(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });

	assert_int_equal(ending_of(s, GET("/ended")), 0);
	assert_int_equal(ending_of(s, POST("/ended", "2\r\n\r\nok")), 0);
	assert_int_equal(ending_of(s, GET("/reset")), ECONNRESET);
	assert_int_equal(ask(s, GET("/")).status, 204);
	assert_int_equal(server_close(s), 0);
}

static void a_deferred_request_may_be_reset(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });

	assert_int_equal(ending_of(s, POST("/late-reset", "2\r\n\r\nok")), ECONNRESET);
	assert_int_equal(ask(s, GET("/")).status, 204);
	assert_int_equal(server_close(s), 0);
}

static void the_target_is_as_it_was_sent(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, GET("/target%20me?a=%23&b"));
	assert_string_equal(receive(fd).body, "/target%20me?a=%23&b");
	send_text(fd, GET("/target%20me"));
	assert_string_equal(receive(fd).body, "/target%20me");
	close(fd);
	server_close(s);
}

static void a_deferred_answer_to_a_disconnected_client_is_discarded(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int fd = dial(s);

	send_text(fd, GET("/held"));
	wait_for(&s->held, 1);
	assert_int_equal(http_server_active(s->http), 1);
	close(fd);
	assert_int_equal(ask(s, GET("/")).status, 204);
	atomic_store(&s->answer, true);
	wake(s);
	assert_int_equal(ask(s, POST("/echo", "2\r\n\r\nok")).status, 200);
	assert_int_equal(server_close(s), 0);
}

static void waiting_for_the_owner_has_no_deadline(void **state)
{
	struct server *s = server_open(state,
		(struct http_server_options){ .header_timeout_ms = 50, .body_timeout_ms = 50, .idle_timeout_ms = 50 });
	int fd = dial(s);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	send_text(fd, GET("/held"));
	assert_int_equal(poll(&p, 1, 200), 0);
	atomic_store(&s->answer, true);
	wake(s);
	assert_int_equal(receive(fd).status, 200);
	close(fd);
	server_close(s);
}

static void a_closing_server_reports_unanswered_requests_to_their_owner(void **state)
{
	struct server *s = server_open(state, (struct http_server_options){ 0 });
	int a = dial(s), b = dial(s);

	send_text(a, GET("/held"));
	send_text(b, GET("/held"));
	wait_for(&s->held, 2);
	assert_int_equal(server_close(s), 2);
	assert_closed(a);
	assert_closed(b);
}

static void bad_addresses_are_input_errors(void **state)
{
	static const struct {
		const char *listen;
		enum err_kind kind;
	} cases[] = {
		{ "8080", ERR_INPUT },
		{ "127.0.0.1:", ERR_INPUT },
		{ "127.0.0.1:70000", ERR_INPUT },
		{ "::1:80", ERR_INPUT },
		{ "127.0.0.1:http", ERR_INPUT },
		{ "192.0.2.1:0", ERR_FATAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_server_options o = { .listen = cases[i].listen, .handle = handle };
		struct http_server *s = NULL;
		struct err err = { 0 };

		assert_int_equal(http_server_open(&s, &o, &err), -1);
		assert_null(s);
		if (err.kind != cases[i].kind)
			fail_msg("%s: %s", cases[i].listen, err.msg);
	}
}

static bool on_loop = true, in_thread = false;

#define ON_LOOP(f)   { .name = #f " (loop)", .test_func = (f), .initial_state = &on_loop }
#define IN_THREAD(f) { .name = #f " (thread)", .test_func = (f), .initial_state = &in_thread }
#define BOTH(f)      ON_LOOP(f), IN_THREAD(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(requests_are_answered),
		BOTH(a_connection_is_used_again),
		BOTH(pipelined_requests_are_answered_in_order),
		BOTH(a_client_that_expects_100_continue_gets_it),
		BOTH(a_rejection_waits_for_a_small_body),
		BOTH(chunks_beyond_the_limit_are_rejected),
		BOTH(endless_chunks_end_the_connection),
		BOTH(headers_beyond_the_limit_are_rejected),
		BOTH(slow_but_steady_clients_are_disconnected),
		BOTH(a_rejected_body_is_discarded_up_to_a_limit),
		BOTH(a_connection_between_requests_is_cut_off),
		BOTH(the_second_header_has_its_own_deadline),
		BOTH(a_client_that_disconnects_within_the_body_is_released),
		BOTH(connections_of_one_address_are_limited),
		BOTH(a_proxys_connections_are_not_limited),
		BOTH(closed_connections_no_longer_count_for_their_address),
		BOTH(a_new_client_is_served_when_idle_ones_hold_all_connections),
		BOTH(the_oldest_idle_connection_is_closed_for_a_new_one),
		ON_LOOP(the_body_that_was_begun_first_is_shed),
		BOTH(connections_beyond_the_limit_wait),
		IN_THREAD(a_draining_server_answers_requests_in_flight_only),
		BOTH(every_address_means_both_families),
		BOTH(a_connection_may_be_closed_instead_of_an_answer),
		ON_LOOP(a_deferred_request_may_be_reset),
		BOTH(the_target_is_as_it_was_sent),
		ON_LOOP(an_answer_may_be_deferred),
		ON_LOOP(a_deferred_answer_to_a_disconnected_client_is_discarded),
		ON_LOOP(waiting_for_the_owner_has_no_deadline),
		ON_LOOP(a_closing_server_reports_unanswered_requests_to_their_owner),
		IN_THREAD(bad_addresses_are_input_errors),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
