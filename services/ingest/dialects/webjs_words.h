/* The words of whatsapp-web.js, which WAHA and bridges repeat, and what they mean to us (README.md, Words). Pure. */
#ifndef INGEST_WEBJS_WORDS_H
#define INGEST_WEBJS_WORDS_H

#include "wire/inbound.h"
#include "json/json.h"

/* One word and what it stands for; tables end with a NULL word. */
struct word_value {
	const char *word;
	int value;
};
/* The table's value for the word, or `otherwise`. */
int word_value(const struct word_value *table, struct str word, int otherwise);

enum message_status webjs_ack(const json *ack); /* -1 to 4; NONE for anything else */
enum message_type webjs_type(struct str word);  /* UNKNOWN for a new one */
enum message_type webjs_mime_type(struct str mime);
bool webjs_is_media(enum message_type t);
enum group_action webjs_group_action(struct str
		word); /* a notification's type; SETTINGS for what changes the group otherwise */
/* "LOGOUT", "CONFLICT", ...: the library's words and WAState's. */
enum session_reason webjs_disconnect_reason(struct str words);

/* offered, accepted, rejected, missed or ended; any other word as it is, cut to an id's limit. */
struct str webjs_call_outcome(struct str word);

#endif
