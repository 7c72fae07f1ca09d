/* See moves.h. Invariant: an offset and the cluster that it belongs to change in one transaction. */
#include "store/moves.h"

#include "store/statements.h"

/* In the order of store_progress_lock(). */
static const struct pg_stmt lock = { "move_lock", PG_PREPARED,
	"SELECT count(*) FROM (SELECT FROM consumer_progress ORDER BY consumer, topic, partition FOR UPDATE) AS p" };

static const struct pg_stmt patience = { "move_patience", PG_PREPARED,
	"SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '15s', true)" };

/* Every service has a role of its own; the others are those of operators. */
static const struct pg_stmt busy = { "move_busy", PG_PREPARED,
	"SELECT format('%s holds the lease %s', owner, name) FROM leases WHERE until > now()"
	" UNION ALL SELECT format('%s is connected to the database', usename) FROM pg_stat_activity"
	" WHERE datname = current_database() AND usename LIKE 'blazz\\_%' AND usename NOT IN ('blazz_admin', 'blazz_ops', 'blazz_backup')"
	" LIMIT 1" };

/* They name offsets of this cluster and its partitions. */
static const struct pg_stmt unsettled = { "move_unsettled", PG_PREPARED,
	"SELECT format('erasure %s has not begun', uuid) FROM erasures WHERE stage = 'start'"
	" UNION ALL SELECT 'the last restore is not accepted' FROM restores WHERE accepted_at IS NULL LIMIT 1" };

#define MAP \
	"unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS m (topic, partition, first_offset, next_offset)"

static const struct pg_stmt foreign = { "move_foreign", PG_PREPARED,
	"SELECT format('progress of %s belongs to Kafka cluster %s', consumer, cluster_id) FROM consumer_progress"
	" WHERE cluster_id <> $1::text ORDER BY 1 LIMIT 1" };

/* A replay that has ended keeps its positions for its history, be it of topics that are no longer used. */
static const struct pg_stmt uncovered = { "move_uncovered", PG_UNNAMED,
	"SELECT format('%s has partition %s of %s', w.what, w.partition, w.topic) FROM ("
	"SELECT 'progress of ' || consumer AS what, topic, partition FROM consumer_progress"
	" UNION SELECT 'webhook_positions', p.topic, p.partition FROM webhook_positions p"
	" LEFT JOIN webhook_replays r ON r.workspace_id = p.workspace_id AND r.id = p.replay_id"
	" WHERE p.replay_id IS NULL OR (r.completed_at IS NULL AND r.cancelled_at IS NULL)"
	" UNION SELECT 'parked_updates', topic, partition FROM parked_updates"
	" UNION SELECT 'webhook_retry_queue', $5::text, source_partition FROM webhook_retry_queue"
	" WHERE status IN ('pending', 'retrying')) AS w"
	" WHERE NOT EXISTS (SELECT FROM " MAP
	" WHERE m.topic = w.topic AND m.partition = w.partition) ORDER BY 1 LIMIT 1" };

static const struct pg_stmt outside = {
	"move_outside", PG_UNNAMED,
	"SELECT format('the next offset of %s in partition %s of %s is %s, copied is %s to %s', p.consumer, p.partition, p.topic,"
	" p.next_offset, m.first_offset, m.next_offset) FROM consumer_progress p JOIN " MAP
	" ON m.topic = p.topic AND m.partition = p.partition"
	" WHERE p.next_offset NOT BETWEEN m.first_offset AND m.next_offset ORDER BY p.consumer, p.topic, p.partition LIMIT 1"
};

/* The epoch rises: an owner that was paused is fenced off. */
static const struct pg_stmt progress = { "move_progress", PG_UNNAMED,
	"UPDATE consumer_progress p SET cluster_id = $5::text, epoch = p.epoch + 1, start_offset = p.start_offset - m.first_offset,"
	" next_offset = p.next_offset - m.first_offset, updated_at = now() FROM " MAP
	" WHERE p.topic = m.topic AND p.partition = m.partition" };

/* x - least(x, first) is not below 0, and null where x is. A position below the first offset: retention removed the
 * records between, of which a replay counts those that it includes. */
static const struct pg_stmt lost = { "move_lost", PG_UNNAMED,
	"SELECT coalesce(sum(greatest(least(m.first_offset, p.until_offset) - p.next_offset, 0)), 0)::bigint FROM webhook_positions p JOIN " MAP
	" ON m.topic = p.topic AND m.partition = p.partition" };

static const struct pg_stmt positions = { "move_positions", PG_UNNAMED,
	"UPDATE webhook_positions p SET next_offset = p.next_offset - least(p.next_offset, m.first_offset),"
	" live_from = p.live_from - least(p.live_from, m.first_offset),"
	" start_offset = p.start_offset - least(p.start_offset, m.first_offset),"
	" until_offset = p.until_offset - least(p.until_offset, m.first_offset),"
	" lost = p.lost + CASE WHEN p.replay_id IS NULL THEN 0 ELSE greatest(least(m.first_offset, p.until_offset) - p.next_offset, 0) END"
	" FROM " MAP " WHERE p.topic = m.topic AND p.partition = m.partition" };

/* Not bounded by 0: the order of a conversation's rows is that of their offsets, also where retention removed the
 * records. Rows that have ended may be made pending again. */
static const struct pg_stmt retries = { "move_retries", PG_UNNAMED,
	"UPDATE webhook_retry_queue q SET source_offset = q.source_offset - m.first_offset FROM " MAP
	" WHERE m.topic = $5::text AND q.source_partition = m.partition" };

static const struct pg_stmt parked = { "move_parked", PG_UNNAMED,
	"UPDATE parked_updates p SET record_offset = p.record_offset - m.first_offset FROM " MAP
	" WHERE p.topic = m.topic AND p.partition = m.partition" };

