/* What account_cache.h has in memory: workspaces and their accounts, found by id and uuid. */
#ifndef CAMPAIGN_SENDER_ACCOUNT_TABLE_H
#define CAMPAIGN_SENDER_ACCOUNT_TABLE_H

#include "base/map.h"
#include "campaign-sender/accounts/account.h"
#include "store/sending_settings.h"

struct account_entry {
	struct account account;
	struct arena *arena; /* of its strings */
	struct signing_keys *signing;
	struct account_workspace *workspace;
};

struct account_workspace {
	int64_t id;
	struct arena *arena; /* of the settings; NULL: they were not read yet */
	struct sending_settings settings;
	bool exists; /* the settings were found */
	bool listed; /* all its accounts were read */
	struct account_entry **accounts; /* in the order in which they were read */
	size_t n, cap;
};

struct account_table {
	struct map *by_id, *by_uuid, *workspaces;
};

void account_table_init(struct account_table *t);
void account_table_fini(struct account_table *t);
void account_table_clear(struct account_table *t);

struct account_workspace *account_table_workspace(const struct account_table *t, int64_t id); /* NULL: not known */
struct account_workspace *account_table_add_workspace(struct account_table *t, int64_t id); /* unless it is known */
/* With its accounts. */
void account_table_drop_workspace(struct account_table *t, struct account_workspace *w);

struct account_entry *account_table_find(const struct account_table *t, int64_t workspace_id, int64_t account_id);
struct account_entry *account_table_find_uuid(const struct account_table *t, const struct uuid *account);
/* Taken; replaces the entry of the same account. Adds its workspace. */
void account_table_put(struct account_table *t, struct account_entry **e);
void account_table_drop(struct account_table *t, struct account_entry *e);

#endif
