/* Manifests of backups: a key is free only when every backup of the folder says so. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "manifests.h"

#define DUMP      "blazz_backup_20260131_120000.dump.age"
#define OTHER     "blazz_backup_20260201_120000.dump.age"
#define MANIFEST  "blazz_backup_20260131_120000.json"
#define KEYS(ids) "{\"schema\": 7, \"key_ids\": [" ids "], \"counts\": {}}"
#define K1        "{\"id\": \"k1\", \"sha256\": \"00\"}"
#define K2        "{\"id\": \"k2\", \"sha256\": \"11\"}"

static char folder[] = "/tmp/manifests.XXXXXX";

static void path_of(char out[static 200], const char *name)
{
	snprintf(out, 200, "%s/%s", folder, name);
}

static void file_put(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	path_of(path, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void file_remove(const char *name)
{
	char path[200];

	path_of(path, name);
	assert_int_equal(remove(path), 0);
}

#define FILES_MAX 4
struct file {
	const char *name, *text;
};

/* Whether k1 is needed: "1 of 2 blazz_…json", or the error. */
static void assert_found(const char *what, const struct file files[static FILES_MAX], const char *want)
{
	struct manifests_found found = { .backups = 0 };
	struct err err = { .kind = ERR_NONE };
	char got[600];

	for (size_t i = 0; i < FILES_MAX && files[i].name; i++)
		file_put(files[i].name, files[i].text);
	if (manifests_find(folder, STR("k1"), &found, &err) < 0) {
		assert_int_equal(err.kind, ERR_INPUT);
		assert_int_equal(found.backups, 0);
		snprintf(got, sizeof(got), "%s", err.msg);
	} else {
		snprintf(got, sizeof(got), "%zu of %zu %s", found.needing, found.backups, found.first);
	}
	for (size_t i = 0; i < FILES_MAX && files[i].name; i++)
		file_remove(files[i].name);
	if (!strstr(got, want))
		fail_msg("%s: %s", what, got);
}

static void a_key_is_free_when_every_backup_says_so(void **state)
{
	static const struct {
		const char *what;
		struct file files[FILES_MAX];
		const char *want;
	} cases[] = {
		{ "a backup without the key", { { DUMP, "" }, { MANIFEST, KEYS(K2) } }, "0 of 1" },
		{ "one with it", { { DUMP, "" }, { MANIFEST, KEYS(K2 ", " K1) } }, "1 of 1 " MANIFEST },
		{ "one without any secret", { { DUMP, "" }, { MANIFEST, KEYS("") } }, "0 of 1" },
		{ "a manifest named after the whole dump", { { DUMP, "" }, { DUMP ".json", KEYS(K1) } },
			"1 of 1 " DUMP ".json" },
		{ "a manifest whose dump is elsewhere", { { MANIFEST, KEYS(K1) } }, "1 of 1" },
		{ "another id that begins like it", { { MANIFEST, KEYS("{\"id\": \"k10\"}") } }, "0 of 1" },
		{ "checksums beside both",
			{ { DUMP, "" }, { DUMP ".sha256", "" }, { MANIFEST, KEYS(K2) }, { MANIFEST ".sha256", "" } },
			"0 of 1" },
		{ "an empty folder", { { NULL, NULL } }, "has no backup" },
		{ "a dump without a manifest", { { DUMP, "" }, { MANIFEST, KEYS(K2) }, { OTHER, "" } },
			OTHER " has no manifest" },
		{ "a dump that is being written", { { MANIFEST, KEYS(K2) }, { OTHER ".part", "" } },
			"has no manifest" },
		{ "the same under a hidden name", { { MANIFEST, KEYS(K2) }, { "." OTHER, "" } }, "has no manifest" },
		{ "half a manifest", { { DUMP, "" }, { MANIFEST, "{\"key_ids\": [" } }, "manifest " },
		{ "an empty manifest", { { DUMP, "" }, { MANIFEST, "" } }, "manifest " },
		{ "no list of keys", { { DUMP, "" }, { MANIFEST, "{\"schema\": 7}" } }, "no list key_ids" },
		{ "keys that are no list", { { DUMP, "" }, { MANIFEST, "{\"key_ids\": \"k2\"}" } }, "no list key_ids" },
		{ "a key without an id", { { DUMP, "" }, { MANIFEST, KEYS("{\"sha256\": \"00\"}") } }, "has no id" },
		{ "ids without their objects", { { DUMP, "" }, { MANIFEST, KEYS("\"k2\"") } }, "has no id" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_found(cases[i].what, cases[i].files, cases[i].want);
}

static void a_manifest_that_cannot_be_read_is_an_error(void **state)
{
	const struct file none[FILES_MAX] = { { NULL, NULL } };
	char path[200];

	(void)state;
	path_of(path, MANIFEST);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_found("a directory", none, "manifest ");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_found("a link to nothing", none, "No such file");
	assert_int_equal(unlink(path), 0);
}

static void a_manifest_has_at_most_a_mebibyte(void **state)
{
	struct file files[FILES_MAX] = { { MANIFEST, NULL } };
	struct buf text = BUF_INIT;

	(void)state;
	buf_add_str(&text, STR(KEYS(K2)));
	while (text.n < MANIFEST_MAX_BYTES)
		buf_add_char(&text, ' ');
	buf_add_char(&text, '\0');
	files[0].text = text.p;
	assert_found("a mebibyte", files, "0 of 1");
	text.p[text.n - 1] = ' ';
	buf_add_char(&text, '\0');
	files[0].text = text.p;
	assert_found("a byte more", files, "more than 1048576 bytes");
	buf_fini(&text);
}

static void folders_add_up_and_a_missing_one_is_an_error(void **state)
{
	struct manifests_found found = { .backups = 0 };
	struct err err;

	(void)state;
	file_put(MANIFEST, KEYS(K1));
	assert_int_equal(manifests_find(folder, STR("k1"), &found, &err), 0);
	assert_int_equal(manifests_find(folder, STR("k1"), &found, &err), 0);
	assert_int_equal(manifests_find("/nowhere/at/all", STR("k1"), &found, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_true(found.backups == 2 && found.needing == 2);
	file_remove(MANIFEST);
}

static int start(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_free_when_every_backup_says_so),
		cmocka_unit_test(a_manifest_that_cannot_be_read_is_an_error),
		cmocka_unit_test(a_manifest_has_at_most_a_mebibyte),
		cmocka_unit_test(folders_add_up_and_a_missing_one_is_an_error),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
