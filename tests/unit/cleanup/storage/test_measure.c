/* services/cleanup/storage/measure: the size of a session's files, and nothing outside the root. */
#include "cleanup/storage/storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* A root with a session of two files, 7 bytes and 5, the second one deeper; beside the root a directory with a secret. */
struct place {
	char base[64];
	int root;
};

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->base, sizeof(p->base), "/tmp/blazz-storage-XXXXXX");
	assert_non_null(mkdtemp(p->base));
	assert_int_equal(chdir(p->base), 0);
	assert_int_equal(mkdir("root", 0755) + mkdir("root/session-a", 0755) + mkdir("root/session-a/deep", 0755) +
			mkdir("outside", 0755),
		0);
	file_write("root/session-a/one", "seven..");
	file_write("root/session-a/deep/two", "five.");
	file_write("outside/secret", "a secret of another program");
	assert_int_equal(symlink("../../outside", "root/session-a/link"), 0);
	assert_int_equal(symlink("../outside", "root/session-b"), 0);
	p->root = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return 0;
}

static int place_remove(void **state)
{
	struct place *p = *state;
	char command[128];

	close(p->root);
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", p->base);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static void files_are_added_up_without_following_links(void **state)
{
	const struct place *p = *state;
	struct storage_found found;
	struct err err;

	assert_int_equal(storage_measure(p->root, "session-a", &found, &err), 0);
	assert_true(found.exists);
	assert_int_equal(found.bytes, 12);
}

static void what_is_missing_or_no_directory_does_not_exist(void **state)
{
	const struct place *p = *state;
	struct storage_found found = { .exists = true };
	struct err err;

	assert_int_equal(storage_measure(p->root, "session-z", &found, &err), 0);
	assert_false(found.exists);
	found.exists = true;
	assert_int_equal(storage_measure(p->root, "session-a/one", &found, &err), 0);
	assert_false(found.exists);
}

static void nothing_outside_the_root_is_read(void **state)
{
	const struct place *p = *state;
	static const char *const paths[] = { "../outside", "session-b", "/etc", "session-a/link",
		"session-a/../../outside" };
	struct storage_found found;
	struct err err;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (storage_measure(p->root, paths[i], &found, &err) == 0 || err.kind != ERR_INPUT)
			fail_msg("%s was read", paths[i]);
}

static void a_directory_that_is_too_deep_is_refused(void **state)
{
	const struct place *p = *state;
	struct storage_found found;
	struct err err;

	assert_int_equal(chdir("root/session-a"), 0);
	for (int i = 0; i <= STORAGE_DEPTH_MAX; i++)
		assert_int_equal(mkdir("d", 0755) + chdir("d"), 0);
	assert_int_equal(chdir(p->base), 0);
	assert_int_equal(storage_measure(p->root, "session-a", &found, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_added_up_without_following_links, place_make, place_remove),
		cmocka_unit_test_setup_teardown(what_is_missing_or_no_directory_does_not_exist, place_make,
			place_remove),
		cmocka_unit_test_setup_teardown(nothing_outside_the_root_is_read, place_make, place_remove),
		cmocka_unit_test_setup_teardown(a_directory_that_is_too_deep_is_refused, place_make, place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
