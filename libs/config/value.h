/* One setting's text and what it means: parsing by type, ranges, and the way back for messages. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

struct config_value {
	char *text;     /* as written; NULL when unset */
	int64_t number; /* CONFIG_INT, CONFIG_DURATION_MS, CONFIG_BYTES, and 0 or 1 for CONFIG_BOOL */
	char **list;    /* CONFIG_LIST: items ended by NULL, never NULL itself, even when unset */
};

/* Takes text (NULL: unset) apart as the key's type says. ERR_INPUT tells what is wrong with the value, without naming the
 * key; a secret's value is not repeated. */
int config_value_parse(struct config_value *out, const struct config_key *key, const char *text,
	struct err *err) ERR_MUST_USE;
void config_value_fini(struct config_value *v);
/* Puts the value where the key's offset says. What *settings points to stays the value's. */
void config_value_store(const struct config_value *v, const struct config_key *key, void *settings);
/* "500", "5s", "64k": as one would write it. */
void config_number_format(enum config_type type, int64_t number, struct buf *out);
const char *config_type_name(enum config_type type);

#endif
