/* See begin.h. */
#include "campaign-sender/driver/begin.h"

#include "base/buf.h"
#include "base/log.h"
#include "campaign-sender/driver/chunk.h"
#include "store/send_lanes.h"

/* "opted_out 3, missing_variable (var.day) 12" */
static struct str skipped_text(const struct chunk *c, struct arena *a, const struct reasons *why)
{
	struct buf b = BUF_INIT;
	struct str text;

	for (size_t i = 0; i < c->n_reasons; i++) {
		const struct chunk_reason *r = &c->reasons[i];

		buf_printf(&b, "%s%.*s", i > 0 ? ", " : "", STR_ARG(r->reason));
		if (r->variable.n > 0)
			buf_printf(&b, " (%s)", reasons_quote(why, r->variable));
		buf_printf(&b, " %zu", r->n);
	}
	text = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return text;
}

static int audience_check(const struct driving *w, const struct plan *p, struct reasons *why, struct err *err)
{
	struct chunk sample = { 0 };
	int rc = chunk_read(&sample, w, p, STR(""), (int)w->shared->settings->campaign_chunk, err);

	if (rc == 0 && sample.n == 0 && sample.is_last)
		reasons_add(why, "audience: it is empty");
	else if (rc == 0 && sample.sendable == 0 && sample.n > 0 && sample.is_last)
		reasons_add(why, "audience: none of the %zu recipients can be sent to: %s", sample.n,
			skipped_text(&sample, w->arena, why).p);
	chunk_fini(&sample);
	return rc;
}

static int plan_validated(const struct driving *w, const struct campaign_row *row, struct plan *plan,
	struct reasons *why, struct err *err)
{
	if (plan_choose(w, row, plan, why, err) < 0)
		return -1;
	return plan->audience_found ? audience_check(w, plan, why, err) : 0;
}

struct str reasons_text(const struct reasons *why, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct str text;

	for (size_t i = 0; i < why->n; i++)
		buf_printf(&b, "%s%.*s", i > 0 ? "; " : "", STR_ARG(why->at[i]));
	if (why->more > 0)
		buf_printf(&b, "; and %zu more", why->more);
	text = arena_str(a, buf_str(&b));
	buf_fini(&b);
	return text;
}

/* An account's partition is -1 until the number of partitions of outbound is known. */
static int partitions_check(const struct plan *p, struct err *err)
{
	for (size_t i = 0; i < p->n_accounts; i++)
		if (p->accounts[i]->partition < 0)
			return err_set(err, ERR_RETRY, "partitions",
				"the number of partitions of outbound is not known yet");
	return 0;
}

/* Lanes first: a lane that has no row yet is added, and its owner's flush cannot pass meanwhile. */
static int segments_add(const struct driving *w, const struct plan *p, struct err *err)
{
	struct campaign_segment segments[CAMPAIGN_SEGMENTS_MAX];
	struct send_lane_key lanes[CAMPAIGN_SEGMENTS_MAX];

	for (size_t i = 0; i < p->n_accounts; i++) {
		const struct account *a = p->accounts[i];

		lanes[i] = (struct send_lane_key){ p->row->workspace_id, a->id, a->partition };
		segments[i] = (struct campaign_segment){ .workspace_id = p->row->workspace_id,
			.campaign_id = p->row->id,
			.segment = (int16_t)i,
			.account_id = a->id,
			.partition = a->partition };
	}
	if (partitions_check(p, err) < 0 || store_send_lanes_lock(w->pg, lanes, p->n_accounts, err) < 0)
		return -1;
	return store_campaign_segments_insert(w->pg, segments, p->n_accounts, err);
}

static void begin_log(const struct campaign_row *row, const struct plan *p, size_t reasons)
{
	char campaign[37];

	uuid_format(&row->uuid, campaign);
	if (row->status == CAMPAIGN_FAILED)
		log_info("campaign failed validation", LOG_I("workspace", row->workspace_id),
			LOG_S("campaign", campaign), LOG_I("reasons", reasons));
	else
		log_info(row->status == CAMPAIGN_RUNNING ? "campaign started" : "campaign scheduled",
			LOG_I("workspace", row->workspace_id), LOG_S("campaign", campaign),
			LOG_I("segments", p->n_accounts));
}

static int begin_write(const struct driving *w, const struct campaign_row *row, const struct plan *p, struct err *err)
{
	if (row->status == CAMPAIGN_RUNNING && segments_add(w, p, err) < 0)
		return -1;
	return campaign_change(w, row,
		row->status == CAMPAIGN_FAILED              ? "failed"
			: row->status == CAMPAIGN_SCHEDULED ? NULL
							    : "started",
		err);
}

int campaign_begin(const struct driving *w, struct campaign_row *row, bool now, struct err *err)
{
	struct reasons why;
	struct plan plan;

	reasons_init(&why, w->arena);
	if (plan_validated(w, row, &plan, &why, err) < 0)
		return -1;
	row->pause_code = row->pause_reason = row->error_message = STR_NONE;
	row->status = now ? CAMPAIGN_RUNNING : CAMPAIGN_SCHEDULED;
	if (reasons_count(&why) > 0) {
		row->status = CAMPAIGN_FAILED;
		row->error_message = reasons_text(&why, w->arena);
	}
	if (begin_write(w, row, &plan, err) < 0)
		return -1;
	begin_log(row, &plan, reasons_count(&why));
	return 0;
}
