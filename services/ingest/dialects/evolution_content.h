/* The content of a WhatsApp message as Baileys writes the protobuf in JSON: {conversation} | {imageMessage: {...}} |
 * ... Evolution API posts it, WAHA's NOWEB and GOWS engines carry it in _data. Pure. Source: README.md, Facts and
 * Words. */
#ifndef INGEST_EVOLUTION_CONTENT_H
#define INGEST_EVOLUTION_CONTENT_H

#include "ingest/dialects/webjs_common.h"

struct evolution_content {
	struct str member; /* "imageMessage"; absent: no content */
	const json *node;
	enum message_type type; /* UNKNOWN for a new member */
	const json *message; /* the object that has the member, unwrapped */
};
/* Unwraps ephemeral, view-once and similar messages. `hint` is the provider's messageType; it may be absent. */
struct evolution_content evolution_content_read(const json *message, struct str hint);
/* Fills type, body, media, location, quoted and extra. context: contextInfo, if the provider puts it elsewhere; NULL:
 * it is in the node. */
void evolution_content_fill(struct in_message *out, const struct evolution_content *c, const json *context,
	struct arena *a);
/* Only the text: for edits and quoted messages. */
struct str evolution_content_body(const struct evolution_content *c, struct arena *a);

/* An int64 as JSON: a number, a string of digits, or Long {low, high}. */
bool evolution_i64(const json *v, int64_t *out);
int64_t evolution_seconds_ms(const json *v);

#endif
