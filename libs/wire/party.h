/* The types that the messages of all topics share, as validated C structs (proto/blazz/v1/common.proto).
 *
 * All strings are borrowed, valid UTF-8 without NUL. An empty protobuf string is decoded as an absent str, so a field
 * is present exactly when `s.n > 0`.
 */
#ifndef WIRE_PARTY_H
#define WIRE_PARTY_H

#include "base/str.h"
#include "base/uuid.h"

/* Limits of a record and of its fields; inbound_check(), send_message_check() and campaign_command_check() reject a field
 * that exceeds one. */
#define WIRE_MAX_RECORD_BYTES  (900 * 1024)
#define WIRE_MAX_ID_BYTES      512 /* keys, ids, addresses, codes */
#define WIRE_MAX_OWN_ID_BYTES  (WIRE_MAX_ID_BYTES - 2) /* a Dispatch's client_message_id: "c:" and the id may be a key */
#define WIRE_MAX_NAME_BYTES    1024
#define WIRE_MAX_LINK_BYTES    8192 /* URLs, postal addresses, opaque data that clients attach */
#define WIRE_MAX_BODY_BYTES    262144
#define WIRE_MAX_JSON_BYTES    65536
#define WIRE_MAX_EMOJI_BYTES   64
#define WIRE_MAX_PARTICIPANTS  5000
#define WIRE_MAX_OPTIONS       100 /* options of a poll */
#define WIRE_MAX_ERASE_NAMES   100 /* lists of a contact_erase */
#define WIRE_MAX_ERASE_GROUPS  50
#define WIRE_MAX_ERASE_KEYS    500
#define WIRE_MAX_ERASE_SEALED  65536 /* bytes */
#define WIRE_MAX_SYNC_MESSAGES 50
#define WIRE_MAX_TIME_MS       INT64_C(253402300799999) /* the end of 9999; times are never negative */

enum provider { PROVIDER_NONE, PROVIDER_META, PROVIDER_WEBJS };
enum bridge_kind { BRIDGE_NONE, BRIDGE_BLAZZ, BRIDGE_WWEBJS, BRIDGE_WAHA, BRIDGE_EVOLUTION };
enum origin { ORIGIN_NONE, ORIGIN_LIVE, ORIGIN_HISTORY, ORIGIN_SYNC };
enum direction { DIR_NONE, DIR_INBOUND, DIR_OUTBOUND };

enum message_type {
	MSG_NONE,
	MSG_TEXT,
	MSG_IMAGE,
	MSG_VIDEO,
	MSG_AUDIO,
	MSG_VOICE,
	MSG_DOCUMENT,
	MSG_STICKER,
	MSG_LOCATION,
	MSG_CONTACTS,
	MSG_INTERACTIVE,
	MSG_POLL,
	MSG_ORDER,
	MSG_GROUP_INVITE,
	MSG_SYSTEM,
	MSG_CALL,
	MSG_UNKNOWN,
	MSG_TEMPLATE,
};

enum message_status {
	STATUS_NONE,
	STATUS_PENDING,
	STATUS_SENT,
	STATUS_DELIVERED,
	STATUS_READ,
	STATUS_PLAYED,
	STATUS_FAILED,
	STATUS_DELETED,
};

/* Enum values as text in the database and in JSON: "meta", "live", "inbound", "text", "pending", ... The *_word
 * functions return "" for the NONE value; the parsers return the NONE value for an unknown word. */
const char *provider_word(enum provider p);
const char *bridge_word(enum bridge_kind b);
const char *origin_word(enum origin o);
const char *direction_word(enum direction d);
const char *message_type_word(enum message_type t);
const char *message_status_word(enum message_status s);
enum provider provider_parse(struct str word);
enum bridge_kind bridge_parse(struct str word);
enum origin origin_parse(struct str word);
enum direction direction_parse(struct str word);
enum message_type message_type_parse(struct str word);
enum message_status message_status_parse(struct str word);

struct party {
	struct str phone, lid, bsuid, bsuid_scope, username, jid, name;
};
bool party_identified(const struct party *p); /* has at least one alias */

struct group_ref {
	struct str jid, name;
};

/* Either a contact or a group. */
struct chat_ref {
	bool is_group;
	struct party contact;
	struct group_ref group;
};
bool chat_known(const struct chat_ref *c); /* an identified contact, or a group with a JID */

struct target {
	struct str key, stanza;
};

struct provider_error {
	struct str code, title, details;
};

struct media {
	bool present;
	struct str provider_media_id, mime, file_name, sha256, url, caption;
	int64_t size_bytes;
	bool missing;
};

struct location {
	bool present;
	double latitude, longitude;
	struct str name, address, url;
};

struct quoted {
	bool present;
	struct target target;
	struct party sender;
	struct str body;
};

struct participant {
	struct party party;
	bool admin, super_admin;
};

#endif
