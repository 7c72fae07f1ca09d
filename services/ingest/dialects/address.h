/* WhatsApp addresses: parsing JIDs, phone numbers and ids in a body. Pure. Source: README.md, Addresses. */
#ifndef INGEST_ADDRESS_H
#define INGEST_ADDRESS_H

#include "wire/party.h"
#include "json/json.h"

enum address_kind {
	ADDRESS_NONE,
	ADDRESS_PHONE,      /* digits, +digits, <digits>[:device]@c.us, <digits>[:device]@s.whatsapp.net */
	ADDRESS_LID,        /* <digits>[:device]@lid */
	ADDRESS_GROUP,      /* ...@g.us, or Meta's group id (only if the caller sets it) */
	ADDRESS_BSUID,      /* CC.<digits>, CC.ENT.<digits> */
	ADDRESS_STATUS,     /* status@broadcast: not a chat */
	ADDRESS_BROADCAST,  /* <digits>@broadcast */
	ADDRESS_NEWSLETTER, /* <digits>@newsletter: not a chat */
	ADDRESS_OTHER,
};

struct address {
	enum address_kind kind;
	struct str value; /* the digits; the whole text for GROUP and OTHER */
};

struct address address_parse(struct str s);
/* Adds the address to the party (phone, lid, bsuid or jid); does not replace one already there. False for groups and
 * other addresses that do not identify a person. */
bool address_to_party(struct address a, struct party *p);

/* A webjs message id, `{fromMe, remote, id, participant, _serialized | $1}` or
 * "true_<chat>_<stanza>[_<participant>]". */
struct stanza_id {
	bool known, from_me;
	struct str chat, stanza, participant, serialized;
};
struct stanza_id stanza_id_parse(struct str serialized);
struct stanza_id stanza_id_read(const json *id,
	struct arena *a); /* from _serialized, else $1, else rebuilt from the parts */
/* A whatsapp-web.js Wid: a string, or {server, user, _serialized | $1}. */
struct str wid_read(const json *wid, struct arena *a);
/* "<true|false>:<stanza>", the message key of the webjs dialects. */
struct str stanza_key(struct arena *a, bool from_me, struct str stanza);

#endif
