/* See progress.h. Invariant: a row moves only under the epoch and from the offset that its owner last read or wrote. */
#include "store/progress.h"

#include <stdlib.h>

#include "base/arena.h"
#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

#define NOW_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#define COUNTS "applied, no_effect, filtered, parked, dead_lettered, skipped"

static const struct pg_stmt restart = { "progress_restart", PG_PREPARED,
	"UPDATE consumer_progress SET cluster_id = $2, start_offset = NULL, next_offset = NULL, applied = 0, no_effect = 0,"
	" filtered = 0, parked = 0, dead_lettered = 0, skipped = 0"
	" WHERE consumer = $1 AND cluster_id <> $2"
	" AND (topic, partition) IN (SELECT * FROM unnest($3::text[], $4::integer[]))" };

/* In the order in which store_progress_lock() locks. The statement waits for a row whose owner's transaction is
 * open. */
static const struct pg_stmt claim = { "progress_claim", PG_PREPARED,
	"INSERT INTO consumer_progress AS p (consumer, topic, partition, cluster_id, epoch)"
	" SELECT $1, r.topic, r.partition, $2, " NOW_US
	" FROM unnest($3::text[], $4::integer[]) AS r (topic, partition)"
	" ORDER BY r.topic, r.partition"
	" ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = greatest(p.epoch + 1, " NOW_US
	"), updated_at = now()"
	" RETURNING topic, partition, epoch, seq, next_offset, cluster_id" };

static const struct pg_stmt lock = { "progress_lock", PG_PREPARED,
	"SELECT p.topic, p.partition, p.epoch, p.next_offset FROM consumer_progress p"
	" JOIN unnest($2::text[], $3::integer[]) AS r (topic, partition) USING (topic, partition)"
	" WHERE p.consumer = $1 ORDER BY p.topic, p.partition FOR UPDATE OF p" };

static const struct pg_stmt advance = { "progress_advance", PG_PREPARED,
	"UPDATE consumer_progress AS p SET seq = r.seq, next_offset = coalesce(r.next_offset, p.next_offset),"
	" start_offset = coalesce(p.start_offset, r.first_offset), applied = p.applied + r.applied,"
	" no_effect = p.no_effect + r.no_effect, filtered = p.filtered + r.filtered, parked = p.parked + r.parked,"
	" dead_lettered = p.dead_lettered + r.dead_lettered, skipped = p.skipped + r.skipped, updated_at = now()"
	" FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],"
	" $10::bigint[], $11::bigint[], $12::bigint[]) AS r (topic, partition, seq, next_offset, first_offset, " COUNTS
	")"
	" WHERE p.consumer = $1 AND p.topic = r.topic AND p.partition = r.partition" };

static const struct pg_stmt list = { "progress_list", PG_PREPARED,
	"SELECT consumer, topic, cluster_id, partition, epoch, seq, start_offset, next_offset, " COUNTS ", updated_at"
	" FROM consumer_progress WHERE $1::text IS NULL OR consumer = $1 ORDER BY consumer, topic, partition" };

static const struct pg_stmt reset = { "progress_reset", PG_PREPARED,
	"UPDATE consumer_progress SET next_offset = $4::bigint, start_offset = $4, epoch = epoch + 1, applied = 0, no_effect = 0,"
	" filtered = 0, parked = 0, dead_lettered = 0, skipped = 0, updated_at = now()"
	" WHERE consumer = $1 AND topic = $2 AND partition = $3" };

const struct pg_stmt *const progress_statements[] = { &restart, &claim, &lock, &advance, NULL };
const struct pg_stmt *const progress_list_statements[] = { &list, NULL };
const struct pg_stmt *const progress_admin_statements[] = { &reset, NULL };

const char *store_outcome_word(enum outcome o)
{
	static const char *const words[OUTCOMES] = { "applied", "no_effect", "filtered", "parked", "dead_lettered",
		"skipped" };

	return o < OUTCOMES ? words[o] : "";
}

static void scalars_consumer(struct columns *c, const char *consumer)
{
	columns_init(c);
	pg_arg_text(columns_scalars(c), str_of(consumer));
}

static int64_t cells_offset(struct cells *c)
{
	int col = c->col++;

	return pg_null(c->rows, c->row, col) ? PROGRESS_NO_OFFSET : pg_i64(c->rows, c->row, col);
}

static void columns_offset(struct columns *c, int64_t offset)
{
	if (offset == PROGRESS_NO_OFFSET)
		columns_null_i64(c);
	else
		columns_i64(c, offset);
}

static struct progress *partition_find(struct progress *rows, size_t n, struct str topic, int32_t partition)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].partition == partition && str_is(topic, rows[i].topic))
			return &rows[i];
	return NULL;
}

static int clusters_check(const struct pg_rows *claimed, const char *cluster_id, struct err *err)
{
	for (int i = 0; i < pg_rows_count(claimed); i++) {
		struct str topic = pg_text(claimed, i, 0), other = pg_text(claimed, i, 5);

		if (!str_is(other, cluster_id))
			return err_set(err, ERR_FATAL, "cluster_id",
				"progress of partition %d of %.*s belongs to Kafka cluster %.*s, this is %s",
				(int)pg_i64(claimed, i, 1), STR_ARG(topic), STR_ARG(other), cluster_id);
	}
	return 0;
}

