/* See cleanup_orphans.h. Invariant: a row that is deleted was found by the same condition in the same statement.
 *
 * Pages are planned with their values (unnamed), as those of cleanup_recount.c. */
#include "store/cleanup_orphans.h"

#include "store/private.h"
#include "store/statements.h"

/* $1 to $4: a page in key order; an empty page answers no row. */
#define PAGE(id, columns, table) \
	"WITH page AS MATERIALIZED (SELECT v.workspace_id, v." id " AS id" columns " FROM " table \
	" v WHERE (v.workspace_id, v." id ") > ($1::bigint, $2::bigint) AND v.workspace_id <= $3::bigint" \
	" ORDER BY v.workspace_id, v." id " LIMIT $4::bigint)"
#define PAGE_END \
	" FROM (SELECT count(*) OVER () AS n, workspace_id, id FROM page ORDER BY workspace_id DESC, id DESC LIMIT 1) AS e"

/* $5: delete the rows of found. By their place, so that no plan can join the table again; a row that has been written meanwhile is looked at
 * as it is now. */
#define DELETION(table, over, again) \
	", gone AS (DELETE FROM " table \
	" t WHERE $5::boolean AND t.ctid = ANY (ARRAY(SELECT place FROM found)) AND " over " RETURNING 1)" \
	" SELECT e.n, e.workspace_id, e.id, (SELECT count(*) FROM found), (SELECT count(*) FROM gone), " again \
		PAGE_END

#define QR_OVER "t.expires_at < now()"
static const struct pg_stmt qr = { "orphans_qr", PG_UNNAMED,
	PAGE("account_id", ", v.ctid AS place, v.expires_at",
		"account_qr") ", found AS (SELECT t.place FROM page t WHERE " QR_OVER
			      ")" DELETION("account_qr", QR_OVER, "false") };

#define LOG_OVER "t.executed_at < now() - interval '1 year'"
static const struct pg_stmt logs = { "orphans_logs", PG_UNNAMED,
	PAGE("id", ", v.ctid AS place, v.executed_at",
		"session_cleanup_logs") ", found AS (SELECT t.place FROM page t WHERE " LOG_OVER
					")" DELETION("session_cleanup_logs", LOG_OVER, "false") };

/* An account may have more batches than a page has accounts. */
#define SYNC_OVER "NOT t.open AND t.ended_at < now() - interval '30 days'"
static const struct pg_stmt syncs = { "orphans_syncs", PG_UNNAMED,
	PAGE("id", "",
		"whatsapp_accounts") ", found AS (SELECT s.place FROM page p CROSS JOIN LATERAL (SELECT t.ctid AS place FROM account_syncs t"
				     " WHERE t.workspace_id = p.workspace_id AND t.account_id = p.id AND " SYNC_OVER
				     " OFFSET 0) AS s"
				     " LIMIT CASE WHEN $5::boolean THEN $4::bigint END)" DELETION("account_syncs",
					     SYNC_OVER, "$5 AND (SELECT count(*) FROM found) >= $4") };

#define REPORT \
	" SELECT e.n, e.workspace_id, e.id, (SELECT count(*) FROM found), w.uuid, f.uuid" PAGE_END \
	" LEFT JOIN (SELECT * FROM found LIMIT 1) AS f ON true" \
	" LEFT JOIN LATERAL (SELECT w.uuid FROM workspaces w WHERE w.id = f.workspace_id OFFSET 0) AS w ON true"

/* A contact that was merged has left its aliases and conversations to another; an erased one says nothing. */
static const struct pg_stmt contacts = { "orphans_contacts", PG_UNNAMED,
	PAGE("id",
		", v.uuid, v.merged_into, v.deleted_at, coalesce(v.full_name, v.phone, v.email, v.profile_picture) AS says",
		"contacts") ", found AS MATERIALIZED (SELECT p.workspace_id, p.uuid FROM page p WHERE p.merged_into IS NULL"
			    " AND p.deleted_at IS NULL AND p.says IS NOT NULL"
			    " AND NOT (SELECT EXISTS (SELECT FROM contact_aliases a WHERE a.workspace_id = p.workspace_id AND a.contact_id = p.id))"
			    " AND NOT (SELECT EXISTS (SELECT FROM conversations v WHERE v.workspace_id = p.workspace_id AND v.contact_id = p.id))"
			    " AND NOT " WORKSPACE_GOES("p.workspace_id") ")" REPORT };

