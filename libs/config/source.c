/* Sources of settings. Every value becomes text here, whatever its type in the file, so that one parser serves all
 * sources.
 *
 * Invariant: names below "kafka." contain dots only, but for a final "_file". librdkafka's names have no underscores
 * and libconfig's have no dots, so the file may either say kafka: { sasl_password = ... } or nest groups.
 */
#include "config/source.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define SECRET_MAX_BYTES ((size_t)64 * 1024)
#define ENV_KAFKA        "BLAZZ_KAFKA_"

extern char **environ;

void config_entries_add(struct config_entries *entries, const char *name, const char *text, const char *where)
{
	entries->e = mem_realloc(entries->e, (entries->n + 1) * sizeof(*entries->e));
	entries->e[entries->n++] =
		(struct config_entry){ mem_cstr(str_of(name)), mem_cstr(str_of(text)), mem_cstr(str_of(where)) };
}

void config_entries_fini(struct config_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		free(entries->e[i].name);
		free(entries->e[i].text);
		free(entries->e[i].where);
	}
	free(entries->e);
	*entries = (struct config_entries){ 0 };
}

const struct config_entry *config_entries_find(const struct config_entries *entries, const char *name)
{
	for (size_t i = entries->n; i > 0; i--)
		if (strcmp(entries->e[i - 1].name, name) == 0)
			return &entries->e[i - 1];
	return NULL;
}

static void kafka_name_normalize(char *name)
{
	struct str s = str_of(name);
	size_t end = str_ends(s, STR("_file")) ? s.n - STR("_file").n : s.n;

	if (!str_starts(s, STR("kafka.")))
		return;
	for (size_t i = 0; i < end; i++)
		if (name[i] == '_')
			name[i] = '.';
}

/* False when the setting is not a scalar. */
static bool scalar_text(const config_setting_t *s, struct buf *out)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		buf_printf(out, "%d", config_setting_get_int(s));
		return true;
	case CONFIG_TYPE_INT64:
		buf_printf(out, "%lld", config_setting_get_int64(s));
		return true;
	case CONFIG_TYPE_FLOAT:
		buf_printf(out, "%.15g", config_setting_get_float(s));
		return true;
	case CONFIG_TYPE_BOOL:
		buf_printf(out, "%s", config_setting_get_bool(s) ? "true" : "false");
		return true;
	case CONFIG_TYPE_STRING:
		buf_add_str(out, str_of(config_setting_get_string(s)));
		return true;
	default:
		return false;
	}
}

static bool list_text(const config_setting_t *s, struct buf *out)
{
	for (int i = 0; i < config_setting_length(s); i++) {
		size_t from;

		if (i > 0)
			buf_add_char(out, ',');
		from = out->n;
		if (!scalar_text(config_setting_get_elem(s, (unsigned)i), out))
			return false;
		if (out->n > from && memchr(out->p + from, ',', out->n - from))
			return false;
	}
	return true;
}

/* The position in the tree of groups. */
struct walk {
	struct config_entries *entries;
	const char *file;
	struct buf name;
};

static int walk_leaf(struct walk *w, const config_setting_t *s, struct err *err)
{
	bool is_list = config_setting_is_array(s) || config_setting_is_list(s);
	const char *file = config_setting_source_file(s);
	struct buf text = BUF_INIT, where = BUF_INIT;
	int rc = -1;

	buf_printf(&where, "%s:%u", file ? file : w->file, config_setting_source_line(s));
	if (!(is_list ? list_text(s, &text) : scalar_text(s, &text))) {
		err_set(err, ERR_INPUT, "config", "%s: %s: list items must be plain values without commas", where.p,
			w->name.p);
		goto out;
	}
	buf_add_char(&text, '\0');
	kafka_name_normalize(w->name.p);
	config_entries_add(w->entries, w->name.p, text.p, where.p);
	rc = 0;
out:
	buf_fini(&where);
	buf_fini(&text);
	return rc;
}

