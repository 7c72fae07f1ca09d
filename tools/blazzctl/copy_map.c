/* See copy_map.h. Invariant: a map that was read has 0 <= first <= next in each partition. */
#include "copy_map.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "json/json.h"
#include "json/writer.h"

#define MAP_MAX_BYTES  (16 * 1024 * 1024)
#define PARTITIONS_MAX 10000

void copy_map_fini(struct copy_map *map)
{
	for (size_t i = 0; i < map->n; i++)
		free(map->topics[i].at);
	free(map->topics);
	*map = (struct copy_map){ 0 };
}

struct copy_topic *copy_map_find(const struct copy_map *map, const char *topic)
{
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->topics[i].name, topic) == 0)
			return &map->topics[i];
	return NULL;
}

struct copy_topic *copy_map_add(struct copy_map *map, const char *topic, size_t partitions)
{
	struct copy_topic *t;

	map->topics = mem_realloc_array(map->topics, map->n + 1, sizeof(*map->topics));
	t = &map->topics[map->n++];
	*t = (struct copy_topic){ .n = partitions, .at = mem_calloc(partitions + 1, sizeof(*t->at)) };
	snprintf(t->name, sizeof(t->name), "%s", topic);
	return t;
}

static bool text_copy(struct str s, char *out, size_t cap)
{
	if (s.n == 0 || s.n >= cap)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

static bool topic_parse(const json *v, struct copy_map *map)
{
	const json *partitions = json_get(v, "partitions"), *one;
	size_t n = json_count(partitions), i = 0;
	char name[TOPIC_NAME_MAX];
	struct copy_topic *t;

	if (!text_copy(json_str(json_get(v, "topic")), name, sizeof(name)) || !json_is_arr(partitions) || n == 0 ||
		n > PARTITIONS_MAX || copy_map_find(map, name))
		return false;
	t = copy_map_add(map, name, n);
	t->compacted = json_true(json_get(v, "compacted"));
	for (struct json_iter it = json_iter(partitions); (one = json_next(&it)); i++)
		if (!json_to_i64(json_get(one, "first"), &t->at[i].first) ||
			!json_to_i64(json_get(one, "next"), &t->at[i].next) || t->at[i].first < 0 ||
			t->at[i].next < t->at[i].first)
			return false;
	return true;
}

static bool map_parse(const json *root, struct copy_map *map)
{
	const json *topics = json_get(root, "topics"), *one;

	if (!text_copy(json_str(json_get(root, "from")), map->from, sizeof(map->from)) ||
		!text_copy(json_str(json_get(root, "to")), map->to, sizeof(map->to)) || !json_is_arr(topics))
		return false;
	for (struct json_iter it = json_iter(topics); (one = json_next(&it));)
		if (!topic_parse(one, map))
			return false;
	return true;
}

/* 1: read; 0: there is no such file. */
static int file_read(const char *path, struct buf *out, struct err *err)
{
	FILE *f = fopen(path, "re");
	bool failed;

	if (!f && errno == ENOENT)
		return 0;
	if (!f)
		return err_set(err, ERR_INPUT, "map", "%s: %s", path, strerror(errno));
	while (!feof(f) && !ferror(f) && out->n < MAP_MAX_BYTES)
		out->n += fread(buf_reserve(out, 65536), 1, 65536, f);
	failed = ferror(f);
	fclose(f);
	return failed ? err_set(err, ERR_INPUT, "map", "%s cannot be read", path) : 1;
}

int copy_map_read(const char *path, bool missing_ok, struct copy_map *out, struct err *err)
{
	struct buf text = BUF_INIT;
	struct json_doc *doc = NULL;
	struct copy_map map = { 0 };
	int found = file_read(path, &text, err), rc = found < 0 ? -1 : 0;

	if (found == 0 && !missing_ok)
		rc = err_set(err, ERR_INPUT, "map", "%s does not exist", path);
	if (found == 1 && (json_parse(&doc, buf_str(&text), err) < 0 || !map_parse(json_root(doc), &map)))
		rc = err_set(err, ERR_INPUT, "map", "%s is not a map of topics copy", path);
	json_free(doc);
	buf_fini(&text);
	if (rc < 0)
		copy_map_fini(&map);
	else
		*out = map;
	return rc;
}

static void topic_put(struct json_writer *w, const struct copy_topic *t)
{
	jw_obj(w);
	jw_member_str(w, "topic", str_of(t->name));
	jw_member_bool(w, "compacted", t->compacted);
	jw_key(w, "partitions");
	jw_arr(w);
	for (size_t i = 0; i < t->n; i++) {
		jw_obj(w);
		jw_member_i64(w, "first", t->at[i].first);
		jw_member_i64(w, "next", t->at[i].next);
		jw_obj_end(w);
	}
	jw_arr_end(w);
	jw_obj_end(w);
}

static void map_put(const struct copy_map *map, struct buf *out)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "from", str_of(map->from));
	jw_member_str(&w, "to", str_of(map->to));
	jw_key(&w, "topics");
	jw_arr(&w);
	for (size_t i = 0; i < map->n; i++)
		topic_put(&w, &map->topics[i]);
	jw_arr_end(&w);
	jw_obj_end(&w);
	buf_add_char(out, '\n');
}

static bool text_write(int fd, const struct buf *text)
{
	for (size_t at = 0; at < text->n;) {
		ssize_t n = write(fd, text->p + at, text->n - at);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

static bool folder_sync(const char *path)
{
	char *copy = mem_cstr(str_of(path));
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return ok;
}

int copy_map_write(const char *path, const struct copy_map *map, struct err *err)
{
	struct buf text = BUF_INIT, fresh = BUF_INIT;
	bool ok = false;
	int fd, rc = 0;

	map_put(map, &text);
	buf_printf(&fresh, "%s.new", path);
	buf_add_char(&fresh, '\0');
	fd = open(fresh.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0) {
		ok = text_write(fd, &text);
		ok = close(fd) == 0 && ok;
	}
	if (!ok || rename(fresh.p, path) < 0 || !folder_sync(path))
		rc = err_set(err, ERR_INPUT, "map", "%s cannot be written: %s", path, strerror(errno));
	buf_fini(&text);
	buf_fini(&fresh);
	return rc;
}
