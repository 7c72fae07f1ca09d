/* Dead letters' headers. The first line is the topic, the second the key, then come headers, then the value. A failure's headers have
 * the last and the first failure after any number of replays; blazzctl shows every record as JSON; a record that it replays is for the
 * consumer that failed, with the sender's own headers and none of a failure's.
 */
#include <string.h>

#include "blazzctl/dead.h"
#include "input.h"
#include "worker/dead_letter.h"
#include "json/json.h"

#define HEADERS_MAX 64

static const struct failure failure = {
	.topic = { "blazz.inbound.v1", 16 },
	.partition = 7,
	.offset = 42,
	.timestamp_ms = INT64_C(1767225600000),
	.failed_at_ms = INT64_C(1767229200000),
	.group = "blazz.chat-sync",
	.service = "chat-sync",
	.reason = DEAD_RULE,
	.message = "no chat",
};

static struct str find(const struct header *headers, size_t n, const char *name)
{
	return header_find(headers, n, name);
}

static int64_t number(const struct header *headers, size_t n, const char *name)
{
	int64_t v = -1;

	str_to_i64(find(headers, n, name), &v);
	return v;
}

static size_t count(const struct header *headers, size_t n, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += str_is(headers[i].name, name);
	return found;
}

/* A second failure keeps the position of the first, and counts. */
static void failures_check(const struct header *original, size_t n_original, struct arena *a)
{
	static const char *const once[] = { "__dlq.errors.topic", "__dlq.errors.delivery.count", "x-dlq-reason",
		"x-dlq-first-topic", "x-dlq-first-offset", "x-orig-timestamp-ms" };
	struct header *first, *second;
	size_t n, m;

	first = dead_letter_headers(&failure, original, n_original, a, &n);
	second = dead_letter_headers(&failure, first, n, a, &m);
	assert(n <= 32 && m == n);
	for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++)
		assert(count(first, n, once[i]) == 1);
	assert(str_is(find(first, n, "x-dlq-reason"), "rule"));
	assert(str_eq(find(first, n, "x-dlq-first-topic"), find(second, m, "x-dlq-first-topic")));
	assert(str_eq(find(first, n, "x-dlq-first-offset"), find(second, m, "x-dlq-first-offset")));
	assert(number(second, m, "__dlq.errors.delivery.count") == number(first, n, "__dlq.errors.delivery.count") + 1);
}

static void shown_check(const struct dead_letter *d)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct json_doc *doc = NULL;

	dead_letter_write(&w, d);
	/* One level around a body that may have as many as are read. */
	if (json_parse(&doc, d->message->value, NULL) < 0) {
		int rc = json_parse(&doc, buf_str(&out), NULL);

		assert(rc == 0 && json_get(json_root(doc), "topic"));
	}
	json_free(doc);
	buf_fini(&out);
}

static void replay_check(const struct dead_letter *d, struct arena *a)
{
	struct replay_record made;
	const struct header *h = made.headers;
	char *consumer = arena_cstr(a, d->consumer);
	size_t n;

	if (replay_record_make(&made, d, "4b9d9c3e", NULL) < 0)
		return;
	n = made.record.headers_count;
	assert(n <= DEAD_HEADERS_MAX && str_eq(str_of(made.record.topic), d->topic));
	assert(made.record.partition >= KAFKA_ANY_PARTITION && number(h, n, "x-replay-count") > 0);
	assert(count(h, n, "x-replay-for") == 1 && count(h, n, "x-dlq-reason") == 0);
	assert(replay_is_for_other(h, n, "somebody-else") == !str_is(d->consumer, "somebody-else"));
	if (strlen(consumer) == d->consumer.n)
		assert(!replay_is_for_other(h, n, consumer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header headers[HEADERS_MAX];
	struct kafka_message m = { .timestamp_ms = INT64_C(1767229200000), .headers = headers };
	struct str text = input_of(data, size);
	struct arena *a = arena_new(4096);
	char *topic = arena_cstr(a, line_take(&text));
	struct dead_letter d;

	m.key = line_take(&text);
	if (m.key.n == 0)
		m.key = STR_NONE;
	m.headers_count = headers_take(&text, headers, HEADERS_MAX);
	m.value = text;
	failures_check(headers, m.headers_count, a);
	if (str_ends(str_of(topic), STR(".dlq"))) {
		d = dead_letter_of(&m, topic);
		shown_check(&d);
		replay_check(&d, a);
	}
	arena_free(a);
	return 0;
}
