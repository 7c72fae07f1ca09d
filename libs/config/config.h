/* Configuration: one table per service says every key's type, default, range and help; the parser, `-n`, `--help` and the
 * README's table all come from it.
 *
 * Sources, later ones win: the default; the file (libconfig; "a.b" is b in group a); the environment (BLAZZ_ + key in upper
 * case, dots as underscores; an empty variable counts as unset); a secret through a file named by <key>_file or
 * BLAZZ_<KEY>_FILE (without the newline at its end). Unknown keys are errors. Any kafka.* key is passed on
 * (config_each_kafka); as librdkafka's names have no underscore, one stands for a dot there. SIGHUP reads again: keys marked
 * CONFIG_LIVE change, other changed keys are named and refused.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/err.h"

enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_BOOL, CONFIG_DURATION_MS, CONFIG_BYTES, CONFIG_LIST };
enum config_flags {
	CONFIG_REQUIRED = 1,
	CONFIG_SECRET = 2, /* may come from <key>_file; never printed */
	CONFIG_LIVE = 4, /* SIGHUP may change it */
};

/* One row: where the value goes is an offset into the service's own settings struct: char * (owned by config; NULL when unset),
 * int64_t, bool (0 and false when unset); for CONFIG_LIST char ** ended by NULL, never NULL itself. Durations are written
 * "250ms", "5s", "2m", "1h", "7d"; bytes "64k", "4M"; lists as arrays or with commas; min and max in the base unit. */
struct config_key {
	const char *name; /* "postgres.conninfo" */
	enum config_type type;
	unsigned flags;
	size_t offset;
	const char *preset; /* the default as it would be written; NULL for none */
	int64_t min, max; /* both 0: any */
	const char *help;
};

struct config;

/* Reads file (NULL: defaults and environment only) by the keys (ended by a row without a name) into *settings, a struct of the
 * service's own of `size` bytes. ERR_INPUT names file, line and key. */
int config_load(struct config **out, const char *file, const struct config_key *keys, void *settings, size_t size,
	struct err *err) ERR_MUST_USE;
/* Reads again; changes live keys in *settings, whose former texts are freed, and appends to `refused` the names of other keys
 * that changed, ", " between them. On failure nothing changes. */
int config_reload(struct config *c, struct buf *refused, struct err *err) ERR_MUST_USE;
void config_free(struct config *c); /* and the strings in settings */
/* Every kafka.* key that is set, without the prefix; of several of one name the last counts. */
void config_each_kafka(const struct config *c, void (*each)(void *ctx, const char *key, const char *value), void *ctx);

void config_help(const struct config_key *keys, struct buf *out); /* for --help */
void config_markdown(const struct config_key *keys, struct buf *out); /* the README's table */
void config_dump(const struct config *c, struct buf *out); /* for -n: effective values, secrets as *** */

#endif
