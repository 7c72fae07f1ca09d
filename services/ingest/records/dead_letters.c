/* Dead letters of HTTP bodies; see dead_letters.h. Header names are those of proto/README.md where it has them. */
#include "ingest/records/dead_letters.h"

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/digest.h"

#define MAX_HEADERS 16

struct list {
	struct header *headers;
	size_t n;
};

static void add(struct list *l, const char *name, struct str value)
{
	if (value.p)
		l->headers[l->n++] = (struct header){ str_of(name), value };
}

static struct str uuid_text(const struct uuid *u, struct arena *a)
{
	char text[37];

	if (uuid_is_nil(u))
		return STR_NONE;
	uuid_format(u, text);
	return arena_str(a, str_of(text));
}

static struct str time_text(int64_t ms, struct arena *a)
{
	char text[25];

	clock_format_ms(ms, text);
	return arena_str(a, str_of(text));
}

static struct str hash_text(struct str body, struct arena *a)
{
	uint8_t hash[32];
	char text[64];

	sha256(body, hash);
	hex_encode(hash, sizeof(hash), text);
	return arena_str(a, (struct str){ text, sizeof(text) });
}

/* Whether a replay may succeed without a change of the body: after an update of the parser, or once the account
 * exists. */
static bool is_retryable(enum dead_reason reason)
{
	return reason == DEAD_UNSUPPORTED || reason == DEAD_UNKNOWN_REFERENCE;
}

void dead_letter_record(const struct dead_letter *d, struct arena *a, struct kafka_record *out)
{
	struct list l = { ARENA_ARRAY(a, struct header, MAX_HEADERS), 0 };
	struct str workspace = uuid_text(&d->workspace, a), account = uuid_text(&d->account, a);
	struct str body = d->body.p ? d->body : STR("");

	add(&l, "content-type", STR("application/json"));
	add(&l, "x-dlq-service", STR("ingest"));
	add(&l, "x-dlq-reason", str_of(dead_reason_word(d->reason)));
	add(&l, "x-dlq-retryable", is_retryable(d->reason) ? STR("true") : STR("false"));
	add(&l, "x-dlq-failed-at", time_text(d->failed_at_ms, a));
	add(&l, "x-http-route", d->route);
	add(&l, "x-http-workspace", workspace);
	add(&l, "x-http-account", account);
	add(&l, "x-http-path", d->path);
	add(&l, "__dlq.errors.message", d->message);
	add(&l, "traceparent", d->traceparent);
	if (body.n > DEAD_LETTER_MAX_BYTES) {
		add(&l, "x-dlq-truncated", STR("true"));
		add(&l, "x-dlq-sha256", hash_text(body, a));
		body.n = DEAD_LETTER_MAX_BYTES;
	}
	*out = (struct kafka_record){
		.partition = KAFKA_ANY_PARTITION,
		.key = account.p ? arena_printf(a, "%.*s:%.*s", STR_ARG(workspace), STR_ARG(account)) : STR_NONE,
		.value = body,
		.headers = l.headers,
		.headers_count = l.n,
	};
}
