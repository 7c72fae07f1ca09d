/* The result of reading all sources once: shared by loading (config.c) and printing (print.c). */
#ifndef CONFIG_LOADED_H
#define CONFIG_LOADED_H

#include "config/config.h"
#include "config/source.h"
#include "config/value.h"

struct loaded {
	struct config_value *values; /* one per key, in the table's order */
	size_t n;
	struct config_entries kafka; /* kafka.* keys that are not in the table; the last one of a name counts */
};

struct config {
	const struct config_key *keys; /* borrowed */
	char *file;      /* NULL: none */
	void *settings;                /* borrowed */
	struct loaded loaded;
};

/* Whether the value of a kafka.* setting must not be printed. */
bool config_kafka_is_secret(const char *name);

#endif
