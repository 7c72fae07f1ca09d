/* Loading: for each key of the table, the last source that sets it wins. A key in the file that is not in the table is
 * an error, except kafka.*.
 *
 * Invariant: pointers in *settings point into `values` only, and a load or reload applies completely or not at all.
 */
#include "config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "config/loaded.h"
#include "config/source.h"
#include "config/value.h"

static bool is_kafka(const char *name)
{
	return str_starts(str_of(name), STR("kafka."));
}

/* Which of librdkafka's own settings are secrets. */
bool config_kafka_is_secret(const char *name)
{
	static const char *const words[] = { "password", "secret", "pem", "credential", "oauthbearer.config" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

static const struct config_key *key_find(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* Levenshtein distance of two names, one row of the matrix at a time; a name longer than the row is far from all
 * others. */
static size_t name_distance(const char *a, const char *b)
{
	size_t row[65], n = strlen(b);

	if (n >= sizeof(row) / sizeof(row[0]))
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t change = diagonal + (a[i] != b[j]);
			size_t other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = change < other ? change : other;
		}
	}
	return row[n];
}

static int reject_unknown(const struct config_key *keys, const struct config_entry *e, struct err *err)
{
	const char *nearest = NULL;
	size_t best = 4; /* suggest only names at a distance of at most three */

	for (; keys->name; keys++)
		if (name_distance(e->name, keys->name) < best) {
			best = name_distance(e->name, keys->name);
			nearest = keys->name;
		}
	return err_set(err, ERR_INPUT, "config", "%s: %s: unknown key%s%s%s", e->where, e->name,
		nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

/* Sets *key to <key> for a name "<key>_file"; false when the name does not end in "_file". */
static bool secret_name(const char *name, struct str *key)
{
	struct str s = str_of(name);

	*key = str_slice(s, 0, s.n >= STR("_file").n ? s.n - STR("_file").n : 0);
	return str_ends(s, STR("_file"));
}

static bool is_secret_file(const struct config_key *keys, const char *name)
{
	const struct config_key *k;
	struct str key;
	char *base;
	bool yes;

	if (!secret_name(name, &key))
		return false;
	base = mem_cstr(key);
	k = key_find(keys, base);
	yes = k ? (k->flags & CONFIG_SECRET) != 0 : is_kafka(base) && config_kafka_is_secret(base);
	free(base);
	return yes;
}

static int check_names(const struct config_key *keys, const struct config_entries *entries, struct err *err)
{
	for (size_t i = 0; i < entries->n; i++) {
		const char *name = entries->e[i].name;
		bool pass_on = is_kafka(name) && !str_ends(str_of(name), STR("_file"));

		if (!pass_on && !key_find(keys, name) && !is_secret_file(keys, name))
			return reject_unknown(keys, &entries->e[i], err);
	}
	return 0;
}

/* One key's text and its source, while the sources are searched one after the other. */
struct found {
	const char *text;
	struct buf where; /* NUL-terminated */
	struct buf secret;
};

static void found_fini(struct found *f)
{
	buf_wipe(&f->secret);
	buf_fini(&f->secret);
	buf_fini(&f->where);
}

static void found_set(struct found *f, const char *text, const char *where)
{
	f->text = text;
	buf_clear(&f->where);
	buf_add(&f->where, where, strlen(where) + 1);
}

/* From the file, or from the environment, which takes precedence. */
static void find_plain(const struct config_entries *entries, const char *name, struct found *f)
{
	const struct config_entry *e = config_entries_find(entries, name);
	struct buf variable = BUF_INIT;
	const char *env = config_env(name, &variable);

	if (e)
		found_set(f, e->text, e->where);
	if (env)
		found_set(f, env, variable.p);
	buf_fini(&variable);
}

static int find_secret(const struct config_entries *entries, const char *name, struct found *f, struct err *err)
{
	struct found path = { 0 };
	struct buf key = BUF_INIT;
	int rc = 0;

	buf_printf(&key, "%s_file", name);
	find_plain(entries, key.p, &path);
	if (path.text) {
		rc = config_secret_read(path.text, &f->secret, err);
		if (rc < 0)
			err_wrap(err, "%s: %s", path.where.p, key.p);
	}
	if (path.text && rc == 0) {
		buf_add_char(&f->secret, '\0');
		found_set(f, f->secret.p, path.where.p);
	}
	buf_fini(&key);
	found_fini(&path);
	return rc;
}

static int find_text(const struct config_entries *entries, const char *name, bool secret, struct found *f,
	struct err *err)
{
	find_plain(entries, name, f);
	return secret ? find_secret(entries, name, f, err) : 0;
}

static int reject_missing(const struct config_key *key, struct err *err)
{
	struct buf variable = BUF_INIT;

	config_env_name(key->name, &variable);
	err_set(err, ERR_INPUT, "config", "%s: is required (in the file or as %s%s)", key->name, variable.p,
		key->flags & CONFIG_SECRET ? ", or a file named by either with _file or _FILE" : "");
	buf_fini(&variable);
	return -1;
}

static int value_load(const struct config_entries *entries, const struct config_key *key, struct config_value *out,
	struct err *err)
{
	struct found f = { .text = key->preset };
	int rc = -1;

	found_set(&f, key->preset, "default");
	if (find_text(entries, key->name, key->flags & CONFIG_SECRET, &f, err) < 0)
		goto out;
	if ((key->flags & CONFIG_REQUIRED) && (!f.text || !*f.text)) {
		reject_missing(key, err);
		goto out;
	}
	rc = config_value_parse(out, key, f.text, err);
	if (rc < 0)
		err_wrap(err, "%s: %s", f.where.p, key->name);
out:
	found_fini(&f);
	return rc;
}

/* One kafka.* entry that is not in the table. For kafka.<name>_file the content of the file becomes kafka.<name>. */
static int kafka_load_one(struct config_entries *kafka, const struct config_key *keys, const struct config_entry *e,
	struct err *err)
{
	struct buf text = BUF_INIT;
	struct str base;
	char *name;
	int rc = 0;

	if (!is_kafka(e->name))
		return 0;
	if (!secret_name(e->name, &base)) {
		if (!key_find(keys, e->name))
			config_entries_add(kafka, e->name, e->text, e->where);
		return 0;
	}
	name = mem_cstr(base);
	if (!key_find(keys, name)) {
		rc = config_secret_read(e->text, &text, err);
		buf_add_char(&text, '\0');
		if (rc < 0)
			err_wrap(err, "%s: %s", e->where, e->name);
		else
			config_entries_add(kafka, name, text.p, e->where);
		buf_wipe(&text);
	}
	free(name);
	buf_fini(&text);
	return rc;
}

static int loaded_fill(struct loaded *l, const struct config_entries *entries, const struct config_key *keys,
	struct err *err)
{
	for (size_t i = 0; keys[i].name; i++)
		if (value_load(entries, &keys[i], &l->values[i], err) < 0)
			return -1;
	for (size_t i = 0; i < entries->n; i++)
		if (kafka_load_one(&l->kafka, keys, &entries->e[i], err) < 0)
			return -1;
	return 0;
}

static void loaded_fini(struct loaded *l)
{
	for (size_t i = 0; i < l->n; i++)
		config_value_fini(&l->values[i]);
	free(l->values);
	config_entries_fini(&l->kafka);
}

static int loaded_read(struct loaded *out, const char *file, const struct config_key *keys, struct err *err)
{
	struct config_entries entries = { 0 };
	struct loaded l = { 0 };
	int rc = -1;

	while (keys[l.n].name)
		l.n++;
	l.values = mem_calloc(l.n + 1, sizeof(*l.values));
	if (file && config_entries_read(&entries, file, err) < 0)
		goto out;
	config_entries_read_kafka_env(&entries);
	if (check_names(keys, &entries, err) < 0 || loaded_fill(&l, &entries, keys, err) < 0)
		goto out;
	*out = l;
	l = (struct loaded){ 0 };
	rc = 0;
out:
	loaded_fini(&l);
	config_entries_fini(&entries);
	return rc;
}

static size_t type_size(enum config_type type)
{
	if (type == CONFIG_BOOL)
		return sizeof(bool);
	return type == CONFIG_STRING || type == CONFIG_LIST ? sizeof(char *) : sizeof(int64_t);
}

int config_load(struct config **out, const char *file, const struct config_key *keys, void *settings, size_t size,
	struct err *err)
{
	struct loaded l;
	struct config *c;

	for (const struct config_key *k = keys; k->name; k++)
		assert(k->offset + type_size(k->type) <= size);
	if (loaded_read(&l, file, keys, err) < 0)
		return -1;
	c = mem_calloc(1, sizeof(*c));
	c->keys = keys;
	c->file = file ? mem_cstr(str_of(file)) : NULL;
	c->settings = settings;
	c->loaded = l;
	for (size_t i = 0; i < l.n; i++)
		config_value_store(&l.values[i], &keys[i], settings);
	*out = c;
	return 0;
}

static bool text_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void name_add(struct buf *need_restart, const char *name)
{
	buf_printf(need_restart, "%s%s", need_restart->n ? ", " : "", name);
}

static void kafka_compare(const struct config_entries *old, const struct config_entries *fresh,
	struct buf *need_restart)
{
	for (size_t i = 0; i < fresh->n; i++) {
		const struct config_entry *was = config_entries_find(old, fresh->e[i].name);
		const struct config_entry *is = config_entries_find(fresh, fresh->e[i].name);

		if (is == &fresh->e[i] && (!was || strcmp(was->text, is->text) != 0))
			name_add(need_restart, is->name);
	}
	for (size_t i = 0; i < old->n; i++)
		if (!config_entries_find(fresh, old->e[i].name) &&
			config_entries_find(old, old->e[i].name) == &old->e[i])
			name_add(need_restart, old->e[i].name);
}

int config_reload(struct config *c, struct buf *need_restart, struct err *err)
{
	struct loaded fresh;

	if (loaded_read(&fresh, c->file, c->keys, err) < 0)
		return -1;
	for (size_t i = 0; i < fresh.n; i++) {
		struct config_value *old = &c->loaded.values[i], *new = &fresh.values[i], swap = *old;

		if (text_eq(old->text, new->text))
			continue;
		if (!(c->keys[i].flags & CONFIG_LIVE)) {
			name_add(need_restart, c->keys[i].name);
			continue;
		}
		*old = *new;
		*new = swap;
		config_value_store(old, &c->keys[i], c->settings);
	}
	kafka_compare(&c->loaded.kafka, &fresh.kafka, need_restart);
	loaded_fini(&fresh);
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	loaded_fini(&c->loaded);
	free(c->file);
	free(c);
}

void config_each_kafka(const struct config *c, void (*each)(void *ctx, const char *key, const char *value), void *ctx)
{
	const size_t prefix = STR("kafka.").n;

	for (size_t i = 0; i < c->loaded.n; i++)
		if (is_kafka(c->keys[i].name) && c->loaded.values[i].text)
			each(ctx, c->keys[i].name + prefix, c->loaded.values[i].text);
	for (size_t i = 0; i < c->loaded.kafka.n; i++)
		each(ctx, c->loaded.kafka.e[i].name + prefix, c->loaded.kafka.e[i].text);
}

int config_file_each_kafka(const char *file, void (*each)(void *ctx, const char *key, const char *value), void *ctx,
	struct err *err)
{
	static const struct config_key none[] = { { 0 } };
	struct config_entries entries = { 0 }, kafka = { 0 };
	int rc = config_entries_read(&entries, file, err);

	for (size_t i = 0; rc == 0 && i < entries.n; i++)
		rc = kafka_load_one(&kafka, none, &entries.e[i], err);
	for (size_t i = 0; rc == 0 && i < kafka.n; i++)
		each(ctx, kafka.e[i].name + STR("kafka.").n, kafka.e[i].text);
	config_entries_fini(&kafka);
	config_entries_fini(&entries);
	return rc;
}
