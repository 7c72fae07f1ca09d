/* Running statements, in libpq's pipeline mode: a statement may be sent before earlier ones have been answered.
 *
 * Invariant: when a function here returns, only statements that it was to start are in flight: otherwise every answer
 * has been read, or the connection is closed. PQgetResult is called only while PQisBusy says that it will not block.
 *
 *   sent      BEGIN INSERT sync | UPDATE sync | COMMIT sync        one sync per statement; BEGIN is sent with the next one
 *   answers            ok       |     failed  |   rolled back      after a failure the server continues behind the next sync
 *
 * Each statement ends in a sync of its own, as if it had been sent alone: after a failed statement the server executes
 * the next, which fails as well where they share a transaction. Only BEGIN has no sync and is not even flushed: it is
 * sent with the next statement. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "pg/private.h"

/* The parameter types with which a statement was prepared on this connection. */
struct prepared {
	int n;
	Oid types[PG_MAX_ARGS];
};

/* Sends what is queued and reads until the next result is complete. */
static int result_wait(struct pg *pg, struct pg_wait *w, struct err *err)
{
	for (;;) {
		int unsent = PQflush(pg->conn);

		if (unsent <= 0 && !PQisBusy(pg->conn))
			return 0; /* also after a failure: the server may have sent its reason before it closed */
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
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY ||
		status == PGRES_PIPELINE_SYNC;
}

/* Classifies a failed result. 1: the server rejected the statement and answers those that follow it; -1: it answers no
 * more. */
static int result_failed(const struct pg *pg, const PGresult *result, struct err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) /* an earlier part failed; its result has the reason */
		return 1;
	if (!sqlstate) /* an error of libpq itself */
		return pg_lost(pg, err);
	(void)err_set(err, pg_sqlstate_kind(sqlstate), sqlstate, "%s", message ? message : "");
	return 1;
}

/* Reads one answer to its end and keeps the last result, or the first that failed. Returns 0, or as result_failed(). A
 * statement outside a transaction commits at its sync: a failure of that commit (a deferred constraint) is the answer
 * to the sync. */
static int answer_read(struct pg *pg, struct pg_wait *w, bool is_sync, PGresult **out, struct err *err)
{
	PGresult *kept = NULL, *next;
	bool ended = false;
	int rc = 0;

	while (!ended && (rc = result_wait(pg, w, err)) == 0) {
		next = PQgetResult(pg->conn);
		ended = is_sync ? !pg_usable(pg) || (next && PQresultStatus(next) == PGRES_PIPELINE_SYNC) : !next;
		if (!next || (kept && !result_good(kept))) {
			PQclear(next);
			continue;
		}
		PQclear(kept);
		kept = next;
	}
	if (rc == 0 && !(kept && result_good(kept)))
		rc = kept ? result_failed(pg, kept, err) : pg_lost(pg, err);
	if (rc == 0 && !is_sync)
		*out = kept;
	else
		PQclear(kept);
	return rc;
}

/* Reads the answers to everything that was sent; *out is the last one's. Returns 0, or -1 with the first failure, of
 * which later ones are consequences. When an answer does not arrive, the connection is closed. */
static int answers_read(struct pg *pg, struct pg_wait *w, PGresult **out, struct err *err)
{
	int64_t since_mono_ms = clock_mono_ms();
	int rc = 0;

	for (int i = 0; i < pg->n_sent; i++) {
		const struct pg_sent *sent = &pg->sent[i];
		PGresult *result = NULL;
		int got = answer_read(pg, w, sent->is_sync, &result, rc == 0 ? err : NULL);

		since_mono_ms = pg_stats_answered(pg, sent->name, since_mono_ms);
		if (got != 0 && rc == 0)
			rc = err_wrap(err, "%s", sent->name);
		if (got < 0)
			pg_disconnect(pg); /* nothing is in flight any more */
		if (!sent->is_sync) {
			PQclear(*out);
			*out = result;
		}
	}
	return rc;
}

/* Reads all answers: *out is the last one's, which the caller clears; NULL after a failure. After a failure the
 * connection is closed unless the server rejected a statement and waits for the next. */
static int answers(struct pg *pg, struct pg_wait *w, PGresult **out, struct err *err)
{
	struct err why = { 0 };
	int rc = answers_read(pg, w, out, &why);

	pg->n_sent = 0;
	pg->in_tx =
		PQtransactionStatus(pg->conn) == PQTRANS_INTRANS || PQtransactionStatus(pg->conn) == PQTRANS_INERROR;
	if (rc == 0)
		return 0;
	PQclear(*out);
	*out = NULL;
	/* 0A000 "cached plan must not change result type": a migration ran. 26000: the server does not have the
	 * prepared statement. The next connection prepares it again. */
	if (!pg_usable(pg) || str_is(str_of(why.code), "0A000") || str_is(str_of(why.code), "26000"))
		pg_disconnect(pg);
	if (err)
		*err = why;
	return -1;
}

/* Records what libpq has accepted for sending (`sent`: the return value of PQsend…). */
static int sent_add(struct pg *pg, const char *name, bool is_sync, int sent, struct err *err)
{
	if (sent) {
		pg->sent[pg->n_sent++] = (struct pg_sent){ name, is_sync };
		return 0;
	}
	(void)pg_lost(pg, err);
	pg_disconnect(pg);
	return err_wrap(err, "%s", name);
}

/* Ends the statement with a sync, and flushes. */
static int sync_add(struct pg *pg, const char *name, struct err *err)
{
	return sent_add(pg, name, true, PQpipelineSync(pg->conn), err);
}

