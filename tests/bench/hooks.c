/* bench-hooks: the receiver of the benchmark of webhook-dispatcher, and the bare sender that it is compared with.
 *
 * bench-hooks sink [--order] PORT [BODIES]: a receiver that answers 204 as fast as one thread can, and keeps each body after a line with
 * its length. It listens on 127.0.0.1 to 127.0.0.16, which are different hosts for a client, with one port (0: any), which it prints.
 * SIGUSR2, SIGUSR1 and SIGTERM print a JSON object: requests, seconds from the first to the last of them, and percentiles of the time from
 * each event's "timestamp" to its arrival, in ms; SIGUSR1 also resets the counts. With --order it also counts events that arrived after a
 * later one of their conversation at the same path, and events that arrived twice in a row.
 * bench-hooks post PORT BODIES CONCURRENCY ADDRESSES [PATH HEADER]: a bare libcurl multi loop that posts each body of the file (after a line
 * with its length) to ADDRESSES of the sink's addresses, with socket callbacks and reused connections; prints posts and CPU seconds. PATH is
 * /hook, and HEADER a further one of each request.
 */
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "loop/loop.h"

#define ANSWER             "HTTP/1.1 204 No Content\r\n\r\n"
#define ADDRESSES          16
#define SLOTS              60001 /* of one ms each; the last one counts all later ones */
#define ENVELOPE           400   /* the members before the data are within so many bytes */
#define TIME_START         "\"timestamp\":\""
#define CONVERSATION_START "\"conversation_id\":\""
#define SEQUENCE_START     "\"sequence\":"

/* The sink */

struct connection {
	int fd;
	size_t n;
	char bytes[65536];
};

static volatile sig_atomic_t ended, anew, asked;
static int64_t requests, late_ms[SLOTS], first_us, last_us, out_of_order, twice;
static struct map *sequences; /* the last sequence by path and conversation; NULL without --order */
static FILE *kept;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		anew = 1;
	else if (number == SIGUSR2)
		asked = 1;
	else
		ended = 1;
}

static int digits(const char *p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

/* "2026-01-31T12:00:00.000Z" in ms since 1970. */
static int64_t time_of(const char *p)
{
	struct tm tm = { .tm_year = digits(p, 4) - 1900,
		.tm_mon = digits(p + 5, 2) - 1,
		.tm_mday = digits(p + 8, 2),
		.tm_hour = digits(p + 11, 2),
		.tm_min = digits(p + 14, 2),
		.tm_sec = digits(p + 17, 2) };

	return (int64_t)timegm(&tm) * 1000 + digits(p + 20, 3);
}

/* The value behind `start` in the envelope; NULL without it. */
static const char *member(const char *body, size_t n, struct str start)
{
	const char *at = memmem(body, n < ENVELOPE ? n : ENVELOPE, start.p, start.n);

	return at ? at + start.n : NULL;
}

static void order_check(struct str path, const char *body, size_t n)
{
	const char *conversation = member(body, n, STR(CONVERSATION_START));
	const char *sequence = member(body, n, STR(SEQUENCE_START));
	int64_t now, *last;
	char key[128];
	void **slot;
	int length;

	if (!conversation || !sequence)
		return;
	length = snprintf(key, sizeof(key), "%.*s %.36s", STR_ARG(path), conversation);
	assert(length > 0 && (size_t)length < sizeof(key));
	slot = map_slot(sequences, (struct str){ key, (size_t)length });
	if (!*slot)
		*slot = mem_calloc(1, sizeof(*last));
	last = *slot;
	now = strtol(sequence, NULL, 10);
	if (now < *last)
		out_of_order++;
	else if (now == *last)
		twice++;
	else
		*last = now;
}

static void request_count(struct str path, const char *body, size_t n)
{
	const char *at = member(body, n, STR(TIME_START));
	int64_t ms = at ? clock_now_ms() - time_of(at) : 0;

	if (kept) {
		fprintf(kept, "%zu\n", n);
		fwrite(body, 1, n, kept);
	}
	if (sequences)
		order_check(path, body, n);
	last_us = clock_mono_us();
	if (requests++ == 0)
		first_us = last_us;
	late_ms[ms < 0 ? 0 : ms < SLOTS - 1 ? ms : SLOTS - 1]++;
}

/* The path in "POST /path HTTP/1.1". */
static struct str path_of(struct str head)
{
	struct str method, path, rest;

	(void)str_cut(head, ' ', &method, &rest);
	(void)str_cut(rest, ' ', &path, &rest);
	return path;
}

/* The size of the first request; 0 while it is incomplete. */
static size_t request_take(const char *p, size_t n)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4), *length;
	size_t head, body;

	if (!end)
		return 0;
	head = (size_t)(end - p) + 4;
	length = strcasestr(p, "\ncontent-length:");
	assert(length && length < end);
	body = strtoul(length + 16, NULL, 10);
	if (n < head + body)
		return 0;
	request_count(path_of((struct str){ p, head }), p + head, body);
	return head + body;
}

