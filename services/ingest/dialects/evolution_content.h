/* The content of a WhatsApp message as Baileys writes the protobuf in JSON: {conversation} | {imageMessage: {...}} | ...
 * Evolution API posts it, WAHA's NOWEB and GOWS engines carry it in _data. Pure. Source: README.md, Facts and Words. */
#ifndef INGEST_EVOLUTION_CONTENT_H
#define INGEST_EVOLUTION_CONTENT_H

#include "ingest/dialects/webjs_common.h"

struct evolution_content {
	struct str member; /* "imageMessage"; absent: there is none */
	const json *node;
	enum message_type type; /* UNKNOWN for a new member */
	const json *message; /* what holds the member, unwrapped */
};
/* Looks through ephemeral, view-once and similar wrappers. `hint` is the provider's messageType; it may be absent. */
struct evolution_content evolution_content_read(const json *message, struct str hint);
/* type, body, media, location, quoted and extra. context: contextInfo, where the provider keeps it apart; NULL: in the node. */
void evolution_content_fill(struct in_message *out, const struct evolution_content *c, const json *context,
	struct arena *a);
/* The text alone: an edit's, a quoted message's. */
struct str evolution_content_body(const struct evolution_content *c, struct arena *a);

/* An int64 as JSON: a number, a string of digits, or Long {low, high}. */
bool evolution_i64(const json *v, int64_t *out);
int64_t evolution_seconds_ms(const json *v);

#endif
