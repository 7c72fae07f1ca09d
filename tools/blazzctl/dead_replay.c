/* Replaying: records go to their original topic, for the consumer that rejected them only; bodies that ingest rejected
 * are posted again.
 *
 * Invariant: key, value and the sender's own headers are the original's; the dead letter itself is not deleted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/ids.h"
#include "dead.h"
#include "post.h"

struct dead_replay {
	struct kafka_producer *producer;
	struct http_client *client;
	const struct dead_replay_options *options;
	struct buf secret;
	char id[37];
	int64_t interval_us, next_us;
	size_t acknowledged;
	struct err failure; /* the first failure */
};

static void delivered(void *ctx, void *opaque, const struct err *failure, int32_t partition, int64_t offset)
{
	struct dead_replay *r = ctx;

	(void)opaque;
	(void)partition;
	(void)offset;
	if (!failure)
		r->acknowledged++;
	else if (r->failure.kind == ERR_NONE)
		r->failure = *failure;
}

int dead_replay_open(struct dead_replay **out, struct ctl *ctl, const struct dead_replay_options *options,
	struct err *err)
{
	struct dead_replay *r = mem_calloc(1, sizeof(*r));
	struct kafka_producer_options producer = { .config = ctl->kafka,
		.client_id = "blazzctl",
		.message_timeout_ms = CTL_TIMEOUT_MS,
		.delivered = delivered,
		.ctx = r };
	struct uuid id;

