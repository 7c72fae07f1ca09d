/* One setting's text and its value: parsing by type, checking the range, and formatting for messages. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

struct config_value {
	char *text;     /* as written; NULL when unset */
	int64_t number; /* CONFIG_INT, CONFIG_DURATION_MS, CONFIG_BYTES, and 0 or 1 for CONFIG_BOOL */
	char **list;    /* CONFIG_LIST: NULL-terminated items; never NULL itself, even when unset */
};

/* Parses text (NULL: unset) according to the key's type. ERR_INPUT says what is wrong with the value but does not
 * name the key; the value of a secret is not quoted. */
int config_value_parse(struct config_value *out, const struct config_key *key, const char *text,
	struct err *err) ERR_MUST_USE;
void config_value_fini(struct config_value *v);
/* Stores the value at the key's offset in *settings. The value keeps owning what *settings then points to. */
void config_value_store(const struct config_value *v, const struct config_key *key, void *settings);
/* "500", "5s", "64k": in the syntax of the file. */
void config_number_format(enum config_type type, int64_t number, struct buf *out);
const char *config_type_name(enum config_type type);

#endif
