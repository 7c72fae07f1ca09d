/* whatsapp-web.js objects: what wwebjs.c and its parts know of each other. */
#ifndef INGEST_WWEBJS_H
#define INGEST_WWEBJS_H

#include "base/map.h"
#include "ingest/dialects/webjs_common.h"

/* One body: {dataType, data, sessionId}, or a library object alone. */
struct wwebjs {
	struct webjs_item item; /* ctx is the struct itself */
	const json *body;
	const json *data;    /* the event's arguments; the object itself when it came alone */
	struct map *aliases; /* of a sync: LID or phone to its struct wwebjs_alias; NULL otherwise */
	const json *chat;    /* of a sync: the one that is being read */
	const json *message; /* of a sync: the message of the chat that is being read */
};

/* One line of a sync's lidMap. */
struct wwebjs_alias {
	struct str lid, phone;
	bool used; /* some party carries both */
};
/* The other address of the same person; absent when nobody said so. */
struct str wwebjs_other_address(const struct wwebjs *w, struct str jid);

/* The argument of that name, or the data as a whole where it holds the object itself. */
const json *wwebjs_argument(const struct wwebjs *w, const char *name);

/* ---- wwebjs_message.c */

/* A Message, as far as it can be read without knowing what for. */
struct wwebjs_message {
	const json *m;
	const json *hidden; /* _data, which bridges may strip */
	struct stanza_id id;
	struct str type;
	int64_t time_ms;
	struct webjs_where where;
};
void wwebjs_message_read(struct wwebjs_message *out, const json *m, struct arena *a);
/* The message's content: everything but its place, which is set before. */
void wwebjs_message_fill(struct in_message *out, const struct wwebjs_message *m, struct arena *a);
/* Adds it as an event; a revoked one as a revoke. */
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
/* What a Chat says; `item` takes the blame where it names no chat. */
bool wwebjs_chat_state(const struct wwebjs *w, const json *chat, struct in_chat_state *out);

/* ---- wwebjs_sync.c */

int wwebjs_sync(struct wwebjs *w, struct err *err) ERR_MUST_USE;

#endif