static bool connection_read(struct connection *c)
{
	ssize_t got = read(c->fd, c->bytes + c->n, sizeof(c->bytes) - 1 - c->n);
	size_t used = 0, one;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	c->n += (size_t)got;
	c->bytes[c->n] = '\0';
	while ((one = request_take(c->bytes + used, c->n - used)) > 0) {
		used += one;
		if (write(c->fd, ANSWER, sizeof(ANSWER) - 1) < 0)
			return false;
	}
	memmove(c->bytes, c->bytes + used, c->n - used);
	c->n -= used;
	return c->n < sizeof(c->bytes) - 1;
}

/* Listens on the n-th loopback address, from 0. *port 0: any port, which is stored there. */
static int listen_at(int n, in_port_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)n), .sin_port = *port
	};
	socklen_t size = sizeof(address);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1000) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	*port = address.sin_port;
	return fd;
}

static int servers[ADDRESSES];

static int listen_loopback(in_port_t port, int poll)
{
	struct epoll_event event = { .events = EPOLLIN }; /* without a connection */

	for (int i = 0; i < ADDRESSES; i++) {
		servers[i] = listen_at(i, &port);
		if (servers[i] < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, servers[i], &event) < 0)
			return -1;
	}
	printf("{\"port\": %d}\n", ntohs(port));
	return fflush(stdout);
}

static void connection_accept(int server, int poll)
{
	struct epoll_event event = { .events = EPOLLIN };
	int one = 1, fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
	struct connection *c;

	if (fd < 0)
		return;
	c = mem_calloc(1, sizeof(*c));
	c->fd = fd;
	event.data.ptr = c;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

static int percentile(double share)
{
	double sum = 0, want = (double)requests * share;
	int ms = 0;

	while (ms < SLOTS - 1 && (sum += (double)late_ms[ms]) < want)
		ms++;
	return ms;
}

static void print(void)
{
	printf("{\"requests\": %lld, \"seconds\": %.6f, \"p50\": %d, \"p99\": %d, \"p999\": %d, "
	       "\"out_of_order\": %lld, \"twice\": %lld}\n",
		(long long)requests, (double)(last_us - first_us) / 1e6, percentile(0.5), percentile(0.99),
		percentile(0.999), (long long)out_of_order, (long long)twice);
	fflush(stdout);
}

static void count_anew(void)
{
	requests = first_us = last_us = out_of_order = twice = 0;
	memset(late_ms, 0, sizeof(late_ms));
}

static void answer_signals(void)
{
	if (asked) {
		asked = 0;
		print();
	}
	if (anew) {
		anew = 0;
		print();
		count_anew();
	}
}

static void on_event(struct connection *c, int poll)
{
	if (!c) {
		for (int i = 0; i < ADDRESSES; i++)
			connection_accept(servers[i], poll);
	} else if (!connection_read(c)) {
		close(c->fd);
		free(c);
	}
}

static int sink(in_port_t port)
{
	int poll = epoll_create1(0);
	struct epoll_event events[256];

	if (poll < 0 || listen_loopback(port, poll) < 0) {
		perror("bench-hooks");
		return 1;
	}
	while (!ended) {
		int n = epoll_wait(poll, events, 256, 100);

		answer_signals();
		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr, poll);
	}
	print();
	if (kept)
		fclose(kept);
	return 0;
}

/* The bare loop */

struct socket {
	struct loop_io *io;
	int fd;
};

struct poster {
	struct loop *loop;
	struct loop_timer *timer;
	CURLM *multi;
	struct curl_slist *headers;
	const char *port, *path;
	const char *at, *end; /* of the bodies */
	long posted, open;
};

static void easy_next(struct poster *p, CURL *easy)
{
	char *rest;
	size_t n;

	if (p->at >= p->end) {
		curl_easy_cleanup(easy);
		p->open--;
		return;
	}
	n = strtoul(p->at, &rest, 10);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)n);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, rest + 1);
	p->at = rest + 1 + n;
	curl_multi_add_handle(p->multi, easy);
}

