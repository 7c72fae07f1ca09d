/* Campaigns and templates as lanes need them, kept until PostgreSQL notifies of a change. */
#ifndef CAMPAIGN_SENDER_CAMPAIGN_CACHE_H
#define CAMPAIGN_SENDER_CAMPAIGN_CACHE_H

#include "base/arena.h"
#include "campaign-sender/policy/resolution.h"
#include "message/template.h"
#include "store/campaigns.h"

struct campaign_cache;

/* Borrowed until the next load or change. */
struct campaign {
	struct campaign_key key;
	struct uuid uuid, workspace;
	int32_t partition; /* of campaign-command: its driver's */
	enum campaign_status status;
	bool prepared;
	bool marketing; /* category MARKETING, or instant */
	enum unknown_policy on_unknown;
	bool allow_other_provider;
	struct str name;
};
struct sending_template {
	int64_t id, workspace_id, account_id;
	struct str name, language, category,
		status; /* category and status as Meta writes them: "MARKETING", "APPROVED" */
	const struct template *parsed; /* NULL: it has no components yet, or ones that cannot be read */
	struct str fault; /* why `parsed` is NULL */
};

struct campaign_cache *campaign_cache_new(void);
void campaign_cache_free(struct campaign_cache *c); /* accepts NULL */
void campaign_cache_clear(struct campaign_cache *c);
void campaign_cache_changed(struct campaign_cache *c, const struct uuid *campaign);
void campaign_cache_template_changed(struct campaign_cache *c, int64_t template_id);

/* Reads those that are not cached. Runs statements. */
int campaign_cache_load(struct campaign_cache *c, struct pg *pg, const struct campaign_key *keys, size_t n,
	struct err *err) ERR_MUST_USE;
const struct campaign *campaign_cache_find(const struct campaign_cache *c, int64_t workspace_id, int64_t id);

struct template_key {
	int64_t workspace_id, account_id;
	struct str name, language;
};
/* Templates by account, name and language, bounded in memory; one that does not exist is remembered until the next
 * notification. Runs a statement for those that are not cached. */
int campaign_cache_load_templates(struct campaign_cache *c, struct pg *pg, const struct template_key *keys, size_t n,
	struct err *err) ERR_MUST_USE;
/* NULL: the account has no such template. */
const struct sending_template *campaign_cache_template(const struct campaign_cache *c, const struct template_key *key);

#endif
