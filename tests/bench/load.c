/* bench-load: posts prepared requests at scheduled times, and times the answers and the records that follow in Kafka.
 *
 * Open loop: request i is due at start + i / rate, whether earlier ones are answered or not, and every latency counts from then,
 * so that a stall of the system is not hidden by clients that wait. The body of a request contains MARK and the request's number in
 * eight digits, which identify its records; the first request has the number FIRST, so that concurrent runs can have different numbers.
 * Requests that are due in the first second warm up and are not counted.
 *
 * usage: bench-load PORT REQUESTS FIRST RATE CONNECTIONS BROKERS TOPIC…
 * REQUESTS is a file of requests as they go over the wire, each after a line with its length. Prints one JSON object; times
 * are in ms. SIGTERM ends it early, without the requests that are not posted yet.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

#define TOPICS_MAX 2
#define MARK       "latency#"
#define WARM_US    1000000
#define DRAIN_US   10000000 /* time for the last answers and records */
#define POLL_MS    20

struct span {
	int64_t created_us, read_us; /* monotonic; 0: not seen */
};

struct request {
	const char *bytes;
	size_t n;
	int64_t due_us, sent_us, answered_us; /* 0: not yet */
	int status;
	struct span spans[TOPICS_MAX];
};

struct connection {
	int fd;
	struct request *request; /* not answered yet */
	size_t n;
	char answer[8192];
};

static struct request *requests;
static size_t n_requests, first_number;
static const char *topics[TOPICS_MAX];
static size_t n_topics;
static atomic_size_t n_records[TOPICS_MAX];
static atomic_bool stopping;
static volatile sig_atomic_t told_to_end;

_Noreturn static void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench-load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static void requests_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	const char *p, *end;
	size_t room = 0;

	if (fd < 0 || fstat(fd, &stat) < 0)
		die("%s: %s", path, strerror(errno));
	p = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	for (end = p + stat.st_size; p < end;) {
		char *bytes;
		size_t n = strtoul(p, &bytes, 10);

		if (n_requests == room)
			requests = mem_realloc(requests, (room = room * 2 + 1024) * sizeof(*requests));
		requests[n_requests++] = (struct request){ .bytes = bytes + 1, .n = n };
		p = bytes + 1 + n;
	}
	close(fd);
}

/* ---- records */

static void record_take(const rd_kafka_message_t *m, int64_t wall_us)
{
	const char *name = rd_kafka_topic_name(m->rkt);
	const char *mark = memmem(m->payload, m->len, MARK, strlen(MARK));
	size_t topic = 0, i;
	struct span *span;

	if (!mark || mark + strlen(MARK) + 8 > (const char *)m->payload + m->len)
		return;
	while (strcmp(name, topics[topic]) != 0)
		topic++;
	i = strtoul(mark + strlen(MARK), NULL, 10) - first_number;
	if (i >= n_requests) /* also one before the first */
		return;
	span = &requests[i].spans[topic];
	if (span->read_us)
		return;
	span->read_us = clock_mono_us();
	span->created_us = rd_kafka_message_timestamp(m, NULL) * 1000 - wall_us;
	atomic_fetch_add(&n_records[topic], 1);
}

static void *records_read(void *consumer)
{
	int64_t wall_us = clock_now_us() - clock_mono_us();

	while (!atomic_load(&stopping)) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, POLL_MS);

		if (m && m->err)
			die("%s", rd_kafka_message_errstr(m));
		if (m)
			record_take(m, wall_us);
		if (m)
			rd_kafka_message_destroy(m);
	}
	return NULL;
}

static void partitions_add(rd_kafka_t *rk, const char *topic, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int64_t low, high;

	if (rd_kafka_metadata(rk, 0, handle, &metadata, 10000))
		die("%s: no metadata", topic);
	for (int p = 0; p < metadata->topics[0].partition_cnt; p++) {
		if (rd_kafka_query_watermark_offsets(rk, topic, p, &low, &high, 10000))
			die("%s: no watermarks", topic);
		rd_kafka_topic_partition_list_add(list, topic, p)->offset = high;
	}
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
}

