/* Outbox rows: every record lies within the row and survives the round trip. */
#include "input.h"
#include "wire/records.h"

static void assert_same(struct str a, struct str b)
{
	assert((a.p == NULL) == (b.p == NULL));
	assert(str_eq(a, b));
}

static void round_trip(const struct record_view *v)
{
	struct buf row = BUF_INIT;
	struct record_view again;
	size_t at = 0;
	int rc;

	records_add(&row, v->topic, v->key, v->value, v->headers, v->n_headers);
	rc = records_next(buf_str(&row), &at, &again, NULL);
	assert(rc == 1 && at == row.n && again.n_headers == v->n_headers);
	assert_same(again.topic, v->topic);
	assert_same(again.key, v->key);
	assert_same(again.value, v->value);
	for (size_t i = 0; i < v->n_headers; i++) {
		assert_same(again.headers[i].name, v->headers[i].name);
		assert_same(again.headers[i].value, v->headers[i].value);
	}
	buf_fini(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str row = { (const char *)data, size };
	struct record_view v;
	size_t at = 0, before = 0;

	while (records_next(row, &at, &v, NULL) == 1) {
		assert(at > before && at <= size);
		before = at;
		round_trip(&v);
	}
	return 0;
}
