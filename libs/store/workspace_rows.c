/* See workspace_rows.h. Invariant: a statement deletes rows of the workspace $1 only.
 *
 * Pages are planned with their values (unnamed), as those of cleanup_recount.c. Rows are deleted by their place, so that no plan can join the
 * table again. */
#include "store/workspace_rows.h"

#include "store/statements.h"

/* $1: workspace, $2: from, $3: limit. */
#define FIND(table, column, key, order) \
	{ "workspace_find_" table, PG_UNNAMED, \
		"SELECT count(*), coalesce(max(p.k), 0), 0::bigint FROM (SELECT " key " AS k FROM " table \
		" t WHERE t." column " = $1::bigint AND " key " >= $2::bigint ORDER BY " order \
		" FETCH FIRST ($3::bigint) ROWS WITH TIES) AS p" }
#define DELETE(table, column, key, order, condition) \
	{ \
		"workspace_delete_" table, PG_UNNAMED, \
		"WITH page AS MATERIALIZED (SELECT t.tableoid AS part, t.ctid AS place, " key " AS k FROM " table \
		" t WHERE t." column " = $1::bigint AND " key " >= $2::bigint" condition " ORDER BY " order \
		" LIMIT $3::bigint), gone AS (DELETE FROM " table \
		" t USING page p WHERE t.ctid = p.place AND t.tableoid = p.part AND t." column \
		" = $1::bigint RETURNING 1) SELECT count(*), coalesce(max(k), 0), (SELECT count(*) FROM gone) FROM page" \
	}
#define PAIR(table, column, key, order, condition) \
	static const struct pg_stmt find_##table = FIND(#table, column, key, order); \
	static const struct pg_stmt delete_##table = DELETE(#table, column, key, order, condition)

/* In the order of an index that begins with the workspace and this column. */
#define PAIR_BY(table, k) PAIR(table, "workspace_id", "t." #k, "t.workspace_id, t." #k, "")
/* Without a number in its key; it has few rows of a workspace. */
#define PAIR_HEAP(table) PAIR(table, "workspace_id", "0::bigint", "t.workspace_id", "")

PAIR_BY(conversation_merges, conversation_id);
PAIR_HEAP(sender_renames);
PAIR_BY(chat_receipts, chat_id);
PAIR_BY(chat_reactions, chat_id);
PAIR_BY(chat_reactions_withdrawn, chat_id);
PAIR_BY(chat_media, chat_id);
PAIR_BY(chats, id);
PAIR_BY(parked_updates, id);
PAIR_BY(account_syncs, account_id);
PAIR_BY(conversations, id);
PAIR_BY(send_attempts, send_id);
PAIR_BY(sends, id);
PAIR_BY(campaign_segments, campaign_id);
PAIR_BY(campaign_counts, campaign_id);
PAIR_BY(campaigns, id);
PAIR_BY(contact_group_members, group_id);
PAIR_BY(contact_groups, id);
PAIR_HEAP(undeliverable);
PAIR_HEAP(portfolio_hours);
PAIR_BY(send_lanes, account_id);
PAIR_BY(templates, id);
PAIR_BY(webhook_attempts, endpoint_id);
PAIR_BY(webhook_positions, endpoint_id);
PAIR_BY(webhook_replays, id);
PAIR_BY(webhook_retry_queue, id);
PAIR_BY(webhook_endpoints, id);
PAIR_BY(erasures, id);
PAIR_BY(contact_opt_outs, id);
PAIR_BY(contact_former_aliases, contact_id);
PAIR_BY(contact_aliases, contact_id);
PAIR(contacts, "workspace_id", "t.id", "t.workspace_id, t.id",
	" AND NOT EXISTS (SELECT FROM contacts m WHERE m.workspace_id = $1::bigint AND m.merged_into = t.id OFFSET 0)");
PAIR_BY(whatsapp_groups, id);
PAIR_BY(account_qr, account_id);
PAIR_BY(account_control, account_id);
PAIR_BY(session_cleanup_logs, id);
PAIR_BY(whatsapp_accounts, id);
PAIR(provider_apps, "workspace_id", "t.id", "t.id", "");
PAIR_BY(users, id);
PAIR(workspaces, "id", "t.id", "t.id", "");

#define TABLE(name) { #name, &find_##name, &delete_##name, false }
const struct workspace_table workspace_tables[] = {
	TABLE(conversation_merges), /* first: chat-sync moves messages that these two name */
	TABLE(sender_renames),
	TABLE(chat_receipts),
	TABLE(chat_reactions),
	TABLE(chat_reactions_withdrawn),
	TABLE(chat_media),
	TABLE(chats),
	TABLE(parked_updates),
	TABLE(account_syncs),
	TABLE(conversations),
	TABLE(send_attempts),
	TABLE(sends),
	TABLE(campaign_segments),
	TABLE(campaign_counts),
	TABLE(campaigns),
	TABLE(contact_group_members),
	TABLE(contact_groups),
	TABLE(undeliverable),
	TABLE(portfolio_hours),
	TABLE(send_lanes),
	TABLE(templates),
	TABLE(webhook_attempts),
	TABLE(webhook_positions),
	TABLE(webhook_replays),
	TABLE(webhook_retry_queue),
	TABLE(webhook_endpoints),
	TABLE(erasures),
	TABLE(contact_opt_outs),
	TABLE(contact_former_aliases),
	TABLE(contact_aliases),
	{ "contacts", &find_contacts, &delete_contacts, true },
	TABLE(whatsapp_groups),
	TABLE(account_qr),
	TABLE(account_control),
	TABLE(session_cleanup_logs),
	TABLE(whatsapp_accounts),
	TABLE(provider_apps),
	TABLE(users),
	TABLE(workspaces),
};
const size_t workspace_tables_count = sizeof(workspace_tables) / sizeof(workspace_tables[0]);

