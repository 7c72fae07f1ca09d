/* blazzctl campaigns show and list. What a campaign waits for is read from its rows, as campaign-sender left them. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "campaigns.h"
#include "facts.h"
#include "store/send_lanes.h"
#include "terminal.h"

#define LOOK_MS      1000
#define LIMIT_LISTED 100

static bool is_over(const struct campaign_row *row)
{
	return row->status == CAMPAIGN_COMPLETED || row->status == CAMPAIGN_CANCELLED || row->status == CAMPAIGN_FAILED;
}

static int64_t ended(const struct campaign_counters *n)
{
	return n->sent + n->failed + n->skipped + n->unknown;
}

/* What it waits for */

struct waits {
	struct table *table;
	struct buf *line; /* for --follow */
	struct pg *ops;
	int64_t workspace_id;
	struct err *err;
	int rc;
};

static void wait_add(struct waits *w, struct str what, struct str account, int64_t until_us, struct str details)
{
	char until[25] = "";

	table_text(w->table, what);
	table_text(w->table, account);
	table_time(w->table, until_us);
	table_text(w->table, details);
	if (until_us != PG_NO_TIME && until_us != INT64_MAX)
		clock_format_ms(until_us / 1000, until);
	buf_printf(w->line, "%s%.*s%s%.*s%s%s", w->line->n ? ", " : "", STR_ARG(what), account.n ? " " : "",
		STR_ARG(account), until[0] ? " until " : "", until);
}

/* Campaigns of a portfolio wait when it has used up its messages of 24 hours. */
static void portfolio_add(struct waits *w, const struct segment_info *s)
{
	char details[80];
	int64_t sends, again_us;

	if (s->business_id.n == 0 || s->portfolio_per_day == 0 || w->rc < 0)
		return;
	w->rc = store_portfolio_read(w->ops, w->workspace_id, s->business_id, &sends, &again_us, w->err);
	if (w->rc < 0 || sends < s->portfolio_per_day)
		return;
	snprintf(details, sizeof(details), "%lld of %lld messages in 24 hours", (long long)sends,
		(long long)s->portfolio_per_day);
	wait_add(w, STR("portfolio"), s->session_id, again_us, str_of(details));
}

static void segment_wait(void *ctx, const struct segment_info *s)
{
	struct waits *w = ctx;

	if (s->done)
		return;
	if (!s->connected)
		wait_add(w, STR("account_not_connected"), s->session_id, PG_NO_TIME, STR_NONE);
	if (s->held)
		wait_add(w, STR("account_held"), s->session_id, s->held_until_us, s->held_code);
	if (!uuid_is_nil(&s->moving_to))
		wait_add(w, STR("moving_to_another_account"), s->session_id, PG_NO_TIME, STR_NONE);
	if (!s->window_open)
		wait_add(w, STR("window"), s->session_id, s->window_until_us, STR_NONE);
	if (s->paused_until_us != PG_NO_TIME)
		wait_add(w, STR("rate_limit"), s->session_id, s->paused_until_us, STR_NONE);
	if (s->next_us != PG_NO_TIME)
		wait_add(w, STR("gap"), s->session_id, s->next_us, STR_NONE);
	portfolio_add(w, s);
}

static void state_wait(struct waits *w, const struct campaign_info *c)
{
	const struct campaign_row *row = &c->row;

	if (row->status == CAMPAIGN_DRAFT || row->status == CAMPAIGN_FAILED)
		wait_add(w, STR("start"), STR_NONE, PG_NO_TIME, STR_NONE);
	if (row->status == CAMPAIGN_SCHEDULED)
		wait_add(w, STR("schedule"), STR_NONE, row->scheduled_us, STR_NONE);
	if (row->status == CAMPAIGN_PAUSED)
		wait_add(w, STR("resume"), STR_NONE, PG_NO_TIME, row->pause_code);
	if (row->status == CAMPAIGN_RUNNING && row->prepared_us == PG_NO_TIME)
		wait_add(w, STR("preparation"), STR_NONE, PG_NO_TIME, STR_NONE);
	if (row->status == CAMPAIGN_RUNNING && c->counters.unknown > 0 && ended(&c->counters) == c->counters.recipients)
		wait_add(w, STR("unknown_outcomes"), STR_NONE, PG_NO_TIME, STR_NONE);
}

