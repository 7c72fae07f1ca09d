/* whatsapp-web.js objects: shared by wwebjs*.c. */
#ifndef INGEST_WWEBJS_H
#define INGEST_WWEBJS_H

#include "base/map.h"
#include "ingest/dialects/webjs_common.h"

/* One body: {dataType, data, sessionId}, or a library object alone. */
struct wwebjs {
	struct webjs_item item; /* ctx is the struct itself */
	const json *body;
	const json *data;    /* the event's arguments; the object itself when it has no envelope */
	struct map *aliases; /* in a sync: from LID or phone to struct wwebjs_alias; else NULL */
	const json *chat;    /* in a sync: the chat being read */
	const json *message; /* in a sync: the message of the chat being read */
};

/* One line of a sync's lidMap. */
struct wwebjs_alias {
	struct str lid, phone;
	bool used; /* a party of the batch has both addresses */
};

/* ---- wwebjs_data.c */

/* The argument of that name, or the data itself when it is the object. */
const json *wwebjs_argument(const struct wwebjs *w, const char *name);
/* The other address of the same person, by the lidMap, whose line then counts as used; absent when unknown. */
struct str wwebjs_other_address(const struct wwebjs *w, struct str jid);

/* ---- wwebjs_message.c */

/* The parts of a Message that every event with one needs. */
struct wwebjs_message {
	const json *m;
	const json *hidden; /* _data, which bridges may omit */
	struct stanza_id id;
	struct str type;
	int64_t time_ms;
	struct webjs_where where;
};
void wwebjs_message_read(struct wwebjs_message *out, const json *m, struct arena *a);
/* Fills everything but chat and sender, which the caller has set. */
void wwebjs_message_fill(struct in_message *out, const struct wwebjs_message *m, struct arena *a);
/* Adds a message event, or a revoke if the message is a revoked one. */
void wwebjs_message(const struct wwebjs *w, const json *object);
void wwebjs_edit(const struct wwebjs *w);
void wwebjs_revoke(const struct wwebjs *w, const json *object);
void wwebjs_ack(const struct wwebjs *w);
void wwebjs_reaction(const struct wwebjs *w);
void wwebjs_vote(const struct wwebjs *w);

/* ---- wwebjs_chat.c */

void wwebjs_chat(const struct wwebjs *w);
void wwebjs_contact(const struct wwebjs *w);
void wwebjs_contact_changed(const struct wwebjs *w);
void wwebjs_group_notification(const struct wwebjs *w);
void wwebjs_call(const struct wwebjs *w);
/* Reads a Chat; rejects w's item when it names no chat. */
bool wwebjs_chat_state(const struct wwebjs *w, const json *chat, struct in_chat_state *out);

/* ---- wwebjs_sync.c */

int wwebjs_sync(struct wwebjs *w, struct err *err) ERR_MUST_USE;

#endif
