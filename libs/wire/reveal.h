/* Records as JSON for operators: every field that is set, under its name in the .proto. Blazz never parses it. */
#ifndef WIRE_REVEAL_H
#define WIRE_REVEAL_H

#include "json/writer.h"

/* Write one JSON object. False, and nothing is written, when the bytes are not such a message. */
bool reveal_inbound(struct json_writer *w, struct str bytes);
bool reveal_chat_event(struct json_writer *w, struct str bytes);
bool reveal_send_message(struct json_writer *w, struct str bytes);
bool reveal_campaign_command(struct json_writer *w, struct str bytes);
bool reveal_erasure(struct json_writer *w, struct str bytes);
/* The same for a record of `topic`, the full name of a topic or of one of its dead-letter topics; false also when Blazz has
 * no message for that topic. */
bool reveal_record(struct json_writer *w, struct str topic, struct str bytes);

#endif
