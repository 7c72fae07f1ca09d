/* Events as JSON for people: every field that is set, by its name in the .proto. Never parsed again by Blazz. */
#ifndef WIRE_REVEAL_H
#define WIRE_REVEAL_H

#include "json/writer.h"

/* Writes one JSON object. False when the bytes are no such event: nothing is written then. */
bool reveal_inbound(struct json_writer *w, struct str bytes);
bool reveal_chat_event(struct json_writer *w, struct str bytes);

#endif
