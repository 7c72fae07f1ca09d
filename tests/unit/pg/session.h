/* What the tests of libs/pg share: a session on the server of pg_temp.h, and statements without ceremony. */
#ifndef SESSION_H
#define SESSION_H

#include "unit.h"

#include <string.h>

#include "../pg_temp.h"
#include "base/clock.h"
#include "pg/pg.h"

#define assert_done(rc, err) \
	do { \
		if ((rc) < 0) \
			fail_msg("%s [%s]", (err).msg, (err).code); \
	} while (0)

#define assert_failed(rc, err, want_kind, want_code) \
	do { \
		assert_int_equal((rc), -1); \
		assert_string_equal((err).code, (want_code)); \
		assert_int_equal((err).kind, (want_kind)); \
	} while (0)

static inline struct pg *session_open_with(const struct pg_options *options)
{
	struct pg *pg = NULL;
	struct err err = { 0 };

	assert_done(pg_open(&pg, options, &err), err);
	return pg;
}

static inline struct pg *session_open(void)
{
	return session_open_with(&(struct pg_options){ .conninfo = pg_temp_conninfo(), .application_name = "test" });
}

/* One unnamed statement. */
static inline int run(struct pg *pg, const char *sql, struct pg_args *args, struct pg_rows **rows, struct err *err)
{
	return pg_run(pg, &(struct pg_stmt){ "test", PG_UNNAMED, sql }, args, rows, err);
}

static inline struct pg_rows *query(struct pg *pg, const char *sql, struct pg_args *args)
{
	struct pg_rows *rows = NULL;
	struct err err = { 0 };

	assert_done(run(pg, sql, args, &rows, &err), err);
	return rows;
}

static inline void execute(struct pg *pg, const char *sql)
{
	pg_rows_free(query(pg, sql, NULL));
}

static inline int64_t query_i64(struct pg *pg, const char *sql)
{
	struct pg_rows *rows = query(pg, sql, NULL);
	int64_t v = pg_i64(rows, 0, 0);

	pg_rows_free(rows);
	return v;
}

static inline int backend_pid(struct pg *pg)
{
	return (int)query_i64(pg, "SELECT pg_backend_pid()");
}

/* Ends the backend of another session, and waits until it is gone. */
static inline void backend_kill_by(struct pg *admin, int pid)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows;

	pg_arg_i32(args, pid);
	rows = query(admin, "SELECT pg_terminate_backend($1, 5000)", args);
	assert_true(pg_bool(rows, 0, 0));
	pg_rows_free(rows);
	pg_args_free(args);
}

static inline void backend_kill(int pid)
{
	struct pg *admin = session_open();

	backend_kill_by(admin, pid);
	pg_close(&admin);
}

#endif
