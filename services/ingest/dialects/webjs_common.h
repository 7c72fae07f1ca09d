/* What the WhatsApp Web dialects (whatsapp-web.js, WAHA, Evolution API) have in common: words, addresses, times, and how
 * an item becomes an event. Pure. Source: README.md, Reading to Words.
 *
 * Names, links and the like are cut or left out where they break a field's limit: they never cost the message.
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
	struct str (*body)(void *ctx); /* the item alone in its envelope, secrets removed: what a replay posts */
	void *ctx;
};
bool webjs_add(const struct webjs_item *it, struct inbound_event *e, struct str provider_key, struct str content);
/* message names what is missing; always DEAD_RULE. Returns false. */
bool webjs_reject(const struct webjs_item *it, const char *message);
/* The answer of the whole body: ERR_INPUT when every item was rejected, or when it costs more than it may. */
int webjs_finish(struct intake *in, struct err *err) ERR_MUST_USE;

/* Who and where, as every message-like item says it; all JIDs as received. */
struct webjs_where {
	struct str chat, chat_alias;
	struct str author, author_alias; /* of a group's message */
	struct str name; /* push name: of whoever wrote, so never the chat's when from_me */
	bool from_me;
};
struct webjs_place {
	struct chat_ref chat;
	struct party sender; /* absent when from_me */
	enum direction direction;
};
/* false: no chat of ours, and counted as that (status post, newsletter, broadcast list), or no chat at all, and rejected. */
bool webjs_place(const struct webjs_item *it, const struct webjs_where *w, struct webjs_place *out);
/* The same for an address alone: a chat object's, a call's. */
bool webjs_chat(const struct webjs_item *it, struct str jid, struct str alias, struct chat_ref *out);
/* Puts an address and its alias into the party; both may be absent. */
void webjs_party(struct party *p, struct str jid, struct str alias);
/* How many of a list of participants are read: one more than an event may have is enough to be refused for it. */
size_t webjs_participants_room(const json *list);
struct target webjs_target(struct arena *a, const struct stanza_id *id);
/* The key of a message without an id (README.md, Reading): from chat, sender, time and body. */
struct str webjs_synthetic_key(struct arena *a, const struct in_message *m, int64_t time_ms);
/* Sets key and provider_id, from the id where there is one. */
void webjs_message_key(struct arena *a, struct in_message *m, const struct stanza_id *id, int64_t time_ms);

/* A vote's options, strings or {name}; returns them in one line each, for the event's id. */
struct str webjs_options(struct in_poll_vote *vote, const json *options, struct arena *a);
void webjs_session(const struct webjs_item *it, enum session_word state, enum session_reason reason, struct str details,
	struct str phone, int64_t time_ms);
/* The code goes to account_qr, the state to Kafka. */
void webjs_qr(const struct webjs_item *it, struct str code, int64_t time_ms);

/* Integers, floats and strings of digits, to ms; 0 for anything else. What no event can hold comes out beyond
 * WIRE_MAX_TIME_MS, for intake_time() to flag. */
int64_t webjs_seconds_ms(const json *v);
int64_t webjs_ms(const json *v);

/* An inline picture (base64) where text should be: a location's or a media message's thumbnail. */
bool webjs_is_thumbnail(struct str body);
struct str webjs_name(struct str name); /* cut to a name's limit; absent when it only spells a phone number */
struct str webjs_id_text(struct str id); /* absent beyond the limit of ids */
struct str webjs_link(struct str url); /* absent beyond its limit, and for data: URLs */
/* Latitude and longitude may be numbers or strings; no location when they are neither, or out of range. */
void webjs_location(struct location *out, const json *latitude, const json *longitude);

/* The members of in_message.extra, in the arena; absent when there are none or more than fit. */
struct webjs_facts {
	struct buf buf;
	struct json_writer w;
};
void webjs_facts_init(struct webjs_facts *f);
struct str webjs_facts_take(struct webjs_facts *f, struct arena *a); /* frees the buffer */
/* A JSON array's strings as a member; nothing when there are none. */
void webjs_facts_strings(struct webjs_facts *f, const char *key, const json *arr);
/* A poll's options as member poll_options: of each object of the array its member `name`. */
void webjs_facts_poll(struct webjs_facts *f, const json *options, const char *name);

#endif
