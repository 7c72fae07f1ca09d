/* Claiming due rows of the retry queue; see webhook_retries.h. Invariant: a claimed row has a lease, and of a chain
 * only rows that follow each other are claimed, from its oldest on. */
#include "store/webhook_retries.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"
#include "store/webhook_retries_private.h"

/* A row whose lease has expired is due since that time. Within a partition an index alone gives the order: no claim may
 * sort a million rows that are due since the same moment. When more is due than is claimed, workspaces take turns, so
 * that none waits for the rows of another: the statement skips through the index from workspace to workspace and reads
 * the oldest rows of each, at most four times the limit. */
#define DUE_COLUMNS \
	"q.workspace_id, q.id, q.endpoint_id, coalesce(q.ordering_key, q.event_id) AS chain, q.source_offset," \
	" q.next_retry_at AS due_at, q.ordering_key, q.source_partition"
#define OLDEST_ROWS \
	"oldest AS MATERIALIZED (SELECT d.* FROM unnest($5::integer[]) AS r (partition) CROSS JOIN LATERAL (SELECT " DUE_COLUMNS \
	" FROM webhook_retry_queue q WHERE q.source_partition = r.partition AND " Q_UNFINISHED \
	" AND q.next_retry_at <= now() ORDER BY q.next_retry_at LIMIT $2::integer) AS d)"
#define WORKSPACES \
	"workspaces AS (SELECT o.source_partition, 0::bigint AS id, 'infinity'::timestamptz AS due_at FROM oldest o" \
	" GROUP BY o.source_partition HAVING count(*) >= $2::integer" \
	" UNION ALL SELECT w.source_partition, next.workspace_id, next.next_retry_at FROM workspaces w CROSS JOIN LATERAL" \
	" (SELECT q.workspace_id, q.next_retry_at FROM webhook_retry_queue q WHERE q.source_partition = w.source_partition" \
	" AND q.workspace_id > w.id AND " Q_UNFINISHED " ORDER BY q.workspace_id, q.next_retry_at LIMIT 1) AS next)"
#define SHARED_ROWS \
	"shared AS (SELECT d.* FROM (SELECT *, count(*) OVER (PARTITION BY source_partition) AS n FROM workspaces WHERE due_at <= now()) AS w" \
	" CROSS JOIN LATERAL (SELECT " DUE_COLUMNS \
	" FROM webhook_retry_queue q WHERE q.source_partition = w.source_partition" \
	" AND q.workspace_id = w.id AND " Q_UNFINISHED " AND q.next_retry_at <= now() ORDER BY q.next_retry_at" \
	" LIMIT ceil($2::integer * 4.0 / greatest(w.n, 4))) AS d)"
#define DUE_ROWS \
	"due AS MATERIALIZED (SELECT p.* FROM (SELECT t.*, row_number() OVER (PARTITION BY t.source_partition" \
	" ORDER BY t.turn, t.due_at, t.source_offset) AS place FROM (SELECT d.*, row_number() OVER (PARTITION BY d.source_partition," \
	" d.workspace_id ORDER BY d.due_at, d.source_offset) AS turn FROM (SELECT * FROM oldest UNION SELECT * FROM shared) AS d) AS t) AS p" \
	" WHERE p.place <= $2::integer ORDER BY row_number() OVER (PARTITION BY p.workspace_id ORDER BY p.due_at, p.source_offset)," \
	" p.due_at, p.source_offset LIMIT $3::integer)"
/* A row is claimed with the rows that wait right behind it in its chain, so that a long chain is not claimed row by
 * row. The room is divided among workspaces in turn, within each by chains in their order, and only the rows that fit
 * are locked. */
#define ROWS_BEHIND \
	"behind AS (SELECT d.workspace_id, f.id, d.endpoint_id, d.chain, f.source_offset, d.due_at FROM due d CROSS JOIN LATERAL" \
	" (SELECT w.id, w.source_offset, bool_and(w.next_retry_at = 'infinity') OVER (ORDER BY w.source_offset) AS waits" \
	" FROM webhook_retry_queue w WHERE w.workspace_id = d.workspace_id AND w.endpoint_id = d.endpoint_id" \
	" AND w.ordering_key = d.ordering_key AND w.source_offset > d.source_offset AND " W_UNFINISHED \
	" ORDER BY w.source_offset LIMIT 31) AS f WHERE f.waits)"
