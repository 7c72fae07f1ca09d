/* bench-produce: keeps as many records in flight as there would be clients, and produces a new one for every report: the upper bound
 * of ingest, if HTTP, authentication and parsing cost nothing.
 *
 * The records are the first RECORDS_MAX that a topic got since SINCE_MS, with their keys and headers, shuffled. They are produced to the
 * same topic with ingest's producer and its settings.
 *
 * usage: bench-produce BROKERS TOPIC SINCE_MS IN_FLIGHT BATCH SECONDS
 * BATCH: records that are queued together, like the events of one body; the next batch follows when all of them are reported. IN_FLIGHT
 * counts batches. Prints "figures <batches reported> <us> <us of CPU>".
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rng.h"
#include "kafka/producer.h"
#include "kafka/reader.h"

#define RECORDS_MAX 20000
#define WAIT_MS     10000
#define TIMEOUT_MS  7000
#define POLL_MS     100
#define MAX_BYTES   (4 << 20)

struct bench {
	struct kafka_producer *producer;
	struct kafka_record *records;
	size_t n_records, next, batch_size, n_batches;
	int64_t end_mono_us;
};

struct batch {
	struct bench *bench;
	size_t outstanding;
};

_Noreturn static void __attribute__((format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("bench-produce: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static struct kafka_record record_copy(const struct kafka_message *m, const char *topic, struct arena *a)
{
	struct header *headers = ARENA_ARRAY(a, struct header, m->headers_count);

	for (size_t i = 0; i < m->headers_count; i++)
		headers[i] = (struct header){ arena_str(a, m->headers[i].name), arena_str(a, m->headers[i].value) };
	return (struct kafka_record){
		.topic = topic,
		.partition = KAFKA_ANY_PARTITION,
		.key = arena_str(a, m->key),
		.value = arena_str(a, m->value),
		.headers = headers,
		.headers_count = m->headers_count,
	};
}

static void records_read(struct bench *b, const struct kafka_config *config, const char *topic, int64_t since_ms,
	struct arena *a)
{
	struct kafka_reader *reader;
	struct kafka_message m;
	struct err err;
	int rc;

	if (kafka_reader_open(&reader, config, topic, WAIT_MS, &err) < 0 ||
		kafka_reader_since(reader, since_ms, WAIT_MS, &err) < 0)
		die("%s", err.msg);
	b->records = ARENA_ARRAY(a, struct kafka_record, RECORDS_MAX);
	while (b->n_records < RECORDS_MAX && (rc = kafka_reader_next(reader, WAIT_MS, &m, &err)) != 0) {
		if (rc < 0)
			die("%s", err.msg);
		b->records[b->n_records++] = record_copy(&m, topic, a);
		kafka_message_release(&m);
	}
	if (b->n_records == 0)
		die("the topic is empty");
	kafka_reader_close(&reader);
}

static void records_shuffle(struct bench *b)
{
	for (size_t i = b->n_records - 1; i > 0; i--) {
		size_t j = (size_t)(rng_unit() * (double)(i + 1));
		struct kafka_record r = b->records[i];

		b->records[i] = b->records[j];
		b->records[j] = r;
	}
}

static void batch_produce(struct batch *batch)
{
	struct bench *b = batch->bench;
	struct err err;

	for (; batch->outstanding < b->batch_size; batch->outstanding++) {
		struct kafka_record *r = &b->records[b->next++ % b->n_records];

		r->opaque = batch;
		if (kafka_produce(b->producer, r, &err) < 0)
			die("%s", err.msg);
	}
}

static void on_delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct batch *batch = opaque;
	struct bench *b = ctx;

	(void)partition;
	(void)offset;
	if (failure)
		die("%s", failure->msg);
	if (--batch->outstanding > 0)
		return;
	b->n_batches++;
	if (clock_mono_us() < b->end_mono_us)
		batch_produce(batch);
}

static void bench_run(struct bench *b, size_t in_flight, int64_t us)
{
	struct batch *batches = mem_calloc(in_flight, sizeof(*batches));
	int64_t start_us = clock_mono_us();
	clock_t start_cpu = clock();

	b->end_mono_us = start_us + us;
	for (size_t i = 0; i < in_flight; i++) {
		batches[i].bench = b;
		batch_produce(&batches[i]);
	}
	while (kafka_producer_in_flight(b->producer) > 0)
		kafka_producer_poll(b->producer, POLL_MS);
	printf("figures %zu %lld %.0f\n", b->n_batches, (long long)(clock_mono_us() - start_us),
		(double)(clock() - start_cpu) * 1e6 / CLOCKS_PER_SEC);
	free(batches);
}

int main(int argc, char **argv)
{
	struct kafka_config *config = kafka_config_new();
	struct arena *a = arena_new(1 << 20);
	struct bench b = { 0 };
	const struct kafka_producer_options options = {
		.config = config,
		.client_id = "bench-produce",
		.message_timeout_ms = TIMEOUT_MS,
		.max_message_bytes = MAX_BYTES,
		.grouped = true,
		.delivered = on_delivered,
		.ctx = &b,
	};
	struct err err;

	if (argc != 7)
		die("usage: bench-produce BROKERS TOPIC SINCE_MS IN_FLIGHT BATCH SECONDS");
	if (kafka_config_set(config, "bootstrap.servers", argv[1], &err) < 0)
		die("%s", err.msg);
	records_read(&b, config, argv[2], strtoll(argv[3], NULL, 10), a);
	records_shuffle(&b);
	b.batch_size = strtoul(argv[5], NULL, 10);
	if (kafka_producer_open(&b.producer, &options, &err) < 0)
		die("%s", err.msg);
	bench_run(&b, strtoul(argv[4], NULL, 10), strtoll(argv[6], NULL, 10) * 1000000);
	kafka_producer_close(&b.producer, WAIT_MS);
	kafka_config_free(config);
	arena_free(a);
	return 0;
}
