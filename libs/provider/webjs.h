/* Addresses and ids of WhatsApp Web, which all bridges share. */
#ifndef PROVIDER_WEBJS_H
#define PROVIDER_WEBJS_H

#include "provider/answer.h"

#define WEBJS_TYPES \
	(1U << MSG_TEXT | 1U << MSG_IMAGE | 1U << MSG_VIDEO | 1U << MSG_AUDIO | 1U << MSG_VOICE | 1U << MSG_DOCUMENT | \
		1U << MSG_STICKER | 1U << MSG_LOCATION)
#define WEBJS_TEXT_CHARACTERS 65536 /* WhatsApp's limit */
#define WEBJS_ANSWER_BYTES    (256 * 1024) /* whole messages, with a thumbnail of the medium */

/* The recipient's JID: a group's; "<phone>@" phone_server; "<lid>@lid"; or any other JID of a person. Phone numbers of
 * whatsapp-web.js are at "c.us", of Baileys at "s.whatsapp.net". ERR_INPUT when it has none. */
int webjs_address(const struct chat_ref *to, const char *phone_server, struct arena *a, struct str *out,
	struct err *err) ERR_MUST_USE;
int webjs_chat_id(const struct chat_ref *to, struct arena *a, struct str *out, struct err *err) ERR_MUST_USE; /* c.us */

/* Of a target's key "<true|false>:<stanza>"; a key of another form is its own stanza, of a message from the peer. */
bool webjs_from_me(const struct provider_target *t);
struct str webjs_stanza(const struct provider_target *t);
/* "<true|false>_<chat>_<stanza>[_<participant>]": as received, else built of the parts. */
struct str webjs_serialized(const struct provider_target *t, struct str chat_id, struct arena *a);

/* Reads the id of a message that was sent: "true_<chat>_<stanza>[_<participant>]", a bare stanza, or an object with
 * _serialized, $1 (builds of July 2026) or id. Sets provider_id and key; leaves both absent when there is no id. */
void webjs_id_read(const json *id, struct arena *a, struct provider_answer *out);

#endif
