/* Campaigns and templates as blazzctl defines them (role blazz_admin) and shows them (blazz_ops). Lists pass each row to
 * each(); strings are borrowed for the call. Times are microseconds since 1970, PG_NO_TIME is null. */
#ifndef STORE_CAMPAIGNS_OPS_H
#define STORE_CAMPAIGNS_OPS_H

#include "store/campaigns.h"
#include "store/contact_groups.h"

/* Audiences of a workspace that are not deleted, by name, without counting their members. blazz_admin. */
int store_contact_groups_names(struct pg *pg, int64_t workspace_id,
	void (*each)(void *ctx, const struct contact_group *g), void *ctx, struct err *err) ERR_MUST_USE;

/* Adds a draft: the definition of *c, with its workspace_id and uuid; times before 1970 do not occur, 0 is none. Fills
 * id. ERR_INPUT when the definition breaks a limit of the table. blazz_admin. */
int store_campaign_add(struct pg *pg, struct campaign_row *c, struct err *err) ERR_MUST_USE;

struct template_info {
	int64_t id, account_id;
	struct uuid account;
	struct str session_id, provider_template_id, name, language, category, status, quality, reason;
	struct str components; /* jsonb; absent: not known */
	int64_t status_at_us;
};
struct template_filter {
	int64_t workspace_id;
	int64_t account_id; /* 0: any */
	struct str name, language; /* absent: any */
};
/* By name, language and account, of accounts that are not deleted. blazz_admin. */
int store_templates_list(struct pg *pg, const struct template_filter *filter,
	void (*each)(void *ctx, const struct template_info *t), void *ctx, struct err *err) ERR_MUST_USE;

struct campaign_info {
	struct campaign_row row; /* without template_parameters, header_media and buttons_data */
	struct campaign_counters counters; /* of this moment */
	struct str template_name, template_language;
	int64_t created_us;
};
struct campaign_filter {
	int64_t workspace_id; /* 0: any */
	struct uuid uuid; /* nil: any */
	const char *statuses; /* "running,paused"; NULL: any */
	int limit; /* the latest ones */
};
/* Newest first, of campaigns that are not deleted. blazz_ops. */
int store_campaigns_list(struct pg *pg, const struct campaign_filter *filter,
	void (*each)(void *ctx, const struct campaign_info *c), void *ctx, struct err *err) ERR_MUST_USE;

/* A part of a campaign, and the state of the account that sends it. */
struct segment_info {
	int16_t segment;
	struct uuid account, moving_to; /* moving_to nil: it stays */
	struct str session_id;
	bool done;
	bool connected; /* the account is, as far as it has been reported */
	bool window_open;
	int64_t window_until_us; /* PG_NO_TIME: for ever */
	bool held;
	struct str held_code;
	int64_t held_until_us; /* INT64_MAX: until it is connected again on request, or released */
	int64_t paused_until_us, next_us; /* PG_NO_TIME: no, or over */
	int32_t in_flight;
	struct str business_id;
	int64_t portfolio_per_day; /* messages outside service windows that it allows; 0: no limit is known */
};
/* By segment. blazz_admin. */
int store_campaign_segments_list(struct pg *pg, const struct campaign_key *key,
	void (*each)(void *ctx, const struct segment_info *s), void *ctx, struct err *err) ERR_MUST_USE;

/* How many recipients have a status for a reason, most of them first; reads all of them. blazz_ops. */
struct campaign_reason {
	struct str status, code; /* code absent: none */
	struct str example; /* a message that came with it */
	int64_t n;
};
int store_campaign_reasons(struct pg *pg, const struct campaign_key *key,
	void (*each)(void *ctx, const struct campaign_reason *r), void *ctx, struct err *err) ERR_MUST_USE;

struct recipient_info {
	int64_t id;
	struct str address, status, error_code, error_message, provider_message_id, client_message_id;
	struct str session_id; /* of the account that sent it; absent: none */
	int32_t attempts, generation;
	int64_t sent_us, delivered_us, read_us;
};
/* Recipients in order of their ids, behind after_id, at most `limit`. statuses: "failed,unknown"; NULL: any. A row that
 * a cancelled campaign did not send is skipped, with the reason "cancelled". blazz_ops. */
int store_campaign_recipients_list(struct pg *pg, const struct campaign_key *key, const char *statuses,
	int64_t after_id, int limit, void (*each)(void *ctx, const struct recipient_info *r), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
