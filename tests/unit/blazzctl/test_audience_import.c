/* Lines of an imported audience: which columns a file may have, what becomes a member, and why a line is rejected. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "audience_import.h"

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new(4096);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* Fields separated by commas, without quotes. */
static struct csv_record record(const char *text)
{
	struct csv_record r = { .line = 1 };
	struct str rest = str_of(text);
	bool more = true;

	while (more)
		more = str_cut(rest, ',', &r.fields[r.n++], &rest);
	return r;
}

static void columns_are_found_by_name(void **state)
{
	struct csv_record r = record(" City ,PHONE,Name,code");
	struct import_columns c;
	struct err err;

	(void)state;
	assert_int_equal(import_columns_read(&c, &r, arena, &err), 0);
	assert_int_equal(c.n, 4);
	assert_int_equal(c.phone, 1);
	assert_int_equal(c.name, 2);
	assert_true(str_is(c.names[0], "City"));
	assert_true(str_is(c.names[3], "code"));
}

static void headings_that_break_a_rule_are_rejected(void **state)
{
	static const char *const cases[] = { "name", "phone,phone", "phone,Phone", "phone,a,a", "phone,name,NAME",
		"phone,a b", "phone,", "phone,\xc3\xa4" };
	struct import_columns c = { .n = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct csv_record r = record(cases[i]);
		struct err err;

		assert_int_equal(import_columns_read(&c, &r, arena, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_int_equal(c.n, 7);
	}
}

static struct import_columns columns(const char *heading)
{
	struct csv_record r = record(heading);
	struct import_columns c;
	struct err err;

	assert_int_equal(import_columns_read(&c, &r, arena, &err), 0);
	return c;
}

static void a_line_becomes_a_member(void **state)
{
	struct import_columns c = columns("phone,name,city,code");
	static const struct {
		const char *line, *country, *address, *phone, *name, *variables;
	} cases[] = {
		{ "0812-3456-789, Sari ,Bandung,A1", "ID", "628123456789", "+628123456789", "Sari",
			"{\"city\":\"Bandung\",\"code\":\"A1\"}" },
		{ "628123456789,,,", NULL, "628123456789", "+628123456789", NULL, NULL },
		{ "+5511987654321,x,,b", "ID", "551187654321", "+5511987654321", "x", "{\"code\":\"b\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct csv_record r = record(cases[i].line);
		struct group_member m;

		assert_null(import_member_read(&m, &c, &r, cases[i].country, arena));
		assert_true(str_is(m.address, cases[i].address));
		assert_true(str_is(m.phone, cases[i].phone));
		assert_true(str_eq(m.name, str_of(cases[i].name)));
		assert_true(str_eq(m.variables, str_of(cases[i].variables)));
	}
}

static void a_line_that_breaks_a_limit_is_rejected(void **state)
{
	static char name[1100], value[16400];
	struct import_columns c = columns("phone,name,x");
	const struct {
		const char *phone, *name, *x, *why;
	} cases[] = {
		{ "", "", "", "no phone number" },
		{ "abc", "", "", "not a phone number" },
		{ "1234", "", "", "not a phone number" },
		{ "123456", "", "", "not a phone number" },
		{ "1234567890123456", "", "", "not a phone number" },
		{ "628123456789", name, "", "the name is longer than 1,024 bytes" },
		{ "628123456789", "", value, "the variables are longer than 16 KiB" },
		{ "628123456789", "\xff", "", "not UTF-8 text" },
	};

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(value, 'v', sizeof(value) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct csv_record r = { .n = 3,
			.fields = { str_of(cases[i].phone), str_of(cases[i].name), str_of(cases[i].x) } };
		struct group_member m;

		assert_string_equal(import_member_read(&m, &c, &r, NULL, arena), cases[i].why);
	}
}

static void a_line_has_as_many_fields_as_there_are_columns(void **state)
{
	struct import_columns c = columns("phone,name");
	struct csv_record few = record("628123456789"), many = record("628123456789,x,y"), wrong = { .wrong = "why" };
	struct group_member m;

	(void)state;
	assert_string_equal(import_member_read(&m, &c, &few, NULL, arena), "not as many fields as columns");
	assert_string_equal(import_member_read(&m, &c, &many, NULL, arena), "not as many fields as columns");
	assert_string_equal(import_member_read(&m, &c, &wrong, NULL, arena), "why");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_found_by_name),
		cmocka_unit_test(headings_that_break_a_rule_are_rejected),
		cmocka_unit_test(a_line_becomes_a_member),
		cmocka_unit_test(a_line_that_breaks_a_limit_is_rejected),
		cmocka_unit_test(a_line_has_as_many_fields_as_there_are_columns),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
