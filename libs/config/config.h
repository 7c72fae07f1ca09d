/* Configuration: one table per service defines every key's type, default, range and help; the parser, `-n`, `--help`
 * and the README's table are all derived from it.
 *
 * Sources, later ones override earlier ones: the default; the file (libconfig syntax; "a.b" is b in group a); the
 * environment (BLAZZ_ + key in upper case, dots as underscores; an empty variable counts as unset); for a secret, a
 * file named by <key>_file or BLAZZ_<KEY>_FILE (a final newline is removed). Unknown keys are errors. Any kafka.* key
 * is passed to librdkafka (config_each_kafka); its names have no underscores, so an underscore stands for a dot there.
 * SIGHUP reloads: keys marked CONFIG_LIVE take effect; other changed keys are reported and keep their values.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/err.h"

enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_BOOL, CONFIG_DURATION_MS, CONFIG_BYTES, CONFIG_LIST };
enum config_flags {
	CONFIG_REQUIRED = 1,
	CONFIG_SECRET = 2, /* may come from <key>_file; never printed */
	CONFIG_LIVE = 4, /* may change on SIGHUP */
};

/* One row. offset: the member of the service's own settings struct that receives the value: char * (owned by config;
 * NULL when unset), int64_t, bool (0 and false when unset); for CONFIG_LIST char **, NULL-terminated and never NULL
 * itself. Durations are written "250ms", "5s", "2m", "1h", "7d"; bytes "64k", "4M"; lists as arrays or
 * comma-separated; min and max are in the base unit. */
struct config_key {
	const char *name; /* "postgres.conninfo" */
	enum config_type type;
	unsigned flags;
	size_t offset;
	const char *preset; /* the default, in the syntax of the file; NULL for none */
	int64_t min, max; /* both 0: any */
	const char *help;
};

struct config;

/* Reads file (NULL: defaults and environment only) according to keys (terminated by a row without a name) into
 * *settings, the service's settings struct of `size` bytes. ERR_INPUT names file, line and key. */
int config_load(struct config **out, const char *file, const struct config_key *keys, void *settings, size_t size,
	struct err *err) ERR_MUST_USE;
/* Reloads all sources. Updates live keys in *settings, freeing their old strings, and appends to `need_restart`,
 * separated by ", ", the names of other keys that changed: they keep their values. On failure nothing changes. */
int config_reload(struct config *c, struct buf *need_restart, struct err *err) ERR_MUST_USE;
void config_free(struct config *c); /* and the strings in settings */
/* Calls each() for every kafka.* key that is set, without the prefix; if a name occurs several times, the last one
 * counts. */
void config_each_kafka(const struct config *c, void (*each)(void *ctx, const char *key, const char *value), void *ctx);

/* The same for the kafka.* keys of a file alone: the environment, which configures this process, is not read, and other
 * settings of the file are ignored. ERR_INPUT. */
int config_file_each_kafka(const char *file, void (*each)(void *ctx, const char *key, const char *value), void *ctx,
	struct err *err) ERR_MUST_USE;

void config_help(const struct config_key *keys, struct buf *out); /* for --help */
void config_markdown(const struct config_key *keys, struct buf *out); /* the README's table */
void config_dump(const struct config *c, struct buf *out); /* for -n: effective values, secrets as *** */

#endif
