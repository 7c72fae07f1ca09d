/* Shared by the commands of campaigns. */
#ifndef CAMPAIGNS_H
#define CAMPAIGNS_H

#include "ctl.h"
#include "store/campaigns_ops.h"
#include "tenants.h"

/* The definition of a campaign, as options of add and check. */
struct campaign_options {
	const char *workspace, *name, *id;
	const char *account, *provider;
	bool spread, allow_other_provider;
	const char *template, *language, *parameters;
	struct option_texts groups, excluded;
	bool all;
	int64_t last_inbound_within, not_contacted_for;
	const char *text, *header_text, *header_type, *header_media, *footer, *buttons;
	const char *on_unknown, *schedule, *time_zone, *window, *days;
};
extern const struct option_row campaign_rows[];

/* Reads options into a definition, with names looked up in the workspace; strings are in the arena or argv. ERR_USAGE,
 * ERR_INPUT. */
int campaign_define(struct ctl *ctl, const struct campaign_options *o, struct arena *a, struct tenant *t,
	struct campaign_row *out, struct err *err) ERR_MUST_USE;

/* A campaign by its id, from any workspace; strings are in the arena. ERR_INPUT "unknown". */
int campaign_find(struct ctl *ctl, const char *id, struct arena *a, struct campaign_info *out,
	struct err *err) ERR_MUST_USE;

/* campaigns_show.c, campaigns_export.c, campaigns_check.c: commands of the table in campaigns.c. */
struct campaign_list_options {
	const char *workspace, *statuses;
	int64_t limit;
};
struct campaign_show_options {
	bool follow;
};
struct campaign_export_options {
	const char *statuses, *file;
};
int campaign_list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
int campaign_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
int campaign_check(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
int campaign_export(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);

#endif
