/* What events of chat-event name, as campaign-sender needs it; see sends.h. */
#ifndef STORE_SEND_EVENTS_H
#define STORE_SEND_EVENTS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

/* The addresses of a conversation, as sends.address has them: of a group its JID; of a contact the match key of its
 * number, "lid:…", its JID, "bsuid:…", in this order. */
struct send_conversation {
	int64_t workspace_id;
	struct uuid conversation;
	bool wanted; /* false: only if the database was ever restored, so that ids of sends may have been used again */
	bool restored; /* out: the database was; not known without addresses */
	/* Out, in the arena; none when it is not wanted, or there is no such conversation. */
	struct str *addresses;
	size_t n_addresses;
};
int store_send_conversations(struct pg *pg, struct send_conversation *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;

/* Campaigns that use a template of an account: running ones; or, with `paused_by`, those that were paused with that
 * code. */
struct template_use {
	int64_t workspace_id, account_id;
	struct str name, language;
	struct str paused_by; /* absent: running campaigns */
};
int store_campaigns_of_templates(struct pg *pg, const struct template_use *uses, size_t n,
	void (*each)(void *ctx, size_t place, const struct uuid *campaign), void *ctx, struct err *err) ERR_MUST_USE;

#endif
