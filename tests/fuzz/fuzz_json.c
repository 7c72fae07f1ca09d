/* JSON from outside: a parsed document is walked, written and parsed again, which must give the same text. */
#include "base/utf8.h"
#include "input.h"
#include "json/json.h"

static void value_use(const json *v, struct arena *a)
{
	int64_t i;
	double f;
	bool b;

	assert(utf8_storable(json_str(v)));
	if (json_to_i64(v, &i))
		assert(json_text(v, a).n > 0);
	json_to_f64(v, &f);
	json_to_bool(v, &b);
	json_path(v, "data.key.id");
}

static void walk(const json *v, struct arena *a, unsigned depth)
{
	struct json_iter it = json_iter(v);
	const json *child;
	size_t n = 0;

	assert(depth <= JSON_MAX_DEPTH);
	value_use(v, a);
	for (; (child = json_next(&it)); n++) {
		assert(utf8_storable(json_iter_key(&it)));
		walk(child, a, depth + 1);
	}
	assert(n == json_count(v));
}

static void write_again(const json *v, struct buf *out)
{
	int rc = json_write_without(v, NULL, 0, out, NULL);

	assert(rc == 0);
}

static void round_trip(const struct json_doc *doc)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct json_doc *again = NULL;
	int rc;

	write_again(json_root(doc), &once);
	rc = json_parse(&again, buf_str(&once), NULL);
	assert(rc == 0);
	write_again(json_root(again), &twice);
	assert(str_eq(buf_str(&once), buf_str(&twice)));
	json_free(again);
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc *doc = NULL;
	struct arena *a;

	if (json_parse(&doc, input_of(data, size), NULL) < 0)
		return 0;
	assert(utf8_valid(input_of(data, size)));
	a = arena_new(0);
	walk(json_root(doc), a, 0);
	round_trip(doc);
	arena_free(a);
	json_free(doc);
	return 0;
}