static int walk_group(struct walk *w, const config_setting_t *group, struct err *err)
{
	size_t prefix_n = w->name.n;

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		int rc;

		w->name.n = prefix_n;
		buf_printf(&w->name, "%s%s", prefix_n ? "." : "", config_setting_name(s));
		rc = config_setting_is_group(s) ? walk_group(w, s, err) : walk_leaf(w, s, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int read_failed(const config_t *c, const char *file, struct err *err)
{
	const char *in = config_error_file(c);

	if (config_error_type(c) == CONFIG_ERR_FILE_IO)
		return err_set(err, ERR_INPUT, "config", "%s: cannot be read", file);
	return err_set(err, ERR_INPUT, "config", "%s:%d: %s", in ? in : file, config_error_line(c),
		config_error_text(c));
}

int config_entries_read(struct config_entries *entries, const char *file, struct err *err)
{
	struct walk w = { .entries = entries, .file = file, .name = BUF_INIT };
	config_t c;
	int rc;

	config_init(&c);
	if (config_read_file(&c, file) == CONFIG_TRUE)
		rc = walk_group(&w, config_root_setting(&c), err);
	else
		rc = read_failed(&c, file, err);
	config_destroy(&c);
	buf_fini(&w.name);
	return rc;
}

/* "BLAZZ_KAFKA_SASL_PASSWORD_FILE" becomes "kafka.sasl.password_file". */
static void add_kafka_env(struct config_entries *entries, struct str variable, const char *value)
{
	struct buf name = BUF_INIT;
	char *where = mem_cstr(variable);

	buf_printf(&name, "kafka.%s", where + STR(ENV_KAFKA).n);
	for (size_t i = 0; i < name.n; i++)
		name.p[i] = (char)tolower((unsigned char)name.p[i]);
	kafka_name_normalize(name.p);
	config_entries_add(entries, name.p, value, where);
	free(where);
	buf_fini(&name);
}

void config_entries_read_kafka_env(struct config_entries *entries)
{
	for (char **e = environ; e && *e; e++) {
		struct str variable, value;

		if (!str_starts(str_of(*e), STR(ENV_KAFKA)))
			continue;
		if (str_cut(str_of(*e), '=', &variable, &value) && value.n > 0)
			add_kafka_env(entries, variable, value.p);
	}
}

void config_env_name(const char *key, struct buf *out)
{
	buf_printf(out, "BLAZZ_");
	for (; *key; key++)
		buf_add_char(out, *key == '.' ? '_' : (char)toupper((unsigned char)*key));
	buf_add_char(out, '\0');
	out->n--;
}

const char *config_env(const char *key, struct buf *name)
{
	const char *value;

	buf_clear(name);
	config_env_name(key, name);
	value = getenv(name->p);
	return value && *value ? value : NULL;
}

static int check_secret(const char *path, const struct buf *b, struct err *err)
{
	if (b->n > SECRET_MAX_BYTES)
		return err_set(err, ERR_INPUT, "config", "%s: larger than %zu bytes", path, SECRET_MAX_BYTES);
	if (memchr(b->p, '\0', b->n))
		return err_set(err, ERR_INPUT, "config", "%s: contains a NUL byte", path);
	return 0;
}

int config_secret_read(const char *path, struct buf *out, struct err *err)
{
	struct buf b = BUF_INIT;
	FILE *f = fopen(path, "re");
	int rc = -1;

	if (!f)
		return err_set(err, ERR_INPUT, "config", "%s: %s", path, strerror(errno));
	b.n = fread(buf_reserve(&b, SECRET_MAX_BYTES + 1), 1, SECRET_MAX_BYTES + 1, f);
	if (ferror(f))
		err_set(err, ERR_INPUT, "config", "%s: cannot be read", path);
	else
		rc = check_secret(path, &b, err);
	fclose(f);
	while (rc == 0 && b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r'))
		b.n--;
	if (rc == 0)
		buf_add_str(out, buf_str(&b));
	buf_wipe(&b);
	buf_fini(&b);
	return rc;
}
