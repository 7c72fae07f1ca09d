/* What the bridges' dialects share: addresses, the objects of whatsapp-web.js, errors by a table. */
#ifndef PROVIDER_STUB_WEBJS_H
#define PROVIDER_STUB_WEBJS_H

#include "sessions.h"

/* A stanza: "3EB0" and the unique digits. */
void webjs_stanza_write(char out[static STUB_ID_BYTES], const char *unique);
/* The recipient without "@c.us" or "@s.whatsapp.net". */
struct str webjs_recipient(struct str to);
/* "true_<chat>_<stanza>". */
void webjs_serialized_write(struct buf *out, const struct stub_sent *m);
/* -1 to 4. */
int64_t webjs_ack_of(enum stub_status status);
/* whatsapp-web.js's word for a type: chat, ptt, ... */
struct str webjs_type_word(struct str type);

/* How a bridge answers our words; the last row has no word, and stands for all others. */
struct webjs_fault {
	const char *word;
	int status;
	const char *text;
};
const struct webjs_fault *webjs_fault_find(const struct webjs_fault *table, struct str word);

/* Posts of wwebjs-api and of our own bridge: {dataType, data, sessionId}. */
void webjs_status(const struct session *s, const struct stub_sent *m, const struct stub_progress *p, struct buf *out);
void webjs_echo(const struct session *s, const struct stub_sent *m, struct buf *out);

#endif
