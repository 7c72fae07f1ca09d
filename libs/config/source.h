/* The sources of settings, as text: the configuration file flattened to dotted names, the environment, files of
 * secrets. */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/buf.h"
#include "base/err.h"

struct config_entry {
	char *name; /* "batch.max_events" */
	char *text; /* a list's items joined by commas */
	char *where; /* "/etc/x.cfg:12" or "BLAZZ_BATCH_MAX_EVENTS" */
};

struct config_entries {
	struct config_entry *e;
	size_t n;
};

/* Appends every setting of a file in libconfig's syntax. ERR_INPUT names the file and the line. */
int config_entries_read(struct config_entries *entries, const char *file, struct err *err) ERR_MUST_USE;
/* Appends the environment's BLAZZ_KAFKA_* as kafka.*, with dots for underscores. */
void config_entries_read_kafka_env(struct config_entries *entries);
void config_entries_fini(struct config_entries *entries);
/* The last entry of that name, or NULL. */
const struct config_entry *config_entries_find(const struct config_entries *entries, const char *name);
void config_entries_add(struct config_entries *entries, const char *name, const char *text, const char *where);

/* The variable of a key: "BLAZZ_BATCH_MAX_EVENTS" for "batch.max_events". */
void config_env_name(const char *key, struct buf *out);
/* The variable's value; NULL when it is unset or empty. */
const char *config_env(const char *key, struct buf *name);

/* The content of a file, at most 64 KiB, without its final newline. ERR_INPUT. */
int config_secret_read(const char *path, struct buf *out, struct err *err) ERR_MUST_USE;

#endif
