/* See rekey.h. Invariant: rows with one key get one partition, that of the records with this key in the new topics. */
#include "store/rekey.h"

#include <stdlib.h>

#include "base/arena.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt check = { "rekey_check", PG_UNNAMED,
	"WITH ends AS (SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS e (topic, partition, low, high))"
	" SELECT format('%s has %s records of partition %s of %s to consume', p.consumer, e.high - coalesce(p.next_offset, e.low),"
	" e.partition, e.topic) FROM ends e JOIN consumer_progress p ON p.topic = e.topic AND p.partition = e.partition"
	" WHERE coalesce(p.next_offset, e.low) <> e.high"
	" UNION ALL SELECT format('no consumer has read partition %s of %s', e.partition, e.topic) FROM ends e WHERE e.low < e.high"
	" AND NOT EXISTS (SELECT FROM consumer_progress p WHERE p.topic = e.topic AND p.partition = e.partition)"
	" UNION ALL SELECT format('updates of %s are parked, which is not a topic of this prefix', topic) FROM parked_updates"
	" WHERE topic NOT IN (SELECT topic FROM ends)"
	" UNION ALL SELECT format('the outbox of %s has rows', producer) FROM outbox"
	" UNION ALL SELECT format('endpoint %s is behind', e.uuid) FROM webhook_positions p JOIN webhook_endpoints e"
	" ON e.workspace_id = p.workspace_id AND e.id = p.endpoint_id WHERE p.replay_id IS NULL"
	" UNION ALL SELECT format('replay %s is running', uuid) FROM webhook_replays WHERE completed_at IS NULL AND cancelled_at IS NULL"
	" UNION ALL SELECT 'messages of merged conversations are being moved' FROM conversation_merges"
	" UNION ALL SELECT 'senders are being renamed' FROM sender_renames"
	" UNION ALL SELECT format('account %s has messages in flight', a.uuid) FROM send_lanes l JOIN whatsapp_accounts a"
	" ON a.workspace_id = l.workspace_id AND a.id = l.account_id WHERE l.in_flight <> '{}' LIMIT 1" };

/* A dropped row is never delivered, and an erasure may have emptied it. */
static const struct pg_stmt unloaded = {
	"rekey_unloaded", PG_PREPARED,
	"SELECT workspace_id, id, source_offset, source_partition FROM webhook_retry_queue"
	" WHERE status IN ('pending', 'retrying') AND payload IS NULL AND NOT dropped AND source_offset >= 0 ORDER BY source_partition, source_offset"
};

static const struct pg_stmt load = { "rekey_load", PG_UNNAMED,
	"SELECT webhook_retry_queue_load($1::bigint[], $2::bigint[], $3::bytea[])" };

#define ACCOUNT_OF(t) "a.workspace_id = " t ".workspace_id AND a.id = " t ".account_id"
#define ORDERED       "q.status IN ('pending', 'retrying') AND q.ordering_key IS NOT NULL"

static const struct pg_stmt keys = {
	"rekey_keys", PG_PREPARED,
	"SELECT w.id, w.uuid, k.name FROM ("
	"SELECT p.workspace_id, a.uuid AS name FROM parked_updates p JOIN whatsapp_accounts a ON " ACCOUNT_OF(
		"p") " UNION SELECT c.workspace_id, c.uuid FROM campaigns c WHERE c.partition IS NOT NULL"
		     " UNION SELECT s.workspace_id, a.uuid FROM campaign_segments s JOIN whatsapp_accounts a ON " ACCOUNT_OF(
			     "s") " UNION SELECT l.workspace_id, a.uuid FROM send_lanes l JOIN whatsapp_accounts a ON " ACCOUNT_OF("l") " UNION SELECT q.workspace_id, q.ordering_key FROM webhook_retry_queue q WHERE " ORDERED
																	") AS k JOIN workspaces w ON w.id = k.workspace_id"
};

#define KEYS "unnest($1::bigint[], $2::uuid[], $3::integer[]) AS k (workspace_id, name, partition)"

/* Of the record that an update is, the old offset stays: a dead letter of it names it. */
static const struct pg_stmt parked = { "rekey_parked", PG_UNNAMED,
	"UPDATE parked_updates p SET topic = t.fresh, partition = k.partition FROM " KEYS
	" JOIN whatsapp_accounts a ON a.workspace_id = k.workspace_id AND a.uuid = k.name,"
	" unnest($4::text[], $5::text[]) AS t (old, fresh) WHERE " ACCOUNT_OF("p") " AND p.topic = t.old" };

static const struct pg_stmt campaigns = { "rekey_campaigns", PG_UNNAMED,
	"UPDATE campaigns c SET partition = k.partition FROM " KEYS
	" WHERE c.workspace_id = k.workspace_id AND c.uuid = k.name AND c.partition IS NOT NULL" };

static const struct pg_stmt segments = { "rekey_segments", PG_UNNAMED,
	"UPDATE campaign_segments s SET partition = k.partition FROM " KEYS
	" JOIN whatsapp_accounts a ON a.workspace_id = k.workspace_id AND a.uuid = k.name WHERE " ACCOUNT_OF("s") };

static const struct pg_stmt lanes = { "rekey_lanes", PG_UNNAMED,
	"UPDATE send_lanes l SET partition = k.partition FROM " KEYS
	" JOIN whatsapp_accounts a ON a.workspace_id = k.workspace_id AND a.uuid = k.name WHERE " ACCOUNT_OF("l") };

