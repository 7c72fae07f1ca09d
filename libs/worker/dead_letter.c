/* Dead letters' headers. Pure; see dead_letter.h. */
#include "worker/dead_letter.h"

#include "base/clock.h"
#include "wire/records.h"

static const char *const own_prefixes[] = { "__dlq.errors.", "x-dlq-", "x-replay-" };
static const char *const first_names[] = { "x-dlq-first-topic", "x-dlq-first-partition", "x-dlq-first-offset" };

static bool is_own(struct str name)
{
	for (size_t i = 0; i < sizeof(own_prefixes) / sizeof(*own_prefixes); i++)
		if (str_starts(name, str_of(own_prefixes[i])))
			return true;
	return str_is(name, "x-orig-timestamp-ms");
}

struct list {
	struct header *headers;
	size_t n;
	struct arena *arena;
};

static void add(struct list *l, const char *name, struct str value)
{
	if (l->n < RECORD_HEADERS_MAX && value.p)
		l->headers[l->n++] = (struct header){ str_of(name), value };
}

static void add_i64(struct list *l, const char *name, int64_t value)
{
	add(l, name, arena_printf(l->arena, "%lld", (long long)value));
}

static void add_first(struct list *l, const struct failure *f, const struct header *original, size_t n)
{
	struct str now[] = { f->topic, arena_printf(l->arena, "%d", f->partition),
		arena_printf(l->arena, "%lld", (long long)f->offset) };

	for (size_t i = 0; i < 3; i++) {
		struct str before = header_find(original, n, first_names[i]);

		add(l, first_names[i], before.p ? before : now[i]);
	}
}

static int64_t delivery_count(const struct header *original, size_t n)
{
	int64_t before = 0;

	if (!str_to_i64(header_find(original, n, "__dlq.errors.delivery.count"), &before) || before < 0 ||
		before > INT32_MAX)
		before = 0;
	return before + 1;
}

struct header *dead_letter_headers(const struct failure *f, const struct header *original, size_t n_original,
	struct arena *a, size_t *n_out)
{
	static const size_t own_count = 18;
	struct list l = { ARENA_ARRAY(a, struct header, RECORD_HEADERS_MAX), 0, a };
	struct str replays = header_find(original, n_original, "x-replay-count");
	char time[25];

	for (size_t i = 0; i < n_original && l.n < RECORD_HEADERS_MAX - own_count; i++)
		if (!is_own(original[i].name))
			l.headers[l.n++] = original[i];
	clock_format_ms(f->failed_at_ms, time);
	add(&l, "__dlq.errors.topic", f->topic);
	add_i64(&l, "__dlq.errors.partition", f->partition);
	add_i64(&l, "__dlq.errors.offset", f->offset);
	add(&l, "__dlq.errors.group", str_of(f->group));
	add_i64(&l, "__dlq.errors.delivery.count", delivery_count(original, n_original));
	add(&l, "__dlq.errors.message", str_of(f->message));
	add_first(&l, f, original, n_original);
	add(&l, "x-dlq-reason", str_of(dead_reason_word(f->reason)));
	add(&l, "x-dlq-code", f->code && f->code[0] ? str_of(f->code) : STR_NONE);
	add(&l, "x-dlq-retryable", f->retryable ? STR("true") : STR("false"));
	add(&l, "x-dlq-failed-at", arena_str(a, str_of(time)));
	add(&l, "x-dlq-service", str_of(f->service));
	for (size_t i = 0; i < f->n_extra && l.n < RECORD_HEADERS_MAX; i++)
		l.headers[l.n++] = f->extra[i];
	add_i64(&l, "x-orig-timestamp-ms", f->timestamp_ms);
	add(&l, "x-replay-count", replays);
	*n_out = l.n;
	return l.headers;
}

bool replay_is_for_other(const struct header *headers, size_t n, const char *consumer)
{
	struct str whom = header_find(headers, n, "x-replay-for");

	return whom.p && !str_is(whom, consumer);
}
