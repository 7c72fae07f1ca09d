/* Whether an account can carry a message to its recipient, and what has to be known of the recipient for that. */
#ifndef CAMPAIGN_SENDER_FIT_H
#define CAMPAIGN_SENDER_FIT_H

#include "campaign-sender/accounts/account.h"
#include "campaign-sender/content/outgoing.h"
#include "store/send_references.h"

/* What store_send_references() is to look up: the contact by its uuid, else by its alias, or the group. r is zeroed; strings
 * are borrowed from m and the arena. */
void fit_reference(struct send_reference *r, const struct send_message *m, struct arena *a);
/* A group is reached only through accounts of bridges that have a conversation with it. ERR_INPUT: *err says why the account cannot
 * carry it. */
int fit_check(const struct send_reference *r, const struct outgoing *message, const struct account *a,
	struct arena *arena, struct err *err) ERR_MUST_USE;

#endif