/* After a week a deleted account's session counts as gone: GIVE_UP_US in services/cleanup/accounts/account.h. */
static const struct pg_stmt due = { "workspace_deletion", PG_PREPARED,
	"SELECT w.id, w.deletion_stage IS NOT NULL, coalesce(w.deletion_stage_at <= now() - $4::bigint * interval '1 millisecond', false)"
	" AND NOT EXISTS"
	" (SELECT FROM whatsapp_accounts a LEFT JOIN account_control c ON (c.workspace_id, c.account_id) = (a.workspace_id, a.id)"
	" WHERE a.workspace_id = w.id AND (a.deleted_at IS NULL OR (c.gone_at IS NULL AND a.deleted_at > now() - interval '7 days'))),"
	" w.deletion_stage IS NOT DISTINCT FROM 'rows' FROM workspaces w WHERE w.deleted_at IS NOT NULL AND w.id >= $1::bigint"
	" AND ($2::uuid IS NULL OR w.uuid = $2::uuid) AND (w.deletion_stage IS NOT NULL"
	" OR w.deleted_at <= now() - $3::bigint * interval '1 millisecond') ORDER BY w.id LIMIT 1" };

static const struct pg_stmt stage = {
	"workspace_stage", PG_PREPARED,
	"UPDATE workspaces SET deletion_stage = $2::text, deletion_stage_at = now() WHERE id = $1::bigint AND deleted_at IS NOT NULL"
};

#define BOTH(name) &find_##name, &delete_##name
const struct pg_stmt *const workspace_rows_statements[] = { BOTH(conversation_merges), BOTH(sender_renames),
	BOTH(chat_receipts), BOTH(chat_reactions), BOTH(chat_reactions_withdrawn), BOTH(chat_media), BOTH(chats),
	BOTH(parked_updates), BOTH(account_syncs), BOTH(conversations), BOTH(send_attempts), BOTH(sends),
	BOTH(campaign_segments), BOTH(campaign_counts), BOTH(campaigns), BOTH(contact_group_members),
	BOTH(contact_groups), BOTH(undeliverable), BOTH(portfolio_hours), BOTH(send_lanes), BOTH(templates),
	BOTH(webhook_attempts), BOTH(webhook_positions), BOTH(webhook_replays), BOTH(webhook_retry_queue),
	BOTH(webhook_endpoints), BOTH(erasures), BOTH(contact_opt_outs), BOTH(contact_former_aliases),
	BOTH(contact_aliases), BOTH(contacts), BOTH(whatsapp_groups), BOTH(account_qr), BOTH(account_control),
	BOTH(session_cleanup_logs), BOTH(whatsapp_accounts), BOTH(provider_apps), BOTH(users), BOTH(workspaces), &due,
	&stage, NULL };

static int page_run(struct pg *pg, const struct pg_stmt *stmt, struct workspace_page *page, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, page->workspace_id);
	pg_arg_i64(args, page->from);
	pg_arg_i64(args, page->limit);
	rc = pg_run(pg, stmt, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	page->n = pg_i64(rows, 0, 0);
	page->to = pg_i64(rows, 0, 1);
	page->deleted = pg_i64(rows, 0, 2);
	pg_rows_free(rows);
	return 0;
}

int store_workspace_rows_find(struct pg *pg, const struct workspace_table *t, struct workspace_page *page,
	struct err *err)
{
	return page_run(pg, t->find, page, err);
}

int store_workspace_rows_delete(struct pg *pg, const struct workspace_table *t, struct workspace_page *page,
	struct err *err)
{
	return page_run(pg, t->delete, page, err);
}

int store_workspace_deletion(struct pg *pg, int64_t from_id, const struct workspace_limits *limits,
	struct workspace_deletion *out, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, from_id);
	pg_arg_uuid(args, uuid_is_nil(&limits->only) ? NULL : &limits->only);
	pg_arg_i64(args, limits->after_ms);
	pg_arg_i64(args, limits->wait_ms);
	rc = pg_run(pg, &due, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_count(rows) > 0;
	if (rc)
		*out = (struct workspace_deletion){ pg_i64(rows, 0, 0), pg_bool(rows, 0, 1), pg_bool(rows, 0, 2),
			pg_bool(rows, 0, 3) };
	pg_rows_free(rows);
	return rc;
}

int store_workspace_stage(struct pg *pg, int64_t id, const char *word, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_i64(args, id);
	pg_arg_text(args, str_of(word));
	rc = pg_run(pg, &stage, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_affected(rows) > 0;
	pg_rows_free(rows);
	return rc;
}
