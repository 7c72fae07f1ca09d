/* Campaigns: their definition, which gateway and blazzctl write, and their state, which the driver of
 * campaign-sender writes: the owner of the partition of campaign-command in which the campaign was started.
 * Their counters.
 *
 * Times are PostgreSQL's; those of rows are microseconds since 1970, PG_NO_TIME is null. */
#ifndef STORE_CAMPAIGNS_H
#define STORE_CAMPAIGNS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

enum campaign_status {
	CAMPAIGN_DRAFT,
	CAMPAIGN_SCHEDULED,
	CAMPAIGN_RUNNING,
	CAMPAIGN_PAUSED,
	CAMPAIGN_COMPLETED,
	CAMPAIGN_CANCELLED,
	CAMPAIGN_FAILED,
	CAMPAIGN_STATUSES
};
const char *store_campaign_status_word(enum campaign_status s);
/* Of a word that the table admits. */
enum campaign_status store_campaign_status_parse(struct str word);

struct campaign_row {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	/* Definition. */
	struct str name, type; /* "template", "instant" */
	struct uuid account; /* nil: chosen by preferred_provider */
	int64_t account_id; /* 0: none */
	bool spread, allow_other_provider;
	enum provider preferred_provider;
	int64_t template_id; /* 0: none */
	struct str template_parameters, audience, header_media, buttons_data, send_window; /* jsonb */
	int64_t group_id; /* 0: none */
	struct str message_content, header_type, header_text, body_text, footer_text;
	struct str on_unknown; /* absent: by category */
	struct str time_zone;
	int64_t scheduled_us;
	int64_t scheduled_in_ms; /* from PostgreSQL's now to scheduled_at, negative when it has passed; 0 without */
	/* State. */
	int32_t partition; /* -1: never started */
	enum campaign_status status;
	struct str pause_code, pause_reason, error_message;
	int64_t commanded_us, prepared_us, started_us, completed_us;
	struct str audience_cursor; /* "": nothing written yet */
	int64_t first_send_id, last_send_id; /* 0: none */
};

/* Locks the campaign against other commands and changes of its definition, until the transaction ends. 1: *out is
 * filled, with strings in the arena; 0: the workspace has no such campaign. */
int store_campaign_lock(struct pg *pg, const struct uuid *workspace, const struct uuid *campaign, struct arena *a,
	struct campaign_row *out, struct err *err) ERR_MUST_USE;
struct campaign_key {
	int64_t workspace_id, id;
};
/* For lanes, which cache them. Deleted ones are left out. */
int store_campaigns_read(struct pg *pg, const struct campaign_key *keys, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct campaign_row *row), void *ctx, struct err *err) ERR_MUST_USE;

/* Writes status, partition, pause_*, error_message and commanded_at of a campaign that is locked. RUNNING sets
 * started_at once, COMPLETED and CANCELLED set completed_at, any other status clears it. Started only (pg_start). */
int store_campaign_write(struct pg *pg, const struct campaign_row *row, struct err *err) ERR_MUST_USE;
/* All recipients are written: lanes may begin. Started only. */
int store_campaign_prepared(struct pg *pg, const struct campaign_key *key, struct err *err) ERR_MUST_USE;

/* Whether campaigns are within their send windows, and when that changes. */
struct campaign_window {
	struct campaign_key key;
	bool bridge; /* see struct send_check */
	bool open; /* out */
	int64_t change_in_ms; /* out; -1: never. It may then still be the same: look again */
};
int store_campaign_windows(struct pg *pg, struct campaign_window *rows, size_t n, struct err *err) ERR_MUST_USE;

struct campaign_counters {
	struct campaign_key key;
	int64_t recipients, sent, delivered, read, failed, skipped, unknown;
};
/* Adds up the counters of all writers into the campaigns' own columns. `each` gets the campaigns whose counters have
 * changed. */
int store_campaigns_count(struct pg *pg, const struct campaign_key *keys, size_t n,
	void (*each)(void *ctx, const struct campaign_counters *counters), void *ctx, struct err *err) ERR_MUST_USE;
/* Completes those that are running and prepared, whose recipients have all ended, and of which no unknown message is
 * to be resolved. `each` gets them with their counters, which are also written. */
int store_campaigns_complete(struct pg *pg, const struct campaign_key *keys, size_t n,
	void (*each)(void *ctx, const struct campaign_counters *counters), void *ctx, struct err *err) ERR_MUST_USE;

#endif
