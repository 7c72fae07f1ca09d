/* See manifests.h. Invariant: a backup whose keys cannot be determined is an error, never a backup that needs no key. */
#include "manifests.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "json/json.h"

#define DUMP     ".dump.age"
#define MANIFEST ".json"

struct names {
	struct arena *arena;
	char **at;
	size_t n, cap;
};

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in the folder, sorted. */
static int names_read(const char *folder, struct names *out, struct err *err)
{
	DIR *d = opendir(folder);
	struct dirent *entry;

	if (!d)
		return err_set(err, ERR_INPUT, "backups", "%s: %s", folder, strerror(errno));
	while ((errno = 0, entry = readdir(d))) {
		out->at = vec_grow_in(out->arena, out->at, out->n, &out->cap, sizeof(*out->at));
		out->at[out->n++] = arena_cstr(out->arena, str_of(entry->d_name));
	}
	if (errno != 0) {
		err_set(err, ERR_INPUT, "backups", "%s: %s", folder, strerror(errno));
		closedir(d);
		return -1;
	}
	closedir(d);
	if (out->n > 0)
		qsort(out->at, out->n, sizeof(*out->at), by_bytes);
	return 0;
}

static bool names_have(const struct names *names, struct str name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_is(name, names->at[i]))
			return true;
	return false;
}

/* Whatever has .dump.age in its name, a part or a checksum too, belongs to a backup with a manifest. */
static bool has_manifest(const struct names *names, struct arena *a, const char *name)
{
	const char *dump = strstr(name, DUMP);
	int stem = dump ? (int)(dump - name) : 0;

	return !dump || names_have(names, arena_printf(a, "%.*s%s", stem, name, MANIFEST)) ||
		names_have(names, arena_printf(a, "%.*s%s%s", stem, name, DUMP, MANIFEST));
}

static int file_read(const char *path, struct buf *out, struct err *err)
{
	FILE *f = fopen(path, "re");
	size_t n;
	bool failed;

	if (!f)
		return err_set(err, ERR_INPUT, "backups", "%s", strerror(errno));
	n = fread(buf_reserve(out, MANIFEST_MAX_BYTES + 1), 1, MANIFEST_MAX_BYTES + 1, f);
	failed = ferror(f);
	fclose(f);
	if (failed)
		return err_set(err, ERR_INPUT, "backups", "it cannot be read");
	if (n > MANIFEST_MAX_BYTES)
		return err_set(err, ERR_INPUT, "backups", "it has more than %d bytes", MANIFEST_MAX_BYTES);
	out->n = n;
	return 0;
}

/* *needs: whether one of the ids is the key's. */
static int manifest_read(const char *path, struct str key_id, bool *needs, struct err *err)
{
	struct buf text = BUF_INIT;
	struct json_doc *doc = NULL;
	struct json_iter it;
	const json *ids, *one;
	bool found = false;
	int rc = -1;

	if (file_read(path, &text, err) < 0 || json_parse(&doc, buf_str(&text), err) < 0)
		goto out;
	ids = json_get(json_root(doc), "key_ids");
	if (!json_is_arr(ids)) {
		err_set(err, ERR_INPUT, "backups", "it has no list key_ids");
		goto out;
	}
	it = json_iter(ids);
	while ((one = json_next(&it))) {
		struct str id = json_str(json_get(one, "id"));

		if (id.n == 0) {
			err_set(err, ERR_INPUT, "backups", "one of key_ids has no id");
			goto out;
		}
		found = found || str_eq(id, key_id);
	}
	*needs = found;
	rc = 0;
out:
	json_free(doc);
	buf_fini(&text);
	return rc;
}

static int name_check(const char *folder, const struct names *names, const char *name, struct str key_id,
	struct manifests_found *out, struct err *err)
{
	struct str path = arena_printf(names->arena, "%s/%s", folder, name);
	bool needs;

	if (!has_manifest(names, names->arena, name))
		return err_set(err, ERR_INPUT, "backups", "%.*s has no manifest: which keys it needs is not known",
			STR_ARG(path));
	if (!str_ends(str_of(name), STR(MANIFEST)))
		return 0;
	if (manifest_read(path.p, key_id, &needs, err) < 0)
		return err_wrap(err, "manifest %.*s", STR_ARG(path));
	out->backups++;
	if (needs && out->needing++ == 0)
		snprintf(out->first, sizeof(out->first), "%s", name);
	return 0;
}

int manifests_find(const char *folder, struct str key_id, struct manifests_found *out, struct err *err)
{
	struct names names = { .arena = arena_new(4096) };
	struct manifests_found found = *out;
	int rc = names_read(folder, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = name_check(folder, &names, names.at[i], key_id, &found, err);
	if (rc == 0 && found.backups == out->backups)
		rc = err_set(err, ERR_INPUT, "backups", "%s has no backup", folder);
	if (rc == 0)
		*out = found;
	arena_free(names.arena);
	return rc;
}
