/* See cleanup_recount.h. Invariant: nothing here changes a row.
 *
 * Pages are planned with their values (unnamed): a generic plan of LIMIT expects a tenth of the table. What is asked of a row with a difference is
 * asked behind OFFSET 0, of few rows: before the comparison it cost a quarter of the whole. */
#include "store/cleanup_recount.h"

#include "store/cells.h"
#include "store/private.h"
#include "store/statements.h"

/* $1 to $4: a page in key order; each statement answers a row with its end even when nothing differs, none for an empty page. */
#define PAGE(columns, table) \
	"WITH page AS MATERIALIZED (SELECT v.workspace_id, v.id, " columns " FROM " table \
	" v WHERE (v.workspace_id, v.id) > ($1::bigint, $2::bigint) AND v.workspace_id <= $3::bigint" \
	" ORDER BY v.workspace_id, v.id LIMIT $4::bigint)"
#define PAGE_END \
	" FROM (SELECT (SELECT count(*) FROM page) AS n, workspace_id, id FROM page ORDER BY workspace_id DESC, id DESC LIMIT 1) AS e"

#define CONVERSATION_GOES WORKSPACE_GOES("n.workspace_id")
#define CAMPAIGN_GOES     WORKSPACE_GOES("c.workspace_id")

static const struct pg_stmt unread = {
	"recount_unread", PG_UNNAMED,
	PAGE("v.uuid, v.account_id, v.unread_messages, v.last_read_at, v.merged_into",
		"conversations") " SELECT e.n, e.workspace_id, e.id, d.uuid, w.uuid, a.uuid, a.provider_type, a.bridge_kind,"
				 " d.merged_into IS NOT NULL, d.unread_messages::bigint, d.counted" PAGE_END
				 " LEFT JOIN (SELECT n.* FROM (SELECT p.*, n.counted FROM page p CROSS JOIN LATERAL (SELECT count(*) AS counted FROM chats c"
				 " WHERE c.workspace_id = p.workspace_id AND c.conversation_id = p.id AND p.merged_into IS NULL AND " MESSAGE_COUNTABLE
				 " AND c.sent_at > coalesce(p.last_read_at, '-infinity')) AS n WHERE p.unread_messages <> n.counted OFFSET 0) AS n"
				 " WHERE NOT " CONVERSATION_GOES ") AS d ON true"
				 " LEFT JOIN LATERAL (SELECT w.uuid FROM workspaces w WHERE w.id = d.workspace_id OFFSET 0) AS w ON true"
				 " LEFT JOIN LATERAL (SELECT a.uuid, a.provider_type, a.bridge_kind FROM whatsapp_accounts a"
				 " WHERE a.workspace_id = d.workspace_id AND a.id = d.account_id OFFSET 0) AS a ON true"
};

static const struct pg_stmt participants = {
	"recount_participants", PG_UNNAMED,
	PAGE("v.uuid, v.participants_count::bigint AS stored, jsonb_array_length(v.participants)::bigint AS counted",
		"whatsapp_groups") " SELECT e.n, e.workspace_id, e.id, d.uuid, w.uuid, d.stored, d.counted" PAGE_END
				   " LEFT JOIN (SELECT * FROM page WHERE stored <> counted) AS d ON true"
				   " LEFT JOIN LATERAL (SELECT w.uuid FROM workspaces w WHERE w.id = d.workspace_id OFFSET 0) AS w ON true"
};

#define OUTCOMES_SUM "(applied + no_effect + filtered + parked + dead_lettered + skipped)"
static const struct pg_stmt progress = { "recount_progress", PG_PREPARED,
	"SELECT consumer, topic, partition, " OUTCOMES_SUM
	", coalesce(next_offset - start_offset, 0) FROM consumer_progress WHERE " OUTCOMES_SUM
	" <> coalesce(next_offset - start_offset, 0) ORDER BY consumer, topic, partition" };

/* The columns of campaigns follow campaign_counts within seconds, and for 7 days after the campaign has ended (driver_list): they are compared
 * when the counts have not changed for 10 minutes, and had not after the sixth day. A deleted campaign may have lost recipients
 * (cleanup_campaigns.h). */
