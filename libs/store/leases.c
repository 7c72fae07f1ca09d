/* See leases.h. Invariant: an epoch is held by one replica at most, and only until `until`. */
#include "store/leases.h"

#include "store/statements.h"

#define NOW_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

static const struct pg_stmt acquire = {
	"lease_acquire", PG_PREPARED,
	"INSERT INTO leases AS l (name, owner, epoch, until)"
	" VALUES ($1, $2, " NOW_US ", clock_timestamp() + $3::bigint * interval '1 millisecond')"
	" ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = greatest(l.epoch + 1, excluded.epoch),"
	" until = excluded.until WHERE l.until <= clock_timestamp() OR l.owner = excluded.owner RETURNING epoch, seq, " NOW_US
};

static const struct pg_stmt renew = { "lease_renew", PG_PREPARED,
	"UPDATE leases SET until = clock_timestamp() + $3::bigint * interval '1 millisecond'"
	" WHERE name = $1 AND epoch = $2::bigint AND until > clock_timestamp() RETURNING " NOW_US };

static const struct pg_stmt lock = { "lease_lock", PG_PREPARED,
	"UPDATE leases SET seq = seq + 1 WHERE name = $1 AND epoch = $2::bigint AND until > clock_timestamp()"
	" RETURNING seq" };

static const struct pg_stmt release = {
	"lease_release", PG_PREPARED,
	"UPDATE leases SET until = clock_timestamp() WHERE name = $1 AND epoch = $2::bigint AND until > clock_timestamp()"
};

const struct pg_stmt *const leases_statements[] = { &acquire, &renew, &lock, &release, NULL };

static int fenced(const char *name, struct err *err)
{
	return err_set(err, ERR_FENCED, "fenced", "the lease %s has expired or is another's", name);
}

int store_lease_acquire(struct pg *pg, const char *name, const char *owner, int64_t ttl_ms, struct lease_row *out,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_text(args, str_of(name));
	pg_arg_text(args, str_of(owner));
	pg_arg_i64(args, ttl_ms);
	rc = pg_run(pg, &acquire, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	rc = pg_rows_count(rows) > 0;
	if (rc)
		*out = (struct lease_row){
			.now_us = pg_i64(rows, 0, 2), .epoch = pg_i64(rows, 0, 0), .seq = pg_i64(rows, 0, 1)
		};
	pg_rows_free(rows);
	return rc;
}

/* Runs a statement on the lease with that epoch; ttl_ms is a parameter unless it is 0. */
static int held_run(struct pg *pg, const struct pg_stmt *stmt, const char *name, int64_t epoch, int64_t ttl_ms,
	struct pg_rows **rows, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_text(args, str_of(name));
	pg_arg_i64(args, epoch);
	if (ttl_ms > 0)
		pg_arg_i64(args, ttl_ms);
	rc = pg_run(pg, stmt, args, rows, err);
	pg_args_free(args);
	return rc;
}

int store_lease_renew(struct pg *pg, const char *name, int64_t epoch, int64_t ttl_ms, int64_t *now_us, struct err *err)
{
	struct pg_rows *rows = NULL;
	bool held;

	if (held_run(pg, &renew, name, epoch, ttl_ms, &rows, err) < 0)
		return -1;
	held = pg_rows_count(rows) > 0;
	if (held)
		*now_us = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return held ? 0 : fenced(name, err);
}

int store_lease_lock(struct pg *pg, const char *name, int64_t epoch, int64_t *seq, struct err *err)
{
	struct pg_rows *rows = NULL;
	bool held;

	if (held_run(pg, &lock, name, epoch, 0, &rows, err) < 0)
		return -1;
	held = pg_rows_count(rows) > 0;
	if (held)
		*seq = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return held ? 0 : fenced(name, err);
}

int store_lease_release(struct pg *pg, const char *name, int64_t epoch, struct err *err)
{
	return held_run(pg, &release, name, epoch, 0, NULL, err);
}
