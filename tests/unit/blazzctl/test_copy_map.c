/* The map of a copy: what is written is read again, and nothing else is taken for a map. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy_map.h"

static char path[64];

static int start(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/blazz-test-map-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int stop(void **state)
{
	(void)state;
	return unlink(path);
}

static void file_write(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void a_map_is_read_as_it_was_written(void **state)
{
	struct copy_map map = { .from = "old", .to = "new" }, read = { .from = "" };
	struct copy_topic *t = copy_map_add(&map, "b.inbound.v1", 2);
	struct err err = { .msg = "" };

	(void)state;
	t->at[0] = (struct copy_range){ 17, INT64_C(9000000000000000001) };
	copy_map_add(&map, "b.erasure.v1", 1)->compacted = true;
	assert_int_equal(copy_map_write(path, &map, &err), 0);
	assert_int_equal(copy_map_read(path, false, &read, &err), 0);
	assert_string_equal(read.from, "old");
	assert_string_equal(read.to, "new");
	assert_int_equal(read.n, 2);
	t = copy_map_find(&read, "b.inbound.v1");
	assert_int_equal(t->n, 2);
	assert_false(t->compacted);
	assert_int_equal(t->at[0].first, 17);
	assert_int_equal(t->at[0].next, INT64_C(9000000000000000001));
	assert_int_equal(t->at[1].next, 0);
	assert_true(copy_map_find(&read, "b.erasure.v1")->compacted);
	assert_null(copy_map_find(&read, "b.inbound"));
	copy_map_fini(&map);
	copy_map_fini(&read);
}

static void what_is_no_map_is_refused(void **state)
{
#define TOPIC(name, ranges) "{\"topic\":\"" name "\",\"partitions\":[" ranges "]}"
#define MAP(topics)         "{\"from\":\"a\",\"to\":\"b\",\"topics\":[" topics "]}"
	static const char *const cases[] = {
		"",
		"{}",
		"[]",
		"{\"from\":\"a\",\"to\":\"b\"}",
		"{\"from\":\"\",\"to\":\"b\",\"topics\":[]}",
		"{\"from\":\"a\",\"topics\":[]}",
		MAP("1"),
		MAP(TOPIC("t", "")),
		MAP(TOPIC("", "{\"first\":1,\"next\":2}")),
		MAP(TOPIC("t", "{\"first\":1}")),
		MAP(TOPIC("t", "{\"first\":2,\"next\":1}")),
		MAP(TOPIC("t", "{\"first\":-1,\"next\":1}")),
		MAP(TOPIC("t", "{\"first\":1,\"next\":1}") "," TOPIC("t", "{\"first\":1,\"next\":1}")),
		MAP(TOPIC("t", "{\"first\":1,\"next\":1}")) "x",
	};
	struct copy_map map = { .from = "" };
	struct err err = { .msg = "" };

	(void)state;
	file_write(MAP(TOPIC("t", "{\"first\":1,\"next\":1}")));
	assert_int_equal(copy_map_read(path, false, &map, &err), 0);
	copy_map_fini(&map);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_write(cases[i]);
		if (copy_map_read(path, true, &map, &err) == 0)
			fail_msg("%s", cases[i]);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.msg, "is not a map of topics copy"));
	}
}

static void a_map_that_is_missing_may_be_empty(void **state)
{
	struct copy_map map = { .n = 9 };
	struct err err = { .msg = "" };

	(void)state;
	assert_int_equal(copy_map_read("/nowhere/map", false, &map, &err), -1);
	assert_string_equal(err.msg, "/nowhere/map does not exist");
	assert_int_equal(copy_map_read("/nowhere/map", true, &map, &err), 0);
	assert_int_equal(map.n, 0);
	assert_int_equal(copy_map_write("/nowhere/map", &map, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_is_read_as_it_was_written),
		cmocka_unit_test(what_is_no_map_is_refused),
		cmocka_unit_test(a_map_that_is_missing_may_be_empty),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