#define CAMPAIGN \
	"SELECT c.workspace_id, c.id, w.uuid, c.uuid, c.first_send_id, c.last_send_id, n.version, n.recipients, n.sent, n.delivered, n.read," \
	" n.failed, n.skipped, n.unknown, c.recipients, c.messages_sent, c.messages_delivered, c.messages_read, c.messages_failed," \
	" c.messages_skipped, c.messages_unknown, n.changed_at < now() - interval '10 minutes'" \
	" AND n.changed_at < coalesce(c.completed_at, 'infinity') + interval '6 days' FROM (SELECT c.workspace_id, c.id, c.uuid, c.first_send_id, c.last_send_id, c.recipients," \
	" c.messages_sent, c.messages_delivered, c.messages_read, c.messages_failed, c.messages_skipped, c.messages_unknown," \
	" c.completed_at FROM campaigns c WHERE "
#define CAMPAIGN_COUNTS \
	" AND c.deleted_at IS NULL AND c.prepared_at IS NOT NULL AND c.last_send_id IS NOT NULL AND NOT " CAMPAIGN_GOES \
	" ORDER BY c.workspace_id, c.id LIMIT 1) AS c CROSS JOIN LATERAL (SELECT" \
	" coalesce(hashtextextended(string_agg(n::text, ' ' ORDER BY n.source, n.slot), 0), 0) AS version," \
	" coalesce(max(n.updated_at), '-infinity') AS changed_at, coalesce(sum(n.recipients), 0)::bigint AS recipients," \
	" coalesce(sum(n.sent), 0)::bigint AS sent, coalesce(sum(n.delivered), 0)::bigint AS delivered, coalesce(sum(n.read), 0)::bigint AS read," \
	" coalesce(sum(n.failed), 0)::bigint AS failed, coalesce(sum(n.skipped), 0)::bigint AS skipped," \
	" coalesce(sum(n.unknown), 0)::bigint AS unknown FROM campaign_counts n WHERE n.workspace_id = c.workspace_id AND n.campaign_id = c.id)" \
	" AS n LEFT JOIN LATERAL (SELECT w.uuid FROM workspaces w WHERE w.id = c.workspace_id OFFSET 0) AS w ON true"

static const struct pg_stmt campaign_next = { "recount_campaign_next", PG_UNNAMED,
	CAMPAIGN "(c.workspace_id, c.id) > ($1::bigint, $2::bigint) AND c.workspace_id <= $3::bigint" CAMPAIGN_COUNTS };

static const struct pg_stmt campaign_one = { "recount_campaign", PG_UNNAMED,
	CAMPAIGN "c.workspace_id = $1::bigint AND c.id = $2::bigint" CAMPAIGN_COUNTS };

/* Rows of other campaigns in the range are read and left out, as by lanes (db/README.md, Sending). */
static const struct pg_stmt recipients = {
	"recount_recipients", PG_UNNAMED,
	"SELECT coalesce(max(s.id), 0), count(*), count(*) FILTER (WHERE own), count(*) FILTER (WHERE own AND status IN ('sent', 'delivered', 'read')),"
	" count(*) FILTER (WHERE own AND status IN ('delivered', 'read')), count(*) FILTER (WHERE own AND status = 'read'),"
	" count(*) FILTER (WHERE own AND status = 'failed'), count(*) FILTER (WHERE own AND status = 'skipped'),"
	" count(*) FILTER (WHERE own AND status = 'unknown') FROM (SELECT s.id, s.status, s.campaign_id IS NOT DISTINCT FROM $2::bigint AS own"
	" FROM sends s WHERE s.workspace_id = $1::bigint AND s.id > $3::bigint AND s.id <= $4::bigint ORDER BY s.id LIMIT $5::bigint) AS s"
};

const struct pg_stmt *const cleanup_recount_statements[] = { &unread, &participants, &progress, &campaign_next,
	&campaign_one, &recipients, NULL };