static int waits_read(struct ctl *ctl, const struct campaign_info *c, struct waits *w, struct err *err)
{
	struct pg *admin;

	state_wait(w, c);
	if (c->row.status != CAMPAIGN_RUNNING)
		return 0;
	w->err = err;
	w->workspace_id = c->row.workspace_id;
	if (ctl_pg_ops(ctl, &w->ops, err) < 0 || ctl_pg_admin(ctl, &admin, err) < 0 ||
		store_campaign_segments_list(admin, &c->counters.key, segment_wait, w, err) < 0)
		return -1;
	return w->rc;
}

/* Facts */

static struct table *campaign_table(const struct campaign_info *c)
{
	const struct campaign_row *row = &c->row;
	struct table *t = facts_new();

	fact_uuid(t, "campaign", &row->uuid);
	fact_uuid(t, "workspace", &row->workspace);
	fact_text(t, "name", row->name);
	fact_text(t, "type", row->type);
	fact_text(t, "template", c->template_name);
	fact_text(t, "language", c->template_language);
	fact_text(t, "status", str_of(store_campaign_status_word(row->status)));
	fact_text(t, "pause_code", row->pause_code);
	fact_text(t, "pause_reason", row->pause_reason);
	fact_text(t, "error_message", row->error_message);
	fact_uuid(t, "account", &row->account);
	fact_text(t, "preferred_provider", str_of(provider_word(row->preferred_provider)));
	fact_bool(t, "spread", row->spread);
	fact_bool(t, "allow_other_provider", row->allow_other_provider);
	fact_text(t, "audience", row->audience);
	fact_text(t, "on_unknown", row->on_unknown);
	fact_text(t, "send_window", row->send_window);
	fact_text(t, "time_zone", row->time_zone);
	fact_time(t, "scheduled_at", row->scheduled_us);
	fact_time(t, "created_at", c->created_us);
	fact_time(t, "started_at", row->started_us);
	fact_time(t, "prepared_at", row->prepared_us);
	fact_time(t, "completed_at", row->completed_us);
	return t;
}

static struct table *counters_table(const struct campaign_counters *n)
{
	static const char *const columns[] = { "recipients", "sent", "delivered", "read", "failed", "skipped",
		"unknown", NULL };
	struct table *t = table_new(columns);

	table_i64(t, n->recipients);
	table_i64(t, n->sent);
	table_i64(t, n->delivered);
	table_i64(t, n->read);
	table_i64(t, n->failed);
	table_i64(t, n->skipped);
	table_i64(t, n->unknown);
	return t;
}

static void reason_row(void *ctx, const struct campaign_reason *r)
{
	struct table *t = ctx;

	table_text(t, r->status);
	table_text(t, r->code);
	table_i64(t, r->n);
	table_text(t, r->example);
}

static void segment_row(void *ctx, const struct segment_info *s)
{
	struct table *t = ctx;

	table_i64(t, s->segment);
	table_text(t, s->session_id);
	table_uuid(t, &s->account);
	table_bool(t, s->connected);
	table_text(t, s->held ? s->held_code : STR_NONE);
	table_i64(t, s->in_flight);
	table_bool(t, s->done);
}

static const char *const reason_columns[] = { "status", "code", "recipients", "example", NULL };
static const char *const segment_columns[] = { "segment", "session_id", "account", "connected", "held_code",
	"in_flight", "done", NULL };
static const char *const wait_columns[] = { "waits_for", "session_id", "until", "details", NULL };

static int campaign_print(struct ctl *ctl, const struct campaign_info *c, struct err *err)
{
	struct table *facts = campaign_table(c), *counters = counters_table(&c->counters),
		     *reasons = table_new(reason_columns), *segments = table_new(segment_columns),
		     *waiting = table_new(wait_columns);
	struct buf line = BUF_INIT;
	struct waits w = { .table = waiting, .line = &line };
	struct pg *ops, *admin;
	int rc = -1;

	if (ctl_pg_ops(ctl, &ops, err) < 0 || ctl_pg_admin(ctl, &admin, err) < 0 || waits_read(ctl, c, &w, err) < 0 ||
		store_campaign_reasons(ops, &c->counters.key, reason_row, reasons, err) < 0 ||
		store_campaign_segments_list(admin, &c->counters.key, segment_row, segments, err) < 0)
		goto out;
	tables_print((const struct titled_table[]){ { "campaign", facts }, { "counters", counters },
			     { "reasons", reasons }, { "accounts", segments }, { "waits_for", waiting }, { 0 } },
		ctl->json);
	rc = 0;
out:
	table_free(facts);
	table_free(counters);
	table_free(reasons);
	table_free(segments);
	table_free(waiting);
	buf_fini(&line);
	return rc;
}

/* Following */

struct progress {
	int64_t ended, at_ms; /* at the last look */
	double rate; /* smoothed */
	int tenths;
	bool terminal;
};