/* A consumer that starts at the current end of the topics. */
static rd_kafka_t *consumer_open(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	char error[512];
	rd_kafka_t *rk;

	if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof(error)) ||
		rd_kafka_conf_set(conf, "group.id", "bench-load", error, sizeof(error)) ||
		rd_kafka_conf_set(conf, "enable.auto.commit", "false", error, sizeof(error)) ||
		rd_kafka_conf_set(conf, "socket.nagle.disable", "true", error, sizeof(error)))
		die("%s", error);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!rk)
		die("%s", error);
	rd_kafka_poll_set_consumer(rk);
	for (size_t i = 0; i < n_topics; i++)
		partitions_add(rk, topics[i], list);
	if (rd_kafka_assign(rk, list))
		die("assign failed");
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

/* ---- posting */

static int port_connect(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		die("port %u: %s", port, strerror(errno));
	return fd;
}

/* The length of the answer; 0 while its header is incomplete. */
static size_t answer_length(struct connection *c)
{
	const char *end, *length;

	c->answer[c->n] = '\0';
	end = strstr(c->answer, "\r\n\r\n");
	if (!end)
		return 0;
	length = strcasestr(c->answer, "\r\nContent-Length:");
	return (size_t)(end - c->answer) + 4 + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* Whether the connection is free again. */
static bool answer_take(struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->n, sizeof(c->answer) - 1 - c->n, MSG_DONTWAIT);
	size_t length;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n == 0 && !c->request) { /* closed by the server as idle; opened again when needed */
		close(c->fd);
		c->fd = -1;
		return false;
	}
	if (n <= 0 || !c->request)
		die("a connection was closed before its answer came");
	c->n += (size_t)n;
	length = answer_length(c);
	if (length == 0 || c->n < length)
		return false;
	c->request->answered_us = clock_mono_us();
	c->request->status = (int)strtol(c->answer + sizeof("HTTP/1.1"), NULL, 10);
	c->request = NULL;
	return true;
}

struct pool {
	uint16_t port;
	int epoll;
	struct connection *all, **free;
	size_t n, n_free;
};

static void pool_open(struct pool *p, uint16_t port, size_t n)
{
	*p = (struct pool){ .port = port,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.all = mem_calloc(n, sizeof(*p->all)),
		.free = mem_calloc(n, sizeof(*p->free)),
		.n = n,
		.n_free = n };
	for (size_t i = 0; i < n; i++) {
		p->all[i].fd = -1;
		p->free[i] = &p->all[i];
	}
}

static void request_send(struct pool *p, struct request *r)
{
	struct connection *c = p->free[--p->n_free];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	r->sent_us = clock_mono_us();
	c->request = r;
	c->n = 0;
	if (c->fd < 0) {
		c->fd = port_connect(p->port);
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
			die("epoll: %s", strerror(errno));
	}
	if (send(c->fd, r->bytes, r->n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)r->n)
		die("a request cannot be sent at once: %s", strerror(errno));
}

static void pool_close(struct pool *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->all[i].fd >= 0)
			close(p->all[i].fd);
	close(p->epoll);
	free(p->all);
	free(p->free);
}

static void answers_take(struct pool *p, int64_t until_us)
{
	struct epoll_event events[256];
	int64_t wait_us = until_us - clock_mono_us();
	struct timespec wait = { 0, 0 };
	int n;

	if (wait_us > 0)
		wait = (struct timespec){ wait_us / 1000000, wait_us % 1000000 * 1000 };
	n = epoll_pwait2(p->epoll, events, 256, &wait, NULL);
	for (int i = 0; i < n; i++)
		if (answer_take(events[i].data.ptr))
			p->free[p->n_free++] = events[i].data.ptr;
}

static void on_sigterm(int signal)
{
	(void)signal;
	told_to_end = 1;
}

static void requests_post(struct pool *p, double rate)
{
	int64_t start = clock_mono_us(), until;
	size_t next = 0;

	for (size_t i = 0; i < n_requests; i++)
		requests[i].due_us = start + (int64_t)((double)i / rate * 1e6);
	until = requests[n_requests - 1].due_us + DRAIN_US;
	while (next < n_requests && !told_to_end) {
		int64_t now = clock_mono_us();

		if (now > until)
			die("%zu requests could not be sent in time", n_requests - next);
		while (next < n_requests && p->n_free > 0 && requests[next].due_us <= now)
			request_send(p, &requests[next++]);
		answers_take(p, next < n_requests && p->n_free > 0 ? requests[next].due_us : until);
	}
	n_requests = next;
}

