/* See retention_private.h.
 *
 *   next campaign that has ended ──► marked as deleted ──► page of its recipients: deleted ──► ... ──► counts, segments, the campaign
 *                                    │ locked, or has begun again                                    │ a recipient was locked
 *                                    └► the next campaign; this one with the next run ◄──────────────┘
 *
 * The cursor is "c/workspace/campaign/send": behind this recipient of the campaign; send 0: behind the campaign. */
#include "cleanup/jobs/retention_private.h"

#include <inttypes.h>

#include "cleanup/jobs/cursor.h"
#include "store/cleanup_campaigns.h"

struct place {
	int64_t workspace_id, campaign_id, send_id;
};

/* A cursor of an unknown form begins anew. */
static struct place place_read(struct str cursor)
{
	struct place p = { 0 };
	struct str rest = str_slice(cursor, CAMPAIGNS_CURSOR.n, cursor.n);

	if (!cursor_cut(&rest, &p.workspace_id) || !cursor_cut(&rest, &p.campaign_id) || !cursor_cut(&rest, &p.send_id))
		return (struct place){ 0 };
	return p;
}

static struct str place_write(const struct place *p, struct arena *a)
{
	return arena_printf(a, "%.*s%" PRId64 "/%" PRId64 "/%" PRId64, STR_ARG(CAMPAIGNS_CURSOR), p->workspace_id,
		p->campaign_id, p->send_id);
}

/* The campaigns from the cursor's on, of the workspaces of the run. */
static int page_begin(const struct row_env *env, const struct place *from, int64_t n, struct key_page *page,
	struct err *err)
{
	int64_t only = 0;

	*page = (struct key_page){ .workspace_id = from->workspace_id,
		.id = from->send_id > 0 ? from->campaign_id - 1 : from->campaign_id,
		.last_workspace_id = INT64_MAX,
		.limit = n };
	if (uuid_is_nil(&env->workspace))
		return 0;
	if (store_cleanup_workspace_id(env->pg, &env->workspace, &only, err) < 0)
		return -1;
	if (from->workspace_id < only)
		*page = (struct key_page){ .workspace_id = only, .limit = n };
	page->last_workspace_id = only;
	return 0;
}

/* The recipients behind *after. */
static int recipients_work(const struct row_env *env, struct row_step *step, const struct ended_campaign *c,
	int64_t *after, struct err *err)
{
	int64_t *ids = NULL;
	size_t n;

	if (store_ended_recipients(env->pg, c, step->n, after, env->arena, &ids, &n, err) < 0)
		return -1;
	step->found += (int64_t)n;
	return env->dry_run ? 0 : store_ended_recipients_delete(env->pg, c, ids, n, &step->acted, err);
}

static int campaign_end(const struct row_env *env, struct row_step *step, const struct ended_campaign *c,
	struct err *err)
{
	int rc = env->dry_run ? 0 : store_ended_campaign_delete(env->pg, c, err);

	if (rc < 0)
		return -1;
	step->found++;
	step->acted += rc;
	return 0;
}

static int campaign_work(const struct row_env *env, struct row_step *step, const struct ended_campaign *c,
	struct place *at, struct err *err)
{
	bool is_same = at->workspace_id == c->workspace_id && at->campaign_id == c->id;
	int64_t after = is_same && at->send_id > 0 ? at->send_id : c->first_send_id - 1;
	int rc = env->dry_run ? 1 : store_ended_campaign_mark(env->pg, env->settings->retention_campaigns_ms, c, err);

	*at = (struct place){ .workspace_id = c->workspace_id, .campaign_id = c->id };
	if (rc <= 0)
		return rc;
	if (after < c->last_send_id && recipients_work(env, step, c, &after, err) < 0)
		return -1;
	if (after < c->last_send_id) {
		at->send_id = after;
		return 0;
	}
	return campaign_end(env, step, c, err);
}

int retention_campaigns_step(const struct row_env *env, struct row_step *step, struct err *err)
{
	struct place at = place_read(step->cursor);
	struct ended_campaign c;
	struct key_page page;
	int rc;

	if (page_begin(env, &at, step->n, &page, err) < 0)
		return -1;
	rc = store_ended_campaign(env->pg, env->settings->retention_campaigns_ms, &page, &c, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		if (campaign_work(env, step, &c, &at, err) < 0)
			return -1;
	} else {
		step->done = page.n < page.limit;
		at = (struct place){ .workspace_id = page.end_workspace_id, .campaign_id = page.end_id };
	}
	step->next = place_write(&at, env->arena);
	return 0;
}