/* Checks that the connection is open and has room to record a statement, its sync and a BEGIN before it. */
static int ready_check(struct pg *pg, const char *name, struct err *err)
{
	if (pg->n_sent > PG_MAX_SENT - 3 && pg_collect(pg, NULL, err) < 0)
		return -1;
	if (pg_usable(pg))
		return 0;
	(void)err_set(err, ERR_RETRY, "closed", "not connected to PostgreSQL");
	return err_wrap(err, "%s", name);
}

/* Waits for the answer: a statement counts as prepared only after the server has confirmed it. */
static int prepare(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const char *name, int n,
	const Oid *types, struct err *err)
{
	PGresult *result = NULL;

	if (sent_add(pg, stmt->name, false, PQsendPrepare(pg->conn, name, stmt->sql, n, types), err) < 0 ||
		sync_add(pg, stmt->name, err) < 0 || answers(pg, w, &result, err) < 0)
		return -1;
	PQclear(result);
	return 0;
}

/* Whether stmt is prepared for these types; prepares it first when it is not prepared at all. An argument whose type
 * was left to the server (pg_arg_null) in the preparation or now does not match: the caller sends the text instead. */
static int prepared_get(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_bound *args,
	bool *fits, struct err *err)
{
	struct prepared *p = map_get(pg->prepared, str_of(stmt->name));
	size_t types_bytes = (size_t)args->n * sizeof(Oid);

	if (!p) {
		if (prepare(pg, w, stmt, stmt->name, args->n, args->types, err) < 0)
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

/* Sends a statement with its sync. */
static int stmt_send(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_args *args,
	struct err *err)
{
	struct pg_bound bound;
	bool prepared = false;
	int sent;

	if (ready_check(pg, stmt->name, err) < 0)
		return -1;
	if (pg_args_bind(args, &bound, err) < 0)
		return err_wrap(err, "%s", stmt->name);
	if (stmt->kind == PG_PREPARED && prepared_get(pg, w, stmt, &bound, &prepared, err) < 0)
		return -1;
	if (prepared)
		sent = PQsendQueryPrepared(pg->conn, stmt->name, bound.n, bound.values, bound.lengths, bound.formats,
			1);
	else
		sent = PQsendQueryParams(pg->conn, stmt->sql, bound.n, bound.types, bound.values, bound.lengths,
			bound.formats, 1);
	return sent_add(pg, stmt->name, false, sent, err) < 0 ? -1 : sync_add(pg, stmt->name, err);
}

static int rows_collect(struct pg *pg, struct pg_wait *w, struct pg_rows **rows, struct err *err)
{
	PGresult *result = NULL;

	if (answers(pg, w, &result, err) < 0)
		return -1;
	if (rows)
		*rows = pg_rows_new(result);
	else
		PQclear(result);
	return 0;
}

int pg_run_within(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_args *args,
	struct pg_rows **rows, struct err *err)
{
	return stmt_send(pg, w, stmt, args, err) < 0 ? -1 : rows_collect(pg, w, rows, err);
}

int pg_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	return pg_run_within(pg, &w, stmt, args, rows, err);
}

int pg_start(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	return stmt_send(pg, &w, stmt, args, err);
}

int pg_collect(struct pg *pg, struct pg_rows **rows, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	assert(pg->n_sent > 0 || !rows);
	if (pg->n_sent == 0)
		return 0;
	if (!pg->sent[pg->n_sent - 1].is_sync && sync_add(pg, pg->sent[pg->n_sent - 1].name, err) < 0)
		return -1;
	return rows_collect(pg, &w, rows, err);
}

/* A failure belongs to the statement whose sync comes next. */
int pg_collect_each(struct pg *pg, struct err errs[static PG_EACH_MAX], struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);
	size_t at = 0;
	int rc = 0;

	for (size_t i = 0; i < PG_EACH_MAX; i++)
		errs[i] = (struct err){ 0 };
	for (int i = 0; rc == 0 && i < pg->n_sent; i++) {
		struct err why = { 0 };
		PGresult *result = NULL;
		int got = answer_read(pg, &w, pg->sent[i].is_sync, &result, &why);

		PQclear(result);
		if (got < 0) {
			pg_disconnect(pg);
			rc = err_set(err, why.kind, why.code, "%s: %s", pg->sent[i].name, why.msg);
		} else if (got > 0 && errs[at].kind == ERR_NONE) {
			(void)err_wrap(&why, "%s", pg->sent[i].name);
			errs[at] = why;
		}
		at += pg->sent[i].is_sync;
		assert(at < PG_EACH_MAX || i + 1 == pg->n_sent);
	}
	pg->n_sent = 0;
	pg->in_tx =
		PQtransactionStatus(pg->conn) == PQTRANS_INTRANS || PQtransactionStatus(pg->conn) == PQTRANS_INERROR;
	return rc;
}

/* Prepares the unnamed statement: the name stays free for the parameter types of the first run. */
int pg_prepare(struct pg *pg, const struct pg_stmt *stmt, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);

	return ready_check(pg, stmt->name, err) < 0 ? -1 : prepare(pg, &w, stmt, "", 0, NULL, err);
}

int pg_command_add(struct pg *pg, const char *sql, struct err *err)
{
	if (ready_check(pg, sql, err) < 0)
		return -1;
	return sent_add(pg, sql, false, PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1), err);
}

int pg_command(struct pg *pg, const char *sql, char tag[static 16], struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->statement_timeout_ms);
	PGresult *result = NULL;

	if (pg_command_add(pg, sql, err) < 0 || sync_add(pg, sql, err) < 0 || answers(pg, &w, &result, err) < 0)
		return -1;
	snprintf(tag, 16, "%s", PQcmdStatus(result));
	PQclear(result);
	return 0;
}
