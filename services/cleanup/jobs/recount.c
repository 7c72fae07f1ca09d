/* See recount.h. Invariant: nothing here writes a counter; the program that owns it does. */
#include "cleanup/jobs/recount.h"

#include <assert.h>

#include "base/log.h"
#include "cleanup/jobs/sections.h"
#include "cleanup/stats.h"
#include "store/cleanup_recount.h"

#define RECOUNT_READ_MS 1 /* earlier than any message: the marker reads none */

/* A dry run finds the same, and says so in its answer only. */
static bool difference_count(struct section_run *run, enum recount_counter counter)
{
	run->found++;
	if (run->env->dry_run)
		return false;
	stats_recount(counter);
	return true;
}

/* Progress: at[] is not used, as all rows are read at once. */

static void on_progress(void *ctx, const struct progress_difference *d)
{
	if (difference_count(ctx, RECOUNT_PROGRESS))
		log_error("progress differs from its outcomes", LOG_STR("consumer", d->consumer),
			LOG_STR("topic", d->topic), LOG_I("partition", d->partition), LOG_I("passed", d->passed),
			LOG_I("counted", d->counted));
}

static int progress_step(struct section_run *run, struct err *err)
{
	return store_recount_progress(run->env->pg, on_progress, run, err);
}

/* Participants */

static void on_group(void *ctx, const struct group_difference *d)
{
	char workspace[37], group[37];

	if (!difference_count(ctx, RECOUNT_PARTICIPANTS))
		return;
	uuid_format(&d->workspace, workspace);
	uuid_format(&d->group, group);
	log_error("participants_count differs from a recount", LOG_S("workspace", workspace), LOG_S("group", group),
		LOG_I("stored", d->stored), LOG_I("counted", d->counted));
}

static int participants_step(struct section_run *run, struct err *err)
{
	struct key_page page = section_page(run);

	return store_recount_participants(run->env->pg, &page, on_group, run, err) < 0 ? -1
										       : section_advance(run, &page);
}

/* Unread counters. A merged conversation has none: a read marker would apply to the surviving one. */

static void on_unread(void *ctx, const struct unread_difference *d)
{
	struct section_run *run = ctx;
	char workspace[37], conversation[37];

	if (!difference_count(run, RECOUNT_UNREAD))
		return;
	uuid_format(&d->workspace, workspace);
	uuid_format(&d->conversation, conversation);
	log_error("unread_messages differs from a recount", LOG_S("workspace", workspace),
		LOG_S("conversation", conversation), LOG_I("stored", d->stored), LOG_I("counted", d->counted));
	if (d->merged)
		return;
	run->acted++;
	record_read(run->env->to,
		&(struct cleanup_account){
			.workspace = d->workspace, .uuid = d->account, .provider = d->provider, .bridge = d->bridge },
		&d->conversation, RECOUNT_READ_MS);
}

static int unread_step(struct section_run *run, struct err *err)
{
	struct key_page page = section_page(run);

	return store_recount_unread(run->env->pg, &page, on_unread, run, err) < 0 ? -1 : section_advance(run, &page);
}

/* Campaigns, one after the other, the rows of each in pages. Counts and rows commit together, so the pages of all steps are one picture when
 * the counts have the same version before the first page and after the last; otherwise the campaign is left for the next run. */
enum { AT_WORKSPACE, AT_CAMPAIGN, AT_SEND, AT_VERSION, AT_COUNTS };
static_assert(AT_COUNTS + RECIPIENT_COUNTS <= SECTION_NUMBERS, "the cursor has room for the counts");

static void campaign_differs(struct section_run *run, const struct campaign_recount *c, enum recipient_count i,
	const char *where, int64_t stored, int64_t counted)
{
	char workspace[37], campaign[37];

	if (stored == counted || !difference_count(run, RECOUNT_CAMPAIGN))
		return;
	uuid_format(&c->workspace, workspace);
	uuid_format(&c->campaign, campaign);
	log_error("campaign counter differs from a recount", LOG_S("workspace", workspace), LOG_S("campaign", campaign),
		LOG_S("counter", store_recipient_count_word(i)), LOG_S("where", where), LOG_I("stored", stored),
		LOG_I("counted", counted));
}

static void campaign_compare(struct section_run *run, const struct campaign_recount *c)
{
	for (enum recipient_count i = 0; i < RECIPIENT_COUNTS; i++) {
		campaign_differs(run, c, i, "campaign_counts", c->counts[i], run->at[AT_COUNTS + i]);
		if (c->is_quiet)
			campaign_differs(run, c, i, "campaigns", c->shown[i], c->counts[i]);
	}
}

/* The campaign whose rows are being counted, or the next one. 0: there is none. */
static int campaign_find(struct section_run *run, struct campaign_recount *c, struct err *err)
{
	struct pg *pg = run->env->pg;
	int rc;

	if (run->at[AT_SEND] > 0) {
		rc = store_recount_campaign(pg, run->at[AT_WORKSPACE], run->at[AT_CAMPAIGN], c, err);
		if (rc != 0)
			return rc;
	}
	rc = store_recount_campaign_next(pg, run->at[AT_WORKSPACE], run->at[AT_CAMPAIGN], run->last_workspace_id, c,
		err);
	if (rc <= 0)
		return rc;
	run->at[AT_WORKSPACE] = c->workspace_id;
	run->at[AT_CAMPAIGN] = c->id;
	run->at[AT_SEND] = c->first_send_id - 1;
	run->at[AT_VERSION] = c->version;
	for (int i = 0; i < RECIPIENT_COUNTS; i++)
		run->at[AT_COUNTS + i] = 0;
	return 1;
}

static int campaigns_step(struct section_run *run, struct err *err)
{
	struct campaign_recount c = { 0 };
	int rc = campaign_find(run, &c, err);

	if (rc <= 0)
		return rc;
	if (run->at[AT_VERSION] == c.version && run->at[AT_SEND] < c.last_send_id) {
		if (store_recount_recipients(run->env->pg, &c, run->n, &run->at[AT_SEND], &run->at[AT_COUNTS], err) < 0)
			return -1;
		if (run->at[AT_SEND] < c.last_send_id)
			return 1;
		rc = store_recount_campaign(run->env->pg, c.workspace_id, c.id, &c, err);
		if (rc < 0)
			return -1;
		if (rc > 0 && run->at[AT_VERSION] == c.version)
			campaign_compare(run, &c);
	}
	run->at[AT_SEND] = 0;
	for (int i = AT_VERSION; i < AT_COUNTS + RECIPIENT_COUNTS; i++)
		run->at[i] = 0;
	return 1;
}

static const struct section sections[] = {
	{ "progress", true, progress_step },
	{ "participants", false, participants_step },
	{ "campaigns", false, campaigns_step },
	{ "unread", false, unread_step },
};

int recount_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	return sections_step(sections, sizeof(sections) / sizeof(sections[0]), env, step, err);
}
