/* Shared by the WhatsApp Web dialects (whatsapp-web.js, WAHA, Evolution API): words, addresses, times, and how an item
 * becomes an event. Pure. Source: README.md, Reading to Words.
 *
 * A name or link above its field's limit is truncated or omitted; the message is accepted without it.
 */
#ifndef INGEST_WEBJS_COMMON_H
#define INGEST_WEBJS_COMMON_H

#include "ingest/dialects/address.h"
#include "ingest/dialects/intake.h"
#include "ingest/dialects/webjs_words.h"
#include "json/writer.h"

/* One item of a POST. */
struct webjs_item {
	struct intake *in;
	struct str path; /* "data", "data.chats[3]" */
	struct str (*body)(void *ctx); /* the item alone in its envelope, secrets removed: for a replay to post */
	void *ctx;
};
bool webjs_add(const struct webjs_item *it, struct inbound_event *e, struct str provider_key, struct str content);
/* Rejects the item with DEAD_RULE; message says what is missing. Returns false. */
bool webjs_reject(const struct webjs_item *it, const char *message);
/* The result for the whole body: ERR_INPUT when every item was rejected, or the body exceeds a limit. */
int webjs_finish(struct intake *in, struct err *err) ERR_MUST_USE;

/* The chat and author of an item that resembles a message; all JIDs as received. */
struct webjs_where {
	struct str chat, chat_alias;
	struct str author, author_alias; /* for a message in a group */
	struct str name; /* push name of the author: so when from_me it is not the chat's name */
	bool from_me;
};
struct webjs_place {
	struct chat_ref chat;
	struct party sender; /* absent when from_me */
	enum direction direction;
};
/* False: the item is not in a chat that Blazz stores, and was counted as ignored (status post, newsletter, broadcast
 * list), or it names no chat, and was rejected. */
bool webjs_place(const struct webjs_item *it, const struct webjs_where *w, struct webjs_place *out);
/* The same for an address alone: of a chat object or a call. */
bool webjs_chat(const struct webjs_item *it, struct str jid, struct str alias, struct chat_ref *out);
/* Adds an address and its alias to the party; both may be absent. */
void webjs_party(struct party *p, struct str jid, struct str alias);
/* How many of a list of participants to read: one more than an event may have suffices for the event to be rejected. */
size_t webjs_participants_room(const json *list);
struct target webjs_target(struct arena *a, const struct stanza_id *id);
/* The key of a message without an id (README.md, Reading): from chat, sender, time and body. */
struct str webjs_synthetic_key(struct arena *a, const struct in_message *m, int64_t time_ms);
/* Sets key and provider_id, from the id if there is one. */
void webjs_message_key(struct arena *a, struct in_message *m, const struct stanza_id *id, int64_t time_ms);

/* Reads a vote's options, strings or {name}; returns them one per line, for the event's id. */
struct str webjs_options(struct in_poll_vote *vote, const json *options, struct arena *a);
void webjs_session(const struct webjs_item *it, enum session_word state, enum session_reason reason, struct str details,
	struct str phone, int64_t time_ms);
/* Stores the code for account_qr, and adds an event with the state, without the code. */
void webjs_qr(const struct webjs_item *it, struct str code, bool pairing, int64_t time_ms);

/* Seconds as integers, floats or strings of digits, to ms; 0 for anything else. A time beyond an event's range is
 * returned as a value above WIRE_MAX_TIME_MS, which intake_time() flags. */
int64_t webjs_seconds_ms(const json *v);
int64_t webjs_ms(const json *v);

/* Whether a body is an inline picture (base64) in place of text: the thumbnail of a location or a media message. */
bool webjs_is_thumbnail(struct str body);
struct str webjs_name(struct str name); /* truncated to a name's limit; absent when it is only a phone number */
struct str webjs_id_text(struct str id); /* absent above the limit of ids */
struct str webjs_link(struct str url); /* absent above its limit, and for data: URLs */
/* Latitude and longitude may be numbers or strings; no location when they are neither, or out of range. */
void webjs_location(struct location *out, const json *latitude, const json *longitude);

/* Builds in_message.extra: a JSON object in the arena; absent when it has no members or exceeds its limit. */
struct webjs_facts {
	struct buf buf;
	struct json_writer w;
};
void webjs_facts_init(struct webjs_facts *f);
struct str webjs_facts_finish(struct webjs_facts *f, struct arena *a); /* frees the buffer */
/* Adds a member with the strings of a JSON array; nothing when there are none. */
void webjs_facts_strings(struct webjs_facts *f, const char *key, const json *arr);
/* Adds a poll's options as member poll_options: the member `name` of each object of the array. */
void webjs_facts_poll(struct webjs_facts *f, const json *options, const char *name);

#endif
