/* WAHA's webhooks: shared by waha*.c. */
#ifndef INGEST_WAHA_H
#define INGEST_WAHA_H

#include "ingest/dialects/webjs_common.h"

struct waha {
	struct webjs_item item; /* ctx is the struct itself */
	const json *body, *payload;
	int64_t time_ms; /* from the envelope: when WAHA created the event */
};

/* ---- waha_address.c */

/* A JID; absent for the literal "me". */
struct str waha_address(const json *v, struct arena *a);

/* ---- waha_message.c */

void waha_message(const struct waha *w);
void waha_message_waiting(const struct waha *w); /* a message that is not decrypted yet */
void waha_reaction(const struct waha *w);
void waha_ack(const struct waha *w);
void waha_edit(const struct waha *w);
void waha_revoke(const struct waha *w);
void waha_vote(const struct waha *w);

/* ---- waha_group.c */

void waha_group_join(const struct waha *w);  /* the account itself joined */
void waha_group_leave(const struct waha *w); /* the account itself left */
void waha_group_participants(const struct waha *w);
void waha_group_update(const struct waha *w);

#endif
