/* libs/wire/records: rows come back as they were written, and a damaged one is noticed wherever it is damaged. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "wire/records.h"

static const struct header headers[] = {
	{ { "ce_id", 5 }, { "1", 1 } },
	{ { "empty", 5 }, { "", 0 } },
	{ { "absent", 6 }, { NULL, 0 } },
	{ { "binary", 6 }, { "\x00\xff", 2 } },
};

/* A whole record, one without key, value and headers, and one with a long value. */
static void row_fill(struct buf *row, struct str long_value)
{
	records_add(row, STR("blazz.chat-event.v1"), STR("w:c"), (struct str){ "\x0a\x00z", 3 }, headers, 4);
	records_add(row, STR("t"), STR_NONE, STR_NONE, NULL, 0);
	records_add(row, STR("t"), STR(""), long_value, headers, 1);
}

static void assert_same(struct str got, struct str want)
{
	assert_int_equal(got.p == NULL, want.p == NULL);
	assert_true(str_eq(got, want));
}

static void records_survive_the_round_trip(void **state)
{
	const size_t n = 300000;
	char *text = mem_calloc(n, 1);
	struct buf row = BUF_INIT;
	struct record_view v;
	struct err err;
	size_t at = 0;

	(void)state;
	row_fill(&row, (struct str){ text, n });
	assert_int_equal(records_next(buf_str(&row), &at, &v, &err), 1);
	assert_same(v.topic, STR("blazz.chat-event.v1"));
	assert_same(v.key, STR("w:c"));
	assert_same(v.value, (struct str){ "\x0a\x00z", 3 });
	assert_int_equal(v.n_headers, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_same(v.headers[i].name, headers[i].name);
		assert_same(v.headers[i].value, headers[i].value);
	}
	assert_int_equal(records_next(buf_str(&row), &at, &v, &err), 1);
	assert_same(v.topic, STR("t"));
	assert_same(v.key, STR_NONE);
	assert_same(v.value, STR_NONE);
	assert_int_equal(v.n_headers, 0);
	assert_int_equal(records_next(buf_str(&row), &at, &v, &err), 1);
	assert_same(v.key, STR(""));
	assert_same(v.value, (struct str){ text, n });
	assert_int_equal(v.n_headers, 1);
	assert_int_equal(at, row.n);
	assert_int_equal(records_next(buf_str(&row), &at, &v, &err), 0);
	buf_fini(&row);
	free(text);
}

static void a_row_is_protobuf(void **state)
{
	static const char want[] = "\x0a\x13"
				   "\x0a\x01t"
				   "\x12\x01k"
				   "\x1a\x01v"
				   "\x22\x08"
				   "\x0a\x01n"
				   "\x12\x03xyz";
	struct header h = { STR("n"), STR("xyz") };
	struct buf row = BUF_INIT;

	(void)state;
	records_add(&row, STR("t"), STR("k"), STR("v"), &h, 1);
	assert_int_equal(row.n, sizeof(want) - 1);
	assert_memory_equal(row.p, want, row.n);
	buf_fini(&row);
}

/* How many records are read before the end (>= 0) or a break (-1 - records). The bytes are a heap block of just their size,
 * so that the sanitizer sees a step beyond. */
static int count(struct str row)
{
	char *copy = memcpy(mem_alloc(row.n), row.p, row.n);
	struct record_view v;
	struct err err;
	size_t at = 0;
	int n = 0, rc;

	while ((rc = records_next((struct str){ copy, row.n }, &at, &v, &err)) == 1)
		n++;
	if (rc < 0) {
		assert_int_equal(err.kind, ERR_INPUT);
		assert_string_equal(err.code, "decode");
	}
	free(copy);
	return rc < 0 ? -1 - n : n;
}

static void a_row_cut_anywhere_but_between_records_is_broken(void **state)
{
	struct buf row = BUF_INIT;
	struct record_view v;
	struct err err;
	size_t ends[4] = { 0 };

	(void)state;
	row_fill(&row, STR("value"));
	for (int i = 0; i < 3; i++) {
		ends[i + 1] = ends[i];
		assert_int_equal(records_next(buf_str(&row), &ends[i + 1], &v, &err), 1);
	}
	for (size_t n = 0; n < row.n; n++) {
		int whole = 0;

		while (whole < 3 && ends[whole + 1] <= n)
			whole++;
		assert_int_equal(count(str_slice(buf_str(&row), 0, n)), n == ends[whole] ? whole : -1 - whole);
	}
	buf_fini(&row);
}

static void anything_but_a_row_is_rejected(void **state)
{
	static const struct {
		const char *name;
		struct str row;
	} cases[] = {
		{ "another field of the row", { "\x12\x00", 2 } },
		{ "a varint where a record should be", { "\x08\x01", 2 } },
		{ "a record without topic", { "\x0a\x00", 2 } },
		{ "a record with an empty topic", { "\x0a\x02\x0a\x00", 4 } },
		{ "a field that a later version added", { "\x0a\x05\x0a\x01t\x2a\x00", 7 } },
		{ "a header without name", { "\x0a\x05\x0a\x01t\x22\x00", 7 } },
		{ "a header with another field", { "\x0a\x0a\x0a\x01t\x22\x05\x0a\x01n\x1a\x00", 12 } },
		{ "a topic longer than its record", { "\x0a\x03\x0a\x02tt", 6 } },
		{ "a length without end", { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 } },
		{ "a length of 4 GiB", { "\x0a\xff\xff\xff\xff\x0f", 6 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (count(cases[i].row) != -1)
			fail_msg("accepted: %s", cases[i].name);
}

static void thirty_two_headers_are_the_most(void **state)
{
	struct header many[RECORD_HEADERS_MAX];
	struct buf row = BUF_INIT, more = BUF_INIT;

	(void)state;
	for (int i = 0; i < RECORD_HEADERS_MAX; i++)
		many[i] = (struct header){ STR("n"), STR("v") };
	records_add(&row, STR("t"), STR("k"), STR("v"), many, RECORD_HEADERS_MAX);
	assert_int_equal(count(buf_str(&row)), 1);
	assert_memory_equal(row.p, "\x0a\x89\x02", 3); /* 265 bytes; one header more is 273 */
	buf_add_str(&more, STR("\x0a\x91\x02"));
	buf_add_str(&more, str_slice(buf_str(&row), 3, row.n));
	buf_add_str(&more, STR("\x22\x06\x0a\x01n\x12\x01v"));
	assert_int_equal(count(buf_str(&more)), -1);
	buf_fini(&row);
	buf_fini(&more);
}

static void a_broken_row_leaves_the_outputs_unchanged(void **state)
{
	struct record_view v = { .n_headers = 7 };
	struct err err;
	size_t at = 0;

	(void)state;
	assert_int_equal(records_next(STR("\x0a\x05\x0a\x01t\x2a\x00"), &at, &v, &err), -1);
	assert_int_equal(at, 0);
	assert_int_equal(v.n_headers, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_survive_the_round_trip),
		cmocka_unit_test(a_row_is_protobuf),
		cmocka_unit_test(a_row_cut_anywhere_but_between_records_is_broken),
		cmocka_unit_test(anything_but_a_row_is_rejected),
		cmocka_unit_test(thirty_two_headers_are_the_most),
		cmocka_unit_test(a_broken_row_leaves_the_outputs_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