static int page_run(struct pg *pg, const struct pg_stmt *stmt, struct key_page *page, struct pg_rows **rows,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i64(args, page->workspace_id);
	pg_arg_i64(args, page->id);
	pg_arg_i64(args, page->last_workspace_id);
	pg_arg_i64(args, page->limit);
	rc = pg_run(pg, stmt, args, rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	page->n = 0;
	return 0;
}

/* Whether the row has a difference, whose uuid *id gets. */
static bool page_read(struct cells *c, struct key_page *page, struct uuid *id)
{
	page->n = cells_i64(c);
	page->end_workspace_id = cells_i64(c);
	page->end_id = cells_i64(c);
	*id = cells_uuid(c);
	return !uuid_is_nil(id);
}

int store_recount_unread(struct pg *pg, struct key_page *page,
	void (*each)(void *ctx, const struct unread_difference *d), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (page_run(pg, &unread, page, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct unread_difference d;

		if (!page_read(&c, page, &d.conversation))
			continue;
		d.workspace = cells_uuid(&c);
		d.account = cells_uuid(&c);
		d.provider = provider_parse(cells_borrow(&c));
		d.bridge = bridge_parse(cells_borrow(&c));
		d.merged = cells_bool(&c);
		d.stored = cells_i64(&c);
		d.counted = cells_i64(&c);
		each(ctx, &d);
	}
	pg_rows_free(rows);
	return 0;
}

int store_recount_participants(struct pg *pg, struct key_page *page,
	void (*each)(void *ctx, const struct group_difference *d), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (page_run(pg, &participants, page, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct group_difference d;

		if (!page_read(&c, page, &d.group))
			continue;
		d.workspace = cells_uuid(&c);
		d.stored = cells_i64(&c);
		d.counted = cells_i64(&c);
		each(ctx, &d);
	}
	pg_rows_free(rows);
	return 0;
}

int store_recount_progress(struct pg *pg, void (*each)(void *ctx, const struct progress_difference *d), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &progress, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct progress_difference d;

		d.consumer = cells_borrow(&c);
		d.topic = cells_borrow(&c);
		d.partition = cells_i32(&c);
		d.counted = cells_i64(&c);
		d.passed = cells_i64(&c);
		each(ctx, &d);
	}
	pg_rows_free(rows);
	return 0;
}

const char *store_recipient_count_word(enum recipient_count c)
{
	static const char *const words[RECIPIENT_COUNTS] = { "recipients", "sent", "delivered", "read", "failed",
		"skipped", "unknown" };

	return c < RECIPIENT_COUNTS ? words[c] : "";
}

static void counts_read(struct cells *c, int64_t counts[RECIPIENT_COUNTS])
{
	for (int i = 0; i < RECIPIENT_COUNTS; i++)
		counts[i] = cells_i64(c);
}

/* Frees args. */
static int campaign_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct campaign_recount *out,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;
	int rc = pg_run(pg, stmt, args, &rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, NULL);
	rc = cells_more(&c);
	if (rc) {
		out->workspace_id = cells_i64(&c);
		out->id = cells_i64(&c);
		out->workspace = cells_uuid(&c);
		out->campaign = cells_uuid(&c);
		out->first_send_id = cells_id(&c);
		out->last_send_id = cells_id(&c);
		out->version = cells_i64(&c);
		counts_read(&c, out->counts);
		counts_read(&c, out->shown);
		out->is_quiet = cells_bool(&c);
	}
	pg_rows_free(rows);
	return rc;
}

int store_recount_campaign_next(struct pg *pg, int64_t workspace_id, int64_t id, int64_t last_workspace_id,
	struct campaign_recount *out, struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, id);
	pg_arg_i64(args, last_workspace_id);
	return campaign_run(pg, &campaign_next, args, out, err);
}

int store_recount_campaign(struct pg *pg, int64_t workspace_id, int64_t id, struct campaign_recount *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, workspace_id);
	pg_arg_i64(args, id);
	return campaign_run(pg, &campaign_one, args, out, err);
}

int store_recount_recipients(struct pg *pg, const struct campaign_recount *campaign, int64_t limit, int64_t *after,
	int64_t counts[RECIPIENT_COUNTS], struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int64_t last, found[RECIPIENT_COUNTS];
	struct cells c;
	int rc;

	pg_arg_i64(args, campaign->workspace_id);
	pg_arg_i64(args, campaign->id);
	pg_arg_i64(args, *after);
	pg_arg_i64(args, campaign->last_send_id);
	pg_arg_i64(args, limit);
	rc = pg_run(pg, &recipients, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	c = cells_of(rows, NULL);
	last = cells_i64(&c);
	*after = cells_i64(&c) < limit ? campaign->last_send_id : last;
	counts_read(&c, found);
	for (int i = 0; i < RECIPIENT_COUNTS; i++)
		counts[i] += found[i];
	pg_rows_free(rows);
	return 0;
}
