/* libs/http/port_file: all of the port, or the file as it was. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/port_file.h"

static char dir[] = "/tmp/blazz-port.XXXXXX";
static char path[64], beside[80];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/port", dir);
	snprintf(beside, sizeof(beside), "%s.new", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir); /* fails when anything else was left */
}

static void content_check(const char *want)
{
	char text[16] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_string_equal(text, want);
	fclose(f);
}

static void a_previous_port_is_replaced(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(port_file_write(path, 65535, &err), 0);
	content_check("65535\n");
	assert_int_equal(port_file_write(path, 1, &err), 0);
	content_check("1\n");
	assert_int_equal(access(beside, F_OK), -1);
}

/* The full disk of /dev/full shows at the end only. */
static void a_file_that_cannot_be_written_is_unchanged(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(port_file_write(path, 7, &err), 0);
	assert_int_equal(symlink("/dev/full", beside), 0);
	assert_int_equal(port_file_write(path, 8, &err), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_non_null(strstr(err.msg, path));
	content_check("7\n");
	assert_int_equal(access(beside, F_OK), -1);
}

static void no_path_is_no_file(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(port_file_write(NULL, 1, &err), 0);
	assert_int_equal(port_file_write("", 1, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_previous_port_is_replaced),
		cmocka_unit_test(a_file_that_cannot_be_written_is_unchanged),
		cmocka_unit_test(no_path_is_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
