/* Which accounts have a secret to send with. */
#ifndef SENDING_KEYS_H
#define SENDING_KEYS_H

#include "base/arena.h"
#include "ctl.h"

/* Ids of the workspace's live accounts that have no access token, or, of bridges of Blazz's own contract, no signing key: campaign-sender
 * sends nothing through them. Any other bridge is called with its instance's API key where the account has no token of its own (see
 * campaign-sender/accounts/account_read.c). An account whose secrets this keyring does not open, or its instance's, is left out. The
 * array is in the arena. */
int sending_keys_missing(struct ctl *ctl, struct pg *admin, int64_t workspace_id, struct arena *a, int64_t **ids,
	size_t *n, struct err *err) ERR_MUST_USE;

#endif