static void progress_fill(const struct pg_rows *claimed, struct progress *rows, size_t n)
{
	for (struct cells c = cells_of(claimed, NULL); cells_more(&c); cells_next(&c)) {
		struct str topic = cells_borrow(&c);
		struct progress *p = partition_find(rows, n, topic, cells_i32(&c));

		if (!p)
			continue;
		p->epoch = cells_i64(&c);
		p->seq = cells_i64(&c);
		p->next_offset = cells_offset(&c);
	}
}

static int partitions_run(struct pg *pg, const struct pg_stmt *stmt, const char *consumer, const char *cluster_id,
	const struct progress *rows, size_t n, struct pg_rows **answer, struct err *err)
{
	struct columns c;

	scalars_consumer(&c, consumer);
	if (cluster_id)
		pg_arg_text(columns_scalars(&c), str_of(cluster_id));
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, str_of(rows[i].topic));
		columns_i32(&c, rows[i].partition);
	}
	return columns_run(&c, pg, stmt, answer, err);
}

int store_progress_claim(struct pg *pg, const char *consumer, const char *cluster_id, bool reset_cluster,
	struct progress *rows, size_t n, struct err *err)
{
	struct pg_rows *claimed = NULL;
	int rc = -1;

	if (n == 0)
		return 0;
	if (pg_begin(pg, err) < 0)
		return -1;
	if (reset_cluster && partitions_run(pg, &restart, consumer, cluster_id, rows, n, NULL, err) < 0)
		goto out;
	if (partitions_run(pg, &claim, consumer, cluster_id, rows, n, &claimed, err) < 0 ||
		clusters_check(claimed, cluster_id, err) < 0 || pg_commit(pg, err) < 0)
		goto out;
	progress_fill(claimed, rows, n);
	rc = 0;
out:
	pg_rollback(pg);
	pg_rows_free(claimed);
	return rc;
}

/* The index of the partition's row in the answer, -1 when there is none. */
static int locked_find(const struct pg_rows *locked, const struct progress *p)
{
	for (int i = 0; i < pg_rows_count(locked); i++)
		if (pg_i64(locked, i, 1) == p->partition && str_is(pg_text(locked, i, 0), p->topic))
			return i;
	return -1;
}

static bool still_ours(const struct pg_rows *locked, const struct progress *p)
{
	int i = locked_find(locked, p);

	return i >= 0 && pg_i64(locked, i, 2) == p->epoch &&
		(pg_null(locked, i, 3) ? PROGRESS_NO_OFFSET : pg_i64(locked, i, 3)) == p->next_offset;
}

int store_progress_lock(struct pg *pg, const char *consumer, const struct progress *rows, size_t n, size_t *lost,
	struct err *err)
{
	struct pg_rows *locked = NULL;
	int rc = 0;

	if (n == 0)
		return 0;
	if (partitions_run(pg, &lock, consumer, NULL, rows, n, &locked, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (still_ours(locked, &rows[i]))
			continue;
		if (lost)
			*lost = i;
		rc = err_set(err, ERR_FENCED, "fenced", "partition %d of %s has another owner", rows[i].partition,
			rows[i].topic);
	}
	pg_rows_free(locked);
	return rc;
}

int store_progress_advance(struct pg *pg, const char *consumer, const struct progress_step *steps, size_t n,
	struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	scalars_consumer(&c, consumer);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, str_of(steps[i].topic));
		columns_i32(&c, steps[i].partition);
		columns_i64(&c, steps[i].seq);
		columns_offset(&c, steps[i].next_offset);
		columns_offset(&c,
			steps[i].next_offset == PROGRESS_NO_OFFSET ? PROGRESS_NO_OFFSET : steps[i].first_offset);
		for (size_t o = 0; o < OUTCOMES; o++)
			columns_i64(&c, steps[i].counts[o]);
	}
	return columns_start(&c, pg, &advance, err);
}

static void info_read(struct cells *c, struct progress_info *p)
{
	cells_copy(c, p->consumer, sizeof(p->consumer));
	cells_copy(c, p->topic, sizeof(p->topic));
	cells_copy(c, p->cluster_id, sizeof(p->cluster_id));
	p->partition = cells_i32(c);
	p->epoch = cells_i64(c);
	p->seq = cells_i64(c);
	p->start_offset = cells_offset(c);
	p->next_offset = cells_offset(c);
	for (size_t o = 0; o < OUTCOMES; o++)
		p->counts[o] = cells_i64(c);
	p->updated_at_us = cells_time(c);
}

int store_progress_list(struct pg *pg, const char *consumer, struct progress_info **out, size_t *n, struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_text(args, str_of(consumer));
	rc = pg_run(pg, &list, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = mem_calloc(*n, sizeof(**out));
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c))
		info_read(&c, &(*out)[c.row]);
	pg_rows_free(rows);
	return 0;
}

int store_progress_reset(struct pg *pg, const char *consumer, const char *topic, int32_t partition, int64_t next_offset,
	struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;
	int64_t found;

	scalars_consumer(&c, consumer);
	pg_arg_text(columns_scalars(&c), str_of(topic));
	pg_arg_i32(columns_scalars(&c), partition);
	if (next_offset == PROGRESS_NO_OFFSET)
		pg_arg_null(columns_scalars(&c));
	else
		pg_arg_i64(columns_scalars(&c), next_offset);
	if (columns_run(&c, pg, &reset, &rows, err) < 0)
		return -1;
	found = pg_rows_affected(rows);
	pg_rows_free(rows);
	if (found == 0)
		return err_set(err, ERR_INPUT, "unknown", "no progress of %s in partition %d of %s", consumer,
			partition, topic);
	return 0;
}
