/* What requests to send messages name, as rows; see sends.h. */
#ifndef STORE_SEND_REFERENCES_H
#define STORE_SEND_REFERENCES_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

struct send_reference {
	struct uuid workspace, request;
	struct uuid contact; /* nil: the recipient is named by its alias, or is a group */
	const char *alias_kind; /* "phone" (a match key), "bsuid", "lid", "jid"; NULL: none */
	struct str alias_scope, alias;
	struct str group_jid; /* absent: no group */

	/* Out; strings and arrays are in the arena. */
	int64_t workspace_id; /* 0: no such workspace, or it is deleted */
	bool repeated; /* the workspace has used this request id before */
	struct str content; /* of the repeated request, while its row keeps it */
	int64_t contact_id; /* not deleted, and the surviving one of merged contacts; 0: none */
	struct party party; /* addresses of that contact */
	int64_t latest_account_id; /* of the latest conversation with the contact or group; 0: none */
	const int64_t *group_accounts; /* that have a conversation with the group */
	size_t n_group_accounts;
};
/* Fills what was found, in one statement. */
int store_send_references(struct pg *pg, struct send_reference *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;

/* A message of ours as chats has it; strings are in the arena. */
struct send_stored {
	size_t place; /* of its request */
	int64_t account_id; /* that sent it */
	struct str key, provider_id;
	enum message_status status;
	int64_t sent_us;
};
struct send_request_key {
	int64_t workspace_id;
	struct uuid request;
};
/* After a restore of the database: which single messages chats has already, sent through whatever account. */
int store_sends_stored(struct pg *pg, const struct send_request_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct send_stored *stored), void *ctx, struct err *err) ERR_MUST_USE;

struct send_recipient_key {
	int64_t workspace_id, campaign_id;
	int64_t account_id; /* whose portfolio has the address, when that is a BSUID */
	int64_t contact_id; /* 0: none is known */
	struct str address;
	int32_t generation;
};
/* The same of recipients of campaigns that are older than restored_us. Their rows may have been written anew since, so that the number in the id
 * that chats has is another one: the campaign, the recipient's conversations and the generation find the message. */
int store_sends_stored_recipients(struct pg *pg, const struct send_recipient_key *keys, size_t n, int64_t restored_us,
	struct arena *a, void (*each)(void *ctx, const struct send_stored *stored), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