static void rate_measure(struct progress *p, int64_t now_ended, int64_t now_ms)
{
	double rate = (double)(now_ended - p->ended) * 1000 / (double)(now_ms - p->at_ms > 0 ? now_ms - p->at_ms : 1);

	p->rate = p->at_ms == 0 ? 0 : p->rate * 0.7 + rate * 0.3;
	p->ended = now_ended;
	p->at_ms = now_ms;
}

/* One line that is updated in place; if standard error is not a terminal, one line for each tenth. */
static void progress_draw(struct progress *p, const struct campaign_info *c, struct str waits_for)
{
	enum { WIDTH = 30 };
	const struct campaign_counters *n = &c->counters;
	int percent = n->recipients > 0 ? (int)(ended(n) * 100 / n->recipients) : 0, full = percent * WIDTH / 100;

	if (!p->terminal && percent / 10 == p->tenths)
		return;
	p->tenths = percent / 10;
	if (p->terminal)
		fprintf(stderr, "\r\033[K[%.*s%*s] ", full, "##############################", WIDTH - full, "");
	fprintf(stderr, "%s %d %%, %lld of %lld, %.1f/s%s", store_campaign_status_word(c->row.status), percent,
		(long long)ended(n), (long long)n->recipients, p->rate, waits_for.n ? "; waits for " : "");
	terminal_print(stderr, waits_for);
	if (!p->terminal)
		fputc('\n', stderr);
}

static int progress_look(struct ctl *ctl, struct progress *p, const struct campaign_info *c, struct err *err)
{
	struct table *table = table_new(wait_columns);
	struct buf line = BUF_INIT;
	struct waits w = { .table = table, .line = &line };
	int rc = waits_read(ctl, c, &w, err);

	if (rc == 0) {
		rate_measure(p, ended(&c->counters), clock_mono_ms());
		progress_draw(p, c, buf_str(&line));
	}
	table_free(table);
	buf_fini(&line);
	return rc;
}

static int follow(struct ctl *ctl, const char *id, struct arena *a, struct campaign_info *c, struct err *err)
{
	struct progress p = { .terminal = isatty(STDERR_FILENO), .tenths = -1 };

	for (;;) {
		arena_reset(a);
		if (campaign_find(ctl, id, a, c, err) < 0)
			return -1;
		if (is_over(&c->row))
			break;
		if (!ctl->json && progress_look(ctl, &p, c, err) < 0)
			return -1;
		(void)poll(NULL, 0, LOOK_MS);
	}
	if (!ctl->json && p.terminal)
		fprintf(stderr, "\r\033[K");
	return 0;
}

int campaign_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct campaign_show_options *o = options;
	struct arena *a = arena_new(4096);
	struct campaign_info c;
	int rc = o->follow ? follow(ctl, arguments[0], a, &c, err) : campaign_find(ctl, arguments[0], a, &c, err);

	if (rc == 0)
		rc = campaign_print(ctl, &c, err);
	arena_free(a);
	return rc;
}

static void list_row(void *ctx, const struct campaign_info *c)
{
	const struct campaign_row *row = &c->row;
	const struct campaign_counters *n = &c->counters;
	struct table *t = ctx;

	table_uuid(t, &row->uuid);
	table_uuid(t, &row->workspace);
	table_text(t, row->name);
	table_text(t, str_of(store_campaign_status_word(row->status)));
	table_text(t, row->pause_code);
	table_i64(t, n->recipients);
	table_i64(t, n->sent);
	table_i64(t, n->failed);
	table_i64(t, n->skipped);
	table_i64(t, n->unknown);
	table_time(t, row->started_us);
	table_time(t, row->completed_us);
}

int campaign_list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "campaign", "workspace", "name", "status", "pause_code", "recipients",
		"sent", "failed", "skipped", "unknown", "started_at", "completed_at", NULL };
	const struct campaign_list_options *o = options;
	struct campaign_filter filter = { .statuses = o->statuses, .limit = LIMIT_LISTED };
	struct table *t = table_new(columns);
	struct tenant tenant = { 0 };
	struct pg *ops;
	int rc = -1;

	(void)arguments;
	if (o->limit > 0 && o->limit <= INT32_MAX)
		filter.limit = (int)o->limit;
	if ((o->workspace && tenant_find(ctl, o->workspace, &tenant, err) < 0) || ctl_pg_ops(ctl, &ops, err) < 0)
		goto out;
	filter.workspace_id = tenant.id;
	if (store_campaigns_list(ops, &filter, list_row, t, err) < 0)
		goto out;
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	return rc;
}
