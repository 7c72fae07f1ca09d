/* The words of whatsapp-web.js, which WAHA and bridges also use, and Blazz's values for them (README.md, Words).
 * Pure. */
#ifndef INGEST_WEBJS_WORDS_H
#define INGEST_WEBJS_WORDS_H

#include "wire/inbound.h"
#include "json/json.h"

/* One word and its value; a table ends with a NULL word. */
struct word_value {
	const char *word;
	int value;
};
/* The word's value in the table, or `otherwise`. */
int word_value(const struct word_value *table, struct str word, int otherwise);

enum message_status webjs_ack(const json *ack); /* -1 to 4; NONE for anything else */
enum message_type webjs_type(struct str word);  /* UNKNOWN for a new word */
enum message_type webjs_mime_type(struct str mime);
bool webjs_is_media(enum message_type t);
enum group_action webjs_group_action(struct str
		word); /* from a notification's type; SETTINGS for all other changes of a group */
/* "LOGOUT", "CONFLICT", ...: the library's words and WAState's. */
enum session_reason webjs_disconnect_reason(struct str words);

/* offered, accepted, rejected, missed or ended; any other word unchanged, truncated to an id's limit. */
struct str webjs_call_outcome(struct str word);

#endif
