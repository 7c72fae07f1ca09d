/* Accounts and workspaces' settings for sending, read from PostgreSQL and kept until it notifies of a change (notices.h). */
#ifndef CAMPAIGN_SENDER_ACCOUNT_CACHE_H
#define CAMPAIGN_SENDER_ACCOUNT_CACHE_H

#include "campaign-sender/accounts/account.h"
#include "crypto/seal.h"
#include "http/guard.h"
#include "store/sending_settings.h"

struct account_cache;

struct account_cache_options {
	struct keyring **keyring; /* taken */
	const struct guard *guard; /* borrowed; may be NULL in tests: every host is allowed */
	struct limit_defaults limits; /* copied, as these options are */
	const char *meta_base_url, *meta_version; /* borrowed */
	int32_t partitions; /* of outbound; 0: set later by account_cache_partitions() */
};
struct account_cache *account_cache_new(const struct account_cache_options *options);
void account_cache_free(struct account_cache *c); /* accepts NULL */
void account_cache_partitions(struct account_cache *c, int32_t partitions); /* drops what is cached when it differs */
void account_cache_use_keyring(struct account_cache *c, struct keyring **keyring); /* drops what is cached */
void account_cache_clear(struct account_cache *c);
/* Dropped. It is read again by the next load, if its workspace is cached. */
void account_cache_account_changed(struct account_cache *c, const struct uuid *account);
/* Dropped with its accounts, and read again when asked for. */
void account_cache_workspace_changed(struct account_cache *c, const struct uuid *workspace);

/* Reads settings and accounts of these workspaces, unless they are cached, and accounts that have changed. Runs statements: between
 * them, not in a callback of the loop. */
int account_cache_load(struct account_cache *c, struct pg *pg, const int64_t *workspaces, size_t n,
	struct err *err) ERR_MUST_USE;
/* The same by account, and the settings of their workspaces. Deleted accounts are loaded, too. An account that does not exist is asked
 * for each time. */
int account_cache_load_ids(struct account_cache *c, struct pg *pg, const struct uuid *accounts, size_t n,
	struct err *err) ERR_MUST_USE;
/* NULL: not loaded, or it does not exist. */
const struct account *account_cache_find(const struct account_cache *c, int64_t workspace_id, int64_t account_id);
const struct account *account_cache_find_uuid(const struct account_cache *c, const struct uuid *account);
/* The next account, of those that are not deleted, of a workspace whose accounts were loaded; NULL: no more. *i begins at 0. */
const struct account *account_cache_each(const struct account_cache *c, int64_t workspace_id, size_t *i);
/* The next account of those in memory, of any workspace, deleted ones included, in no order. */
const struct account *account_cache_each_cached(const struct account_cache *c, size_t *i);
/* Sets the hold of a cached account at once, before PostgreSQL notifies of it. One that begins no later than the present one has no
 * effect. */
void account_cache_hold(struct account_cache *c, const struct send_hold *hold);
/* Settings of a workspace, loaded with its accounts; NULL: not loaded, or no such workspace. */
const struct sending_settings *account_cache_settings(const struct account_cache *c, int64_t workspace_id);

#endif
