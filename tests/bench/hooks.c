/* bench-hooks: the two ends that webhook-dispatcher is measured between.
 *
 * bench-hooks sink PORT_FILE [BODIES]: a receiver that answers 204 as fast as one thread can, and keeps each body after a line with its
 * length. It listens on the port that stands in the file, or on any and writes it there. SIGUSR1 and SIGTERM print a JSON object, and SIGUSR1 starts counting anew: requests, and percentiles of the time from each event's
 * "timestamp" to its arrival, in ms.
 * bench-hooks post PORT BODIES CONCURRENCY: a bare libcurl multi loop that posts each body of the file (after a line with its length) to
 * the sink, with socket callbacks, kept connections and nothing else; prints seconds and posts.
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
#include "loop/loop.h"

#define ANSWER     "HTTP/1.1 204 No Content\r\n\r\n"
#define SLOTS      60001 /* of one ms; the last: later */
#define TIME_START "\"timestamp\":\""

/* The sink */

struct connection {
	int fd;
	size_t n;
	char bytes[65536];
};

static volatile sig_atomic_t ended, anew;
static int64_t requests, late_ms[SLOTS];
static FILE *kept;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		anew = 1;
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

static void request_count(const char *body, size_t n)
{
	const char *at = memmem(body, n < 400 ? n : 400, TIME_START, sizeof(TIME_START) - 1);
	int64_t ms = at ? clock_now_ms() - time_of(at + sizeof(TIME_START) - 1) : 0;

	if (kept) {
		fprintf(kept, "%zu\n", n);
		fwrite(body, 1, n, kept);
	}
	requests++;
	late_ms[ms < 0 ? 0 : ms < SLOTS - 1 ? ms : SLOTS - 1]++;
}

/* How much the first request takes; 0: it is not whole. */
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
	request_count(p + head, body);
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

static in_port_t port_wished(const char *port_file)
{
	FILE *f = fopen(port_file, "r");
	char text[16] = "";

	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return htons((in_port_t)strtoul(text, NULL, 10));
}

static int listen_loopback(const char *port_file)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port_wished(port_file)
	};
	socklen_t n = sizeof(address);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	FILE *f;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&address, n) < 0 || listen(fd, 1000) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &n) < 0 || !(f = fopen(port_file, "w")))
		return -1;
	fprintf(f, "%d\n", ntohs(address.sin_port));
	fclose(f);
	return fd;
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
	int64_t sum = 0, want = (int64_t)((double)requests * share);
	int ms = 0;

	while (ms < SLOTS - 1 && (sum += late_ms[ms]) < want)
		ms++;
	return ms;
}

static void print(void)
{
	printf("{\"requests\": %lld, \"p50\": %d, \"p99\": %d, \"p999\": %d}\n", (long long)requests, percentile(0.5),
		percentile(0.99), percentile(0.999));
	fflush(stdout);
	requests = 0;
	memset(late_ms, 0, sizeof(late_ms));
}

static int sink(const char *port_file)
{
	int server = listen_loopback(port_file), poll = epoll_create1(0);
	struct epoll_event events[256], event = { .events = EPOLLIN };

	if (server < 0 || poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, server, &event) < 0)
		return 1;
	while (!ended) {
		int n = epoll_wait(poll, events, 256, 100);

		if (anew) {
			anew = 0;
			print();
		}
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (!c) {
				connection_accept(server, poll);
			} else if (!connection_read(c)) {
				close(c->fd);
				free(c);
			}
		}
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
	char url[64];
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

static void easy_open(struct poster *p)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, p->url);
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

static int post(const char *port, const char *file, long concurrency)
{
	int64_t began = clock_mono_us();
	struct err err;

	if (loop_new(&poster.loop, &err) < 0 || bodies_map(file, &poster) < 0)
		return 1;
	snprintf(poster.url, sizeof(poster.url), "http://127.0.0.1:%s/hook", port);
	poster.headers = curl_slist_append(NULL, "content-type: application/json");
	poster.timer = loop_timer_new(poster.loop, on_timer, NULL);
	poster.multi = curl_multi_init();
	curl_multi_setopt(poster.multi, CURLMOPT_SOCKETFUNCTION, socket_watch);
	curl_multi_setopt(poster.multi, CURLMOPT_TIMERFUNCTION, timer_watch);
	curl_multi_setopt(poster.multi, CURLMOPT_MAXCONNECTS, concurrency);
	for (long i = 0; i < concurrency; i++)
		easy_open(&poster);
	if (loop_run(poster.loop, &err) < 0)
		return 1;
	printf("{\"seconds\": %.6f, \"posts\": %ld, \"cpu\": %.6f}\n", (double)(clock_mono_us() - began) / 1e6,
		poster.posted, cpu_s());
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "sink") == 0)
		kept = fopen(argv[3], "w");
	if (argc >= 3 && strcmp(argv[1], "sink") == 0)
		return sink(argv[2]);
	if (argc == 5 && strcmp(argv[1], "post") == 0)
		return post(argv[2], argv[3], strtol(argv[4], NULL, 10));
	fprintf(stderr, "usage: bench-hooks sink PORT_FILE [BODIES] | post PORT BODIES CONCURRENCY\n");
	return 2;
}