static const struct pg_stmt consumer_busy = { "forget_busy", PG_PREPARED,
	"SELECT format('%s is connected to the database', usename) FROM pg_stat_activity"
	" WHERE datname = current_database() AND usename = 'blazz_' || replace($1::text, '-', '_')"
	" UNION ALL SELECT format('%s rows of its outbox are not published', n) FROM (SELECT count(*) AS n FROM outbox"
	" WHERE producer = $1) AS o WHERE n > 0 LIMIT 1" };

static const struct pg_stmt forget = { "progress_forget", PG_PREPARED,
	"DELETE FROM consumer_progress WHERE consumer = $1 AND ($2::text IS NULL OR topic = $2)" };

const struct pg_stmt *const moves_statements[] = { &lock, &patience, &busy, &unsettled, &foreign, &uncovered, &outside,
	&progress, &lost, &positions, &retries, &parked, &consumer_busy, &forget, NULL };

int store_move_begin(struct pg *pg, struct err *err)
{
	return pg_run(pg, &patience, NULL, NULL, err) < 0 ? -1 : pg_run(pg, &lock, NULL, NULL, err);
}

/* A statement whose first row says what forbids it. Frees the rows. */
static int objection(int rc, struct pg_rows *rows, const char *code, const char *what, struct err *err)
{
	if (rc == 0 && pg_rows_count(rows) > 0)
		rc = err_set(err, ERR_INPUT, code, "%.*s%s", STR_ARG(pg_text(rows, 0, 0)), what);
	pg_rows_free(rows);
	return rc;
}

int store_move_check_idle(struct pg *pg, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = pg_run(pg, &busy, NULL, &rows, err);

	if (objection(rc, rows, "busy", ": stop the services", err) < 0)
		return -1;
	rows = NULL;
	rc = pg_run(pg, &unsettled, NULL, &rows, err);
	return objection(rc, rows, "unsettled", ": the services must run until it has", err);
}

static int text_run(struct pg *pg, const struct pg_stmt *stmt, const char *text, struct pg_rows **rows, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_text(args, str_of(text));
	rc = pg_run(pg, stmt, args, rows, err);
	pg_args_free(args);
	return rc;
}

/* With the map as $1 to $4, and text, when it is not NULL, as $5. */
static int map_run(struct pg *pg, const struct pg_stmt *stmt, const struct move *move, const char *text,
	struct pg_rows **rows, struct err *err)
{
	struct pg_array *topics = pg_array_new(PG_TEXT), *partitions = pg_array_new(PG_I32),
			*first = pg_array_new(PG_I64), *next = pg_array_new(PG_I64);
	struct pg_args *args = pg_args_new();
	int rc;

	for (size_t i = 0; i < move->n; i++) {
		pg_array_str(topics, str_of(move->partitions[i].topic));
		pg_array_i32(partitions, move->partitions[i].partition);
		pg_array_i64(first, move->partitions[i].first);
		pg_array_i64(next, move->partitions[i].next);
	}
	pg_arg_array(args, topics);
	pg_arg_array(args, partitions);
	pg_arg_array(args, first);
	pg_arg_array(args, next);
	if (text)
		pg_arg_text(args, str_of(text));
	rc = pg_run(pg, stmt, args, rows, err);
	pg_args_free(args);
	pg_array_free(topics);
	pg_array_free(partitions);
	pg_array_free(first);
	pg_array_free(next);
	return rc;
}

int store_move_check_map(struct pg *pg, const struct move *move, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = text_run(pg, &foreign, move->from, &rows, err);

	if (objection(rc, rows, "cluster", "", err) < 0)
		return -1;
	rows = NULL;
	rc = map_run(pg, &uncovered, move, move->events, &rows, err);
	if (objection(rc, rows, "map", ", which the map does not have", err) < 0)
		return -1;
	rows = NULL;
	rc = map_run(pg, &outside, move, NULL, &rows, err);
	return objection(rc, rows, "offset", "", err);
}

static int affected(struct pg *pg, const struct pg_stmt *stmt, const struct move *move, const char *text, int64_t *n,
	struct err *err)
{
	struct pg_rows *rows = NULL;

	if (map_run(pg, stmt, move, text, &rows, err) < 0)
		return -1;
	*n = pg_rows_affected(rows);
	pg_rows_free(rows);
	return 0;
}

int store_move_apply(struct pg *pg, const struct move *move, struct moved *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct moved m = { 0 };

	if (affected(pg, &progress, move, move->to, &m.progress, err) < 0 ||
		affected(pg, &retries, move, move->events, &m.retries, err) < 0 ||
		affected(pg, &parked, move, NULL, &m.parked, err) < 0 || map_run(pg, &lost, move, NULL, &rows, err) < 0)
		return -1;
	m.lost = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	if (affected(pg, &positions, move, NULL, &m.positions, err) < 0)
		return -1;
	*out = m;
	return 0;
}

int store_progress_forget(struct pg *pg, const char *consumer, const char *topic, int64_t *rows, struct err *err)
{
	struct pg_rows *answer = NULL;
	struct pg_args *args;
	int rc = text_run(pg, &consumer_busy, consumer, &answer, err);

	if (objection(rc, answer, "busy", "", err) < 0)
		return -1;
	args = pg_args_new();
	pg_arg_text(args, str_of(consumer));
	pg_arg_text(args, str_of(topic));
	answer = NULL;
	rc = pg_run(pg, &forget, args, &answer, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*rows = pg_rows_affected(answer);
	pg_rows_free(answer);
	return *rows > 0 ? 0 : err_set(err, ERR_INPUT, "unknown", "%s has no such progress", consumer);
}