/* Waits until every accepted request was seen in every topic, for at most DRAIN_US. */
static void drain(struct pool *p)
{
	int64_t until = clock_mono_us() + DRAIN_US;
	size_t accepted = 0, seen;

	while (p->n_free < p->n && clock_mono_us() < until)
		answers_take(p, until);
	for (size_t i = 0; i < n_requests; i++)
		accepted += requests[i].status / 100 == 2;
	do {
		usleep(POLL_MS * 1000);
		seen = accepted;
		for (size_t t = 0; t < n_topics; t++)
			seen = n_records[t] < seen ? n_records[t] : seen;
	} while (seen < accepted && clock_mono_us() < until);
}

/* ---- results */

static int i64_cmp(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile_ms(const int64_t *sorted, size_t n, double share)
{
	size_t at = (size_t)((double)n * share);

	return n == 0 ? 0 : (double)sorted[at < n ? at : n - 1] / 1000;
}

static void times_print(const char *name, int64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), i64_cmp);
	printf(", \"%s\": {\"n\": %zu, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"p99.9\": %.2f, \"max\": %.2f}",
		name, n, percentile_ms(us, n, 0.5), percentile_ms(us, n, 0.9), percentile_ms(us, n, 0.99),
		percentile_ms(us, n, 0.999), percentile_ms(us, n, 1));
}

/* The latencies up to the time at `offset` in a request, of the requests that were due from `from_us` on. */
static size_t latencies(int64_t from_us, size_t offset, int64_t *us)
{
	size_t n = 0;

	for (size_t i = 0; i < n_requests; i++) {
		int64_t at;

		memcpy(&at, (const char *)&requests[i] + offset, sizeof(at));
		if (at && requests[i].due_us >= from_us)
			us[n++] = at - requests[i].due_us;
	}
	return n;
}

static void report(void)
{
	int64_t *us = mem_calloc(n_requests, sizeof(*us));
	int64_t end = requests[n_requests - 1].due_us, from = requests[0].due_us + WARM_US;
	size_t refused = 0;

	for (size_t i = 0; i < n_requests; i++)
		refused += requests[i].status / 100 != 2;
	printf("{\"sent\": %zu, \"refused\": %zu", n_requests, refused);
	times_print("late", us, latencies(from, offsetof(struct request, sent_us), us));
	times_print("answer", us, latencies(from, offsetof(struct request, answered_us), us));
	for (size_t t = 0; t < n_topics; t++) {
		size_t at = offsetof(struct request, spans) + t * sizeof(struct span);

		printf(", \"%s\": {\"missing\": %zu", topics[t], n_requests - refused - n_records[t]);
		times_print("created", us, latencies(from, at + offsetof(struct span, created_us), us));
		times_print("read", us, latencies(from, at + offsetof(struct span, read_us), us));
		times_print("end", us, latencies(end - WARM_US / 2, at + offsetof(struct span, read_us), us));
		printf("}");
	}
	printf("}\n");
	free(us);
}

int main(int argc, char **argv)
{
	pthread_t reader;
	struct pool pool;
	rd_kafka_t *consumer;

	if (argc < 8 || argc > 7 + TOPICS_MAX)
		die("usage: bench-load PORT REQUESTS FIRST RATE CONNECTIONS BROKERS TOPIC…");
	signal(SIGTERM, on_sigterm);
	requests_map(argv[2]);
	first_number = strtoul(argv[3], NULL, 10);
	for (int i = 7; i < argc; i++)
		topics[n_topics++] = argv[i];
	pool_open(&pool, (uint16_t)strtoul(argv[1], NULL, 10), strtoul(argv[5], NULL, 10));
	consumer = consumer_open(argv[6]);
	if (pthread_create(&reader, NULL, records_read, consumer))
		die("no thread");
	requests_post(&pool, strtod(argv[4], NULL));
	drain(&pool);
	atomic_store(&stopping, true);
	pthread_join(reader, NULL);
	report();
	pool_close(&pool);
	rd_kafka_consumer_close(consumer);
	rd_kafka_destroy(consumer);
	free(requests);
	return 0;
}
