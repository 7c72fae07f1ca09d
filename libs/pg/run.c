/* Running statements, in libpq's pipeline mode: one may be sent before those before it have been answered.
 *
 * Invariant: when a function here returns, nothing is under way but what it was to start: either every answer has been read, or the
 * connection is closed. PQgetResult is called only while PQisBusy says that it will not block.
 *
 * Each statement ends in a sync of its own, as if it had been sent alone: after one that failed the server goes on with the next, which
 * fails as well where they share a transaction. Only BEGIN has none and is not even flushed: it travels with what follows it. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
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
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY ||
		status == PGRES_PIPELINE_SYNC;
}

/* What a result that is not good means: 1: the server refused the statement, and answers what is behind it; -1: it will not. */
static int result_failed(const struct pg *pg, const PGresult *result, struct err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) /* what it was sent with failed before, and told why */
		return 1;
	if (!sqlstate) /* libpq's own */
		return pg_lost(pg, err);
	(void)err_set(err, pg_sqlstate_kind(sqlstate), sqlstate, "%s", message ? message : "");
	return 1;
}

/* Reads one answer to its end and keeps the last result, or the first that failed: 0, or as result_failed() says. What the end of a
 * statement's own transaction refused comes with its sync, which ends itself. */
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

/* Reads the answers to all that was sent, *out the last one's: 0, or -1 for the first failure, from which the others follow. Where
 * one does not come, the connection is closed. */
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
			pg_disconnect(pg); /* nothing is under way any more */
		if (!sent->is_sync) {
			PQclear(*out);
			*out = result;
		}
	}
	return rc;
}

/* All answers: *out is the last one's, to be cleared, NULL after a failure. The connection is closed unless the server refused a
 * statement and waits for the next. */
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
	/* "cached plan must not change result type": a migration ran; or the server does not know what was prepared. The next
	 * connection prepares anew. */
	if (!pg_usable(pg) || str_is(str_of(why.code), "0A000") || str_is(str_of(why.code), "26000"))
		pg_disconnect(pg);
	if (err)
		*err = why;
	return -1;
}

/* Notes what libpq has taken (`sent`: what PQsend… returned). */
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

/* Ends the statement, and sends all there is. */
static int sync_add(struct pg *pg, const char *name, struct err *err)
{
	return sent_add(pg, name, true, PQpipelineSync(pg->conn), err);
}

/* Ready for a statement: connected, and with room to note it, its sync and a BEGIN before it. */
static int ready_check(struct pg *pg, const char *name, struct err *err)
{
	if (pg->n_sent > PG_MAX_SENT - 3 && pg_collect(pg, NULL, err) < 0)
		return -1;
	if (pg_usable(pg))
		return 0;
	(void)err_set(err, ERR_RETRY, "closed", "not connected to PostgreSQL");
	return err_wrap(err, "%s", name);
}

/* Waits for the answer: what is not prepared must not be taken for it. */
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

/* Whether stmt is prepared for these types, after preparing it when it is not prepared at all. An argument whose type
 * only the server knew then (pg_arg_null) or now does not fit: the caller sends the text instead. */
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

/* A failure is that of the statement whose sync comes next. */
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

/* As the unnamed statement: the name stays free for the types of the first run. */
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