static const struct pg_stmt ordered = { "rekey_ordered", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET source_partition = k.partition FROM " KEYS
	" WHERE q.workspace_id = k.workspace_id AND q.ordering_key = k.name AND " ORDERED };

/* All rows: what has ended may be made pending again, without an order. */
static const struct pg_stmt retries = { "rekey_retries", PG_PREPARED,
	"UPDATE webhook_retry_queue q SET source_offset = q.source_offset - m.past,"
	" source_partition = CASE WHEN " ORDERED " THEN q.source_partition ELSE q.source_partition % $1::integer END"
	" FROM (SELECT greatest(max(source_offset), 0) + 1 AS past FROM webhook_retry_queue) AS m" };

const struct pg_stmt *const rekey_statements[] = { &check, &unloaded, &load, &keys, &parked, &campaigns, &segments,
	&lanes, &ordered, &retries, NULL };

int store_rekey_check(struct pg *pg, const struct rekey_partition *partitions, size_t n, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;
	int rc = 0;

	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, str_of(partitions[i].topic));
		columns_i32(&c, partitions[i].partition);
		columns_i64(&c, partitions[i].low);
		columns_i64(&c, partitions[i].high);
	}
	if (columns_run(&c, pg, &check, &rows, err) < 0)
		return -1;
	if (pg_rows_count(rows) > 0)
		rc = err_set(err, ERR_INPUT, "busy", "%.*s", STR_ARG(pg_text(rows, 0, 0)));
	pg_rows_free(rows);
	return rc;
}

int store_rekey_unloaded(struct pg *pg, void (*each)(void *ctx, const struct rekey_row *row), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, &unloaded, NULL, &rows, err) < 0)
		return -1;
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct rekey_row row = { .workspace_id = cells_i64(&c) };

		row.id = cells_i64(&c);
		row.offset = cells_i64(&c);
		row.partition = cells_i32(&c);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}

int store_rekey_load(struct pg *pg, const struct rekey_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].id);
		columns_bytea(&c, rows[i].record);
	}
	return columns_run(&c, pg, &load, NULL, err);
}

int store_rekey_keys(struct pg *pg, struct rekey_key **out, size_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct rekey_key *all;

	if (pg_run(pg, &keys, NULL, &rows, err) < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = all = mem_calloc(*n + 1, sizeof(*all));
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c), all++) {
		all->workspace_id = cells_i64(&c);
		all->workspace = cells_uuid(&c);
		all->name = cells_uuid(&c);
	}
	pg_rows_free(rows);
	return 0;
}

static int args_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, int64_t *n, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (pg_run(pg, stmt, args, &rows, err) < 0)
		return -1;
	*n = pg_rows_affected(rows);
	pg_rows_free(rows);
	return 0;
}

/* A statement over the keys as $1 to $3; with_topics: the names of the topics as $4 and $5. */
static int keys_run(struct pg *pg, const struct pg_stmt *stmt, const struct rekey *r, bool with_topics, int64_t *n,
	struct err *err)
{
	struct pg_array *workspaces = pg_array_new(PG_I64), *names = pg_array_new(PG_UUID),
			*partitions = pg_array_new(PG_I32), *from = pg_array_new(PG_TEXT), *to = pg_array_new(PG_TEXT);
	struct pg_args *args = pg_args_new();
	int rc;

	for (size_t i = 0; i < r->n_keys; i++) {
		pg_array_i64(workspaces, r->keys[i].workspace_id);
		pg_array_uuid(names, &r->keys[i].name);
		pg_array_i32(partitions, r->keys[i].partition);
	}
	for (size_t i = 0; i < r->n_topics; i++) {
		pg_array_str(from, str_of(r->from[i]));
		pg_array_str(to, str_of(r->to[i]));
	}
	pg_arg_array(args, workspaces);
	pg_arg_array(args, names);
	pg_arg_array(args, partitions);
	if (with_topics) {
		pg_arg_array(args, from);
		pg_arg_array(args, to);
	}
	rc = args_run(pg, stmt, args, n, err);
	pg_args_free(args);
	pg_array_free(workspaces);
	pg_array_free(names);
	pg_array_free(partitions);
	pg_array_free(from);
	pg_array_free(to);
	return rc;
}

static int retries_rekey(struct pg *pg, const struct rekey *r, int64_t *n, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc = keys_run(pg, &ordered, r, false, n, err);

	pg_arg_i32(args, r->partitions);
	if (rc == 0)
		rc = args_run(pg, &retries, args, n, err);
	pg_args_free(args);
	return rc;
}

int store_rekey_apply(struct pg *pg, const struct rekey *r, struct rekeyed *out, struct err *err)
{
	struct rekeyed done = { 0 };

	if (keys_run(pg, &parked, r, true, &done.parked, err) < 0 ||
		keys_run(pg, &campaigns, r, false, &done.campaigns, err) < 0 ||
		keys_run(pg, &segments, r, false, &done.segments, err) < 0 ||
		keys_run(pg, &lanes, r, false, &done.lanes, err) < 0 || retries_rekey(pg, r, &done.retries, err) < 0)
		return -1;
	*out = done;
	return 0;
}
