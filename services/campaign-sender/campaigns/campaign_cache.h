/* Campaigns and templates as lanes need them, kept until PostgreSQL notifies of a change. */
#ifndef CAMPAIGN_SENDER_CAMPAIGN_CACHE_H
#define CAMPAIGN_SENDER_CAMPAIGN_CACHE_H

#include "base/arena.h"
#include "campaign-sender/policy/resolution.h"
#include "message/template.h"
#include "store/campaigns.h"
#include "store/sending_templates.h"

struct campaign_cache;

/* Borrowed until the next load or change. */
struct campaign {
	struct campaign_key key;
	struct uuid uuid, workspace;
	int32_t partition; /* of campaign-command: its driver's */
	enum campaign_status status;
	bool prepared;
	int64_t commanded_us; /* requested_at of the last command of a person; PG_NO_TIME: none */
	bool marketing; /* category MARKETING, or instant */
	enum unknown_policy on_unknown;
	bool allow_other_provider;
	struct str name;
	bool has_template; /* its messages are templates, which only accounts with this one can send */
	struct str template_name, template_language; /* absent: the template was not found */
};
struct sending_template {
	int64_t id, workspace_id, account_id;
	struct str name, language;
	struct str category, status, quality; /* as Meta writes them: "MARKETING", "APPROVED", "GREEN" */
	const struct template *parsed; /* NULL: it has no components yet, or ones that cannot be read */
	struct str fault; /* why `parsed` is NULL */
};

struct campaign_cache *campaign_cache_new(void);
void campaign_cache_free(struct campaign_cache *c); /* accepts NULL */
void campaign_cache_clear(struct campaign_cache *c);
void campaign_cache_changed(struct campaign_cache *c, const struct uuid *campaign);
/* Also drops campaigns that send it, and what is known not to exist. */
void campaign_cache_template_changed(struct campaign_cache *c, int64_t template_id);
/* It may belong to another WABA now: templates that were not found are looked for again. */
void campaign_cache_account_changed(struct campaign_cache *c);

/* Reads those that are not cached. Runs statements. At most CAMPAIGN_CACHE_MAX are kept beyond those of one call. */
#define CAMPAIGN_CACHE_MAX 10000
int campaign_cache_load(struct campaign_cache *c, struct pg *pg, const struct campaign_key *keys, size_t n,
	struct err *err) ERR_MUST_USE;
/* NULL: not loaded, or there is none. */
const struct campaign *campaign_cache_find(const struct campaign_cache *c, int64_t workspace_id, int64_t id);

/* Templates by account, name and language: those of its WABA (store/sending_templates.h). Bounded likewise. One that does not exist is
 * remembered until a template or an account changes. Runs a statement for those that are not cached. */
int campaign_cache_load_templates(struct campaign_cache *c, struct pg *pg, const struct template_key *keys, size_t n,
	struct err *err) ERR_MUST_USE;
/* NULL: not loaded, or the account has no such template. */
const struct sending_template *campaign_cache_template(const struct campaign_cache *c, const struct template_key *key);

#endif
