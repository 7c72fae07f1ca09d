/* Running statements.
 *
 * Invariant: when a function here returns, no statement is under way, except after pg_start(): either the whole answer has been
 * read, or the connection is closed. PQgetResult is called only while PQisBusy says that it will not block. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "pg/private.h"

/* Types that a statement was prepared with, on this connection. */
struct prepared {
	int n;
	Oid types[PG_MAX_ARGS];
};

/* Sends what is queued and reads until the next result is there. */
static int result_wait(struct pg *pg, struct pg_wait *w, struct err *err)
{
	for (;;) {
		int unsent = PQflush(pg->conn);

		if (unsent <= 0 && !PQisBusy(pg->conn))
			return 0; /* also after a failure: the server may have said why, before it hung up */
		if (unsent < 0)
			return pg_lost(pg, err);
		if (pg_wait_socket(pg, w, (short)(unsent ? POLLIN | POLLOUT : POLLIN), err) < 0)
			return -1;
		if (!PQconsumeInput(pg->conn) && PQisBusy(pg->conn))
			return pg_lost(pg, err);
	}
}

static bool result_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	assert(status != PGRES_COPY_IN && status != PGRES_COPY_OUT && status != PGRES_COPY_BOTH);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

static int result_failed(const struct pg *pg, const PGresult *result, struct err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!sqlstate) /* libpq's own */
		return pg_lost(pg, err);
	return err_set(err, pg_sqlstate_kind(sqlstate), sqlstate, "%s", message ? message : "");
}

/* Reads the answer to its end and keeps the last result, or the first that failed. */
static int answer_read(struct pg *pg, struct pg_wait *w, PGresult **out, struct err *err)
{
	PGresult *kept = NULL, *next;
	int rc = 0;

	while ((rc = result_wait(pg, w, err)) == 0 && (next = PQgetResult(pg->conn))) {
		if (kept && !result_good(kept)) {
			PQclear(next);
			continue;
		}
		PQclear(kept);
		kept = next;
	}
	if (kept && !result_good(kept))
		rc = result_failed(pg, kept, err);
	if (rc < 0)
		PQclear(kept);
	else
		*out = kept;
	return rc;
}

/* The connection is closed unless the server refused the statement and waits for the next. */
static int answer(struct pg *pg, struct pg_wait *w, int sent, PGresult **out, struct err *err)
{
	int rc = sent ? answer_read(pg, w, out, err) : pg_lost(pg, err);

	if (rc < 0 && (!sent || !pg_usable(pg) || PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE))
		pg_disconnect(pg);
	return rc;
}

/* Ready for a statement: connected, and what was started is done. */
static int ready_check(struct pg *pg, struct err *err)
{
	if (pg_collect(pg, err) < 0)
		return -1;
	if (pg_usable(pg))
		return 0;
	return err_set(err, ERR_RETRY, "closed", "not connected to PostgreSQL");
}

static int send_prepare(struct pg *pg, struct pg_wait *w, const char *name, const char *sql, int n, const Oid *types,
	struct err *err)
{
	PGresult *result = NULL;

	if (answer(pg, w, PQsendPrepare(pg->conn, name, sql, n, types), &result, err) < 0)
		return -1;
	PQclear(result);
	return 0;
}

/* Whether stmt is prepared for these types, after preparing it when it is not prepared at all. An argument whose type
 * only the server knew then (pg_arg_null) or now does not fit: the caller sends the text instead. */
static int prepared_get(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_bound *args,
	bool *fits, struct err *err)
{
	struct prepared *p = map_get(pg->prepared, str_of(stmt->name));
	size_t types_bytes = (size_t)args->n * sizeof(Oid);

	if (!p) {
		if (send_prepare(pg, w, stmt->name, stmt->sql, args->n, args->types, err) < 0)
			return -1;
		p = mem_calloc(1, sizeof(*p));
		p->n = args->n;
		if (args->n > 0)
			memcpy(p->types, args->types, types_bytes);
		*map_slot(pg->prepared, str_of(stmt->name)) = p;
	}
	*fits = p->n == args->n && (args->n == 0 || memcmp(p->types, args->types, types_bytes) == 0);
	return 0;
}

/* What PQsend… returned goes to *sent. */
static int stmt_send(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_bound *args,
	int *sent, struct err *err)
{
	bool prepared = false;

	if (stmt->kind == PG_PREPARED && prepared_get(pg, w, stmt, args, &prepared, err) < 0)
		return -1;
	if (prepared)
		*sent = PQsendQueryPrepared(pg->conn, stmt->name, args->n, args->values, args->lengths, args->formats,
			1);
	else
		*sent = PQsendQueryParams(pg->conn, stmt->sql, args->n, args->types, args->values, args->lengths,
			args->formats, 1);
	return 0;
}

static int stmt_answer(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, int sent, PGresult **out,
	struct err *err)
{
	int rc = answer(pg, w, sent, out, err);

	/* "cached plan must not change result type": a migration ran. The next connection prepares for the new schema. */
	if (rc < 0 && stmt->kind == PG_PREPARED && err && str_is(str_of(err->code), "0A000"))
		pg_disconnect(pg);
	return rc;
}

int pg_run_within(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_args *args,
	struct pg_rows **rows, struct err *err)
{
	PGresult *result = NULL;
	struct pg_bound bound;
	int sent;

	if (ready_check(pg, err) < 0 || pg_args_bind(args, &bound, err) < 0 ||
		stmt_send(pg, w, stmt, &bound, &sent, err) < 0 || stmt_answer(pg, w, stmt, sent, &result, err) < 0)
		return err_wrap(err, "%s", stmt->name);
	if (rows)
		*rows = pg_rows_new(result);
	else
		PQclear(result);
	return 0;
}

int pg_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	return pg_run_within(pg, &w, stmt, args, rows, err);
}

int pg_start(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);
	struct pg_bound bound;
	int sent;

	if (ready_check(pg, err) < 0 || pg_args_bind(args, &bound, err) < 0 ||
		stmt_send(pg, &w, stmt, &bound, &sent, err) < 0)
		return err_wrap(err, "%s", stmt->name);
	if (sent && PQflush(pg->conn) >= 0) {
		pg->started = stmt;
		pg->started_wait = w;
		return 0;
	}
	(void)pg_lost(pg, err);
	pg_disconnect(pg);
	return err_wrap(err, "%s", stmt->name);
}

int pg_collect(struct pg *pg, struct err *err)
{
	const struct pg_stmt *stmt = pg->started;
	PGresult *result = NULL;

	if (!stmt)
		return 0;
	pg->started = NULL;
	pg->started_wait.idle_ms =
		pg_wait_start(0).idle_ms; /* what has been answered is not kept waiting by idle's work */
	if (stmt_answer(pg, &pg->started_wait, stmt, 1, &result, err) < 0)
		return err_wrap(err, "%s", stmt->name);
	PQclear(result);
	return 0;
}

/* As the unnamed statement: the name stays free for the types of the first run. */
int pg_prepare(struct pg *pg, const struct pg_stmt *stmt, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	if (ready_check(pg, err) < 0 || send_prepare(pg, &w, "", stmt->sql, 0, NULL, err) < 0)
		return err_wrap(err, "%s", stmt->name);
	return 0;
}

int pg_command(struct pg *pg, const char *sql, char tag[static 16], struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);
	PGresult *result = NULL;

	if (ready_check(pg, err) < 0 || answer(pg, &w, PQsendQuery(pg->conn, sql), &result, err) < 0)
		return err_wrap(err, "%s", sql);
	snprintf(tag, 16, "%s", PQcmdStatus(result));
	PQclear(result);
	return 0;
}