static void finished(struct poster *p)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(p->multi, &left))) {
		CURL *easy = m->easy_handle;

		assert(m->msg == CURLMSG_DONE && m->data.result == CURLE_OK);
		p->posted++;
		curl_multi_remove_handle(p->multi, easy);
		easy_next(p, easy);
	}
	if (p->open == 0)
		loop_stop(p->loop);
}

static struct poster poster;

static void on_socket(void *ctx)
{
	struct socket *s = ctx;
	int running;

	curl_multi_socket_action(poster.multi, s->fd, 0, &running);
	finished(&poster);
}

static void on_timer(void *ctx)
{
	int running;

	(void)ctx;
	curl_multi_socket_action(poster.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finished(&poster);
}

static int socket_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *mine)
{
	struct socket *s = mine;

	(void)easy, (void)ctx;
	if (what == CURL_POLL_REMOVE) {
		loop_io_free(s->io);
		free(s);
		curl_multi_assign(poster.multi, fd, NULL);
		return 0;
	}
	if (!s) {
		s = mem_calloc(1, sizeof(*s));
		s->fd = fd;
		s->io = loop_io_new(poster.loop, fd, true, false, on_socket, s);
		curl_multi_assign(poster.multi, fd, s);
	}
	loop_io_set(s->io, what & CURL_POLL_IN, what & CURL_POLL_OUT);
	return 0;
}

static int timer_watch(CURLM *multi, long ms, void *ctx)
{
	(void)multi, (void)ctx;
	loop_timer_set(poster.timer, ms);
	return 0;
}

static size_t nothing_read(char *data, size_t size, size_t n, void *ctx)
{
	(void)data, (void)ctx;
	return size * n;
}

static int bodies_map(const char *file, struct poster *p)
{
	FILE *f = fopen(file, "r");
	struct stat st;
	char *at;

	if (!f || fstat(fileno(f), &st) < 0)
		return -1;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	fclose(f);
	if (at == MAP_FAILED)
		return -1;
	p->at = at;
	p->end = at + st.st_size;
	return 0;
}

static void easy_open(struct poster *p, long address)
{
	CURL *easy = curl_easy_init();
	char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.%ld:%s%s", 1 + address, p->port, p->path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, nothing_read);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	p->open++;
	easy_next(p, easy);
}

static double cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
		(double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* `more`: PATH and HEADER; NULL without them. */
static int post(const char *port, const char *file, long concurrency, long addresses, char **more)
{
	struct err err;

	if (addresses < 1 || addresses > ADDRESSES || loop_new(&poster.loop, &err) < 0 || bodies_map(file, &poster) < 0)
		return 1;
	poster.port = port;
	poster.path = more ? more[0] : "/hook";
	poster.headers = curl_slist_append(NULL, "content-type: application/json");
	if (more)
		poster.headers = curl_slist_append(poster.headers, more[1]);
	poster.timer = loop_timer_new(poster.loop, on_timer, NULL);
	poster.multi = curl_multi_init();
	curl_multi_setopt(poster.multi, CURLMOPT_SOCKETFUNCTION, socket_watch);
	curl_multi_setopt(poster.multi, CURLMOPT_TIMERFUNCTION, timer_watch);
	curl_multi_setopt(poster.multi, CURLMOPT_MAXCONNECTS, concurrency);
	for (long i = 0; i < concurrency; i++)
		easy_open(&poster, i % addresses);
	if (loop_run(poster.loop, &err) < 0)
		return 1;
	printf("{\"posts\": %ld, \"cpu\": %.6f}\n", poster.posted, cpu_s());
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: bench-hooks sink [--order] PORT [BODIES] | post PORT BODIES CONCURRENCY ADDRESSES "
		"[PATH HEADER]\n");
	return 2;
}

static int sink_run(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], "--order") == 0) {
		sequences = map_new();
		argc--;
		argv++;
	}
	if (argc < 1 || argc > 2)
		return usage();
	if (argc == 2)
		kept = fopen(argv[1], "w");
	return sink(htons((in_port_t)strtoul(argv[0], NULL, 10)));
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (argc >= 2 && strcmp(argv[1], "sink") == 0)
		return sink_run(argc - 2, argv + 2);
	if ((argc == 6 || argc == 8) && strcmp(argv[1], "post") == 0)
		return post(argv[2], argv[3], strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10),
			argc == 8 ? argv + 6 : NULL);
	return usage();
}