	uuid_v4(&id);
	uuid_format(&id, r->id);
	r->options = options;
	r->interval_us = 1000000 / (options->per_second ? options->per_second : 200);
	if (kafka_producer_open(&r->producer, &producer, err) < 0 || http_client_open(&r->client, err) < 0 ||
		(options->secret_file && ctl_secret_read(options->secret_file, &r->secret, err) < 0)) {
		dead_replay_close(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void dead_replay_close(struct dead_replay **replay)
{
	struct dead_replay *r = *replay;

	if (!r)
		return;
	kafka_producer_close(&r->producer, 0);
	http_client_close(&r->client);
	ctl_secret_free(&r->secret);
	free(r);
	*replay = NULL;
}

/* Keeps the headers that the consumer's next failure needs and those that restrict a replay; removes all others that
 * the failure added. */
static bool header_stays(struct str name)
{
	if (str_starts(name, STR("x-dlq-first-")) || str_is(name, "x-dlq-endpoint") ||
		str_is(name, "__dlq.errors.delivery.count"))
		return true;
	return !str_starts(name, STR("x-dlq-")) && !str_starts(name, STR("__dlq.errors.")) &&
		!str_starts(name, STR("x-replay-")) && !str_is(name, "x-orig-timestamp-ms");
}

/* How often it has been replayed, including this time. */
static int64_t replay_count(const struct dead_letter *d)
{
	int64_t before;

	if (!str_to_i64(kafka_message_header(d->message, "x-replay-count"), &before) || before < 0 ||
		before > INT32_MAX)
		return 1;
	return before + 1;
}

static size_t headers_make(const struct dead_letter *d, const char *replay_id, const char *count,
	struct header out[static DEAD_HEADERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < d->message->headers_count && n < DEAD_HEADERS_MAX - 3; i++)
		if (header_stays(d->message->headers[i].name))
			out[n++] = d->message->headers[i];
	out[n++] = (struct header){ STR("x-replay-id"), str_of(replay_id) };
	out[n++] = (struct header){ STR("x-replay-count"), str_of(count) };
	out[n++] = (struct header){ STR("x-replay-for"), d->consumer };
	return n;
}

/* Without a key the record keeps its original partition, which alone determined its order. */
static int32_t partition_of(const struct dead_letter *d)
{
	int64_t partition;

	if (d->message->key.p || !str_to_i64(kafka_message_header(d->message, "x-dlq-first-partition"), &partition) ||
		partition < 0 || partition > INT32_MAX)
		return KAFKA_ANY_PARTITION;
	return (int32_t)partition;
}

int replay_record_make(struct replay_record *out, const struct dead_letter *d, const char *replay_id, struct err *err)
{
	int n = snprintf(out->topic, sizeof(out->topic), "%.*s", STR_ARG(d->topic));

	if (n <= 0 || (size_t)n != d->topic.n || d->topic.n >= sizeof(out->topic))
		return err_set(err, ERR_INPUT, "topic", "a dead letter does not say where it came from");
	snprintf(out->count, sizeof(out->count), "%lld", (long long)replay_count(d));
	out->record = (struct kafka_record){
		.topic = out->topic,
		.partition = partition_of(d),
		.key = d->message->key,
		.value = d->message->value,
		.headers = out->headers,
		.headers_count = headers_make(d, replay_id, out->count, out->headers),
	};
	return 0;
}

/* Waits until the next record may be sent, and serves delivery reports meanwhile. */
static void turn_wait(struct dead_replay *r)
{
	int64_t now = clock_mono_us();

	while (now < r->next_us) {
		kafka_producer_poll(r->producer, (int)((r->next_us - now) / 1000 + 1));
		now = clock_mono_us();
	}
	r->next_us = now + r->interval_us;
}

static int produce(struct dead_replay *r, const struct kafka_record *record, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + CTL_TIMEOUT_MS;

	while (kafka_produce(r->producer, record, err) < 0) {
		if (err->kind != ERR_BUSY || clock_mono_ms() > deadline_ms)
			return -1;
		kafka_producer_poll(r->producer, 100);
	}
	return 0;
}

static int record_replay(struct dead_replay *r, const struct dead_letter *d, struct err *err)
{
	struct replay_record made;

	if (replay_record_make(&made, d, r->id, err) < 0)
		return -1;
	return produce(r, &made.record, err);
}

static int posted_replay(struct dead_replay *r, const struct dead_letter *d, struct err *err)
{
	struct post post = { r->options->url, kafka_message_header(d->message, "x-http-route"), buf_str(&r->secret),
		d->message->value };
	struct buf answer = BUF_INIT;
	int status, rc;

	if (!post.base_url || post.secret.n == 0)
		return ctl_usage(err, "what ingest refused is posted again: --url and --secret-file are needed");
	if (post.route.n == 0)
		return err_set(err, ERR_INPUT, "route", "a dead letter does not say where it was posted");
	rc = post_send(r->client, dialect_of_route(post.route), &post, &status, &answer, err);
	if (rc == 0 && (status < 200 || status > 299))
		rc = err_set(err, ERR_INPUT, "refused", "%.*s answered %d: %.*s", STR_ARG(post.route), status,
			STR_ARG(buf_str(&answer)));
	buf_fini(&answer);
	r->acknowledged += rc == 0;
	return rc;
}

int dead_replay_one(struct dead_replay *r, const struct dead_letter *d, struct err *err)
{
	turn_wait(r);
	return dead_is_posted(d) ? posted_replay(r, d, err) : record_replay(r, d, err);
}

int dead_replay_finish(struct dead_replay *r, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + CTL_TIMEOUT_MS;

	while (kafka_producer_in_flight(r->producer) > 0 && clock_mono_ms() < deadline_ms)
		kafka_producer_poll(r->producer, 100);
	if (kafka_producer_in_flight(r->producer) > 0)
		return err_set(err, ERR_RETRY, "timeout", "%zu records were not acknowledged",
			kafka_producer_in_flight(r->producer));
	if (r->failure.kind != ERR_NONE)
		*err = r->failure;
	return r->failure.kind != ERR_NONE ? -1 : 0;
}

size_t dead_replay_count(const struct dead_replay *r)
{
	return r->acknowledged;
}

const char *dead_replay_id(const struct dead_replay *r)
{
	return r->id;
}