/* Retention deletes the last message of a conversation, too. */
static const struct pg_stmt last_messages = { "orphans_last_messages", PG_UNNAMED,
	PAGE("id", ", v.uuid, v.last_message_id",
		"conversations") ", found AS MATERIALIZED (SELECT p.workspace_id, p.uuid FROM page p WHERE p.last_message_id IS NOT NULL"
				 " AND NOT (SELECT EXISTS (SELECT FROM chats c WHERE c.workspace_id = p.workspace_id AND c.id = p.last_message_id))"
				 " AND (SELECT " RETENTION_DAYS " IS NULL AND w.deleted_at IS NULL FROM workspaces w"
				 " WHERE w.id = p.workspace_id))" REPORT };

static const struct pg_stmt outbox = { "orphans_outbox", PG_PREPARED,
	"SELECT producer, topic, slot, records, since FROM outbox_waiting('10 minutes')" };

static const struct pg_stmt progress = { "orphans_progress", PG_PREPARED,
	"SELECT consumer, topic, partition, 0::bigint, updated_at FROM consumer_progress WHERE updated_at < now() - interval '30 days'"
	" ORDER BY consumer, topic, partition" };

const struct pg_stmt *const cleanup_orphans_statements[] = { &qr, &logs, &syncs, &contacts, &last_messages, &outbox,
	&progress, NULL };

static struct pg_args *page_args(const struct key_page *page)
{
	struct pg_args *args = pg_args_new();

	pg_arg_i64(args, page->workspace_id);
	pg_arg_i64(args, page->id);
	pg_arg_i64(args, page->last_workspace_id);
	pg_arg_i64(args, page->limit);
	return args;
}

/* The first row of the answer, of which *rows is NULL when the page is empty. Frees args. */
static int page_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct key_page *page,
	struct pg_rows **rows, struct cells *c, struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	if (rc < 0)
		return -1;
	*c = cells_of(*rows, NULL);
	page->n = 0;
	if (cells_more(c)) {
		page->n = cells_i64(c);
		page->end_workspace_id = cells_i64(c);
		page->end_id = cells_i64(c);
	}
	return 0;
}

static int deletion_run(struct pg *pg, const struct pg_stmt *stmt, struct key_page *page, struct page_deletion *d,
	struct err *err)
{
	struct pg_args *args = page_args(page);
	struct pg_rows *rows = NULL;
	struct cells c;

	pg_arg_bool(args, !d->dry);
	if (page_run(pg, stmt, args, page, &rows, &c, err) < 0)
		return -1;
	d->found = d->deleted = 0;
	d->again = false;
	if (page->n > 0) {
		d->found = cells_i64(&c);
		d->deleted = cells_i64(&c);
		d->again = cells_bool(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_orphans_qr(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err)
{
	return deletion_run(pg, &qr, page, d, err);
}

int store_orphans_syncs(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err)
{
	return deletion_run(pg, &syncs, page, d, err);
}

int store_orphans_logs(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err)
{
	return deletion_run(pg, &logs, page, d, err);
}

static int report_run(struct pg *pg, const struct pg_stmt *stmt, struct key_page *page, struct page_report *r,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct cells c;

	if (page_run(pg, stmt, page_args(page), page, &rows, &c, err) < 0)
		return -1;
	*r = (struct page_report){ 0 };
	if (page->n > 0) {
		r->found = cells_i64(&c);
		r->workspace = cells_uuid(&c);
		r->example = cells_uuid(&c);
	}
	pg_rows_free(rows);
	return 0;
}

int store_orphans_contacts(struct pg *pg, struct key_page *page, struct page_report *r, struct err *err)
{
	return report_run(pg, &contacts, page, r, err);
}

int store_orphans_last_messages(struct pg *pg, struct key_page *page, struct page_report *r, struct err *err)
{
	return report_run(pg, &last_messages, page, r, err);
}

static int reports_run(struct pg *pg, const struct pg_stmt *stmt,
	void (*each)(void *ctx, const struct orphan_report *r), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, stmt, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct orphan_report r;

		r.program = cells_borrow(&c);
		r.topic = cells_borrow(&c);
		r.partition = cells_i32(&c);
		r.records = cells_i64(&c);
		r.since_us = cells_time(&c);
		each(ctx, &r);
	}
	pg_rows_free(rows);
	return 0;
}

int store_orphans_outbox(struct pg *pg, void (*each)(void *ctx, const struct orphan_report *r), void *ctx,
	struct err *err)
{
	return reports_run(pg, &outbox, each, ctx, err);
}

int store_orphans_progress(struct pg *pg, void (*each)(void *ctx, const struct orphan_report *r), void *ctx,
	struct err *err)
{
	return reports_run(pg, &progress, each, ctx, err);
}
