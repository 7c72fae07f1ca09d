/* SendMessage as the .proto has it: each content in a field of its own, whatever the type. Only libs/wire and its tests include it.
 *
 * The table of shapes fills and reads this struct; outbound.c copies the one content that belongs to the type between it
 * and struct send_message.
 */
#ifndef WIRE_SEND_RECORD_H
#define WIRE_SEND_RECORD_H

#include "wire/outbound.h"

/* Bits of a set. */
enum send_content {
	CONTENT_NONE,
	CONTENT_BODY = 1,
	CONTENT_MEDIA = 2,
	CONTENT_LOCATION = 4,
	CONTENT_TEMPLATE = 8,
	CONTENT_EXTRA = 16,
	CONTENT_EMOJI = 32,
};

struct send_record {
	struct send_message message; /* its union is unused */
	struct str body, extra, emoji;
	struct media media;
	struct location location;
	struct send_template template;
};

/* The content that a message of that kind and type has; CONTENT_NONE for SEND_READ and for types that cannot be sent. */
enum send_content send_content_of(const struct send_message *m);
/* All rules of a SendMessage; those of send_message_decode(). */
int send_record_check(const struct send_record *r, struct err *err) ERR_MUST_USE;

#endif
