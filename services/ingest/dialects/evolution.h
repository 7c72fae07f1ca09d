/* Evolution API's webhooks: shared by evolution*.c. */
#ifndef INGEST_EVOLUTION_H
#define INGEST_EVOLUTION_H

#include "ingest/dialects/webjs_common.h"

struct evolution {
	struct webjs_item item; /* ctx is the struct itself */
	const json *body;
	const json *data; /* the item: data, or an element of it if it is a list */
	struct str event;
	struct str own; /* the account's own JID */
};

/* ---- evolution_message.c */

void evolution_message(const struct evolution *v);
void evolution_history_message(const struct evolution *v);
void evolution_update(const struct evolution *v);
void evolution_edited(const struct evolution *v);
void evolution_deleted(const struct evolution *v);

/* ---- evolution_chat.c */

void evolution_contact(const struct evolution *v);
void evolution_chat(const struct evolution *v);
void evolution_group(const struct evolution *v);
void evolution_group_update(const struct evolution *v);
void evolution_participants(const struct evolution *v);
void evolution_call(const struct evolution *v);

#endif