#define CHAINS_CUT \
	"chains AS (SELECT c.*, min(c.due_at) OVER (PARTITION BY c.endpoint_id, c.chain) AS chain_due_at" \
	" FROM (SELECT workspace_id, id, endpoint_id, chain, source_offset, due_at FROM due UNION ALL SELECT * FROM behind) AS c)," \
	" chosen AS MATERIALIZED (SELECT c.workspace_id, c.id, c.chain_due_at FROM chains c ORDER BY row_number() OVER" \
	" (PARTITION BY c.workspace_id ORDER BY c.chain_due_at, c.endpoint_id, c.chain, c.source_offset), c.chain_due_at, c.endpoint_id" \
	" LIMIT $3::integer)"
#define ROWS_LOCKED \
	"locked AS MATERIALIZED (SELECT t.workspace_id, l.id, t.chain_due_at FROM chosen t CROSS JOIN LATERAL" \
	" (SELECT q.id FROM webhook_retry_queue q WHERE q.workspace_id = t.workspace_id AND q.id = t.id AND " Q_UNFINISHED \
	" AND (q.next_retry_at <= now() OR q.next_retry_at = 'infinity') FOR UPDATE SKIP LOCKED) AS l)"
static const struct pg_stmt claim = {
	"retries_claim", PG_PREPARED,
	"WITH RECURSIVE " OLDEST_ROWS ", " WORKSPACES ", " SHARED_ROWS ", " DUE_ROWS ", " ROWS_BEHIND ", " CHAINS_CUT
	", " ROWS_LOCKED
	", claimed AS (UPDATE webhook_retry_queue q SET status = 'retrying', lease_owner = $1::text, updated_at = now(),"
	" next_retry_at = now() + $4::bigint * interval '1 millisecond' FROM locked l"
	" WHERE q.workspace_id = l.workspace_id AND q.id = l.id RETURNING q.*, l.chain_due_at)"
	" SELECT workspace_id, id, endpoint_id, account, event_id, event_type, url, payload, ordering_key, source_partition, source_offset,"
	" source_timestamp_ms, retry_count, max_retries, last_error, dropped FROM claimed ORDER BY chain_due_at, source_offset, id"
};

const struct pg_stmt *const retries_claim_statements[] = { &claim, NULL };

static void claimed_read(struct cells *c, struct retry_row *row)
{
	*row = (struct retry_row){ .workspace_id = cells_i64(c) };
	row->id = cells_i64(c);
	row->endpoint_id = cells_i64(c);
	row->account = cells_uuid(c);
	row->event_id = cells_uuid(c);
	row->event_type = cells_text(c);
	row->url = cells_text(c);
	row->record = cells_text(c);
	row->ordering_key = cells_uuid(c);
	row->partition = cells_i32(c);
	row->offset = cells_i64(c);
	row->timestamp_ms = cells_i64(c);
	row->retry_count = cells_i32(c);
	row->max_retries = cells_i32(c);
	row->last_error = cells_text(c);
	row->dropped = cells_bool(c);
	row->status = RETRY_RETRYING;
}

int store_retries_claim(struct pg *pg, const char *owner, const int32_t *partitions, size_t n, int limit, int room,
	int64_t lease_ms, struct arena *a, void (*each)(void *ctx, const struct retry_row *row), void *ctx,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	pg_arg_text(columns_scalars(&c), str_of(owner));
	pg_arg_i32(columns_scalars(&c), limit);
	pg_arg_i32(columns_scalars(&c), room);
	pg_arg_i64(columns_scalars(&c), lease_ms);
	columns_i32s(&c, partitions, n);
	if (columns_run(&c, pg, &claim, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, a); cells_more(&at); cells_next(&at)) {
		struct retry_row row;

		claimed_read(&at, &row);
		each(ctx, &row);
	}
	pg_rows_free(rows);
	return 0;
}
