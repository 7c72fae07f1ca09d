/* The handle and its connection: open, reconnect, close.
 *
 * Invariant: a handle is either usable or closed: every failure that leaves the connection in doubt closes it, and
 * pg_reconnect() opens one with the same options. libpq blocks while it resolves host names, inside
 * PQconnectStartParams and PQconnectPoll; only that escapes the deadline (resolv.conf bounds it). */
#include "pg/pg.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "pg/private.h"

#define CONNECT_TIMEOUT_MS   5000
#define STATEMENT_TIMEOUT_MS 30000
#define SERVER_GRACE_MS      1000 /* the server cancels a statement this much later than the client does */

/* Sets everything in one round trip. Over Unix sockets the server ignores tcp_user_timeout. */
static const struct pg_stmt stmt_session = {
	"session",
	PG_UNNAMED,
	"SELECT set_config('TimeZone', 'UTC', false),"
	" set_config('plan_cache_mode', 'auto', false),"
	" set_config('statement_timeout', $1::int::text, false),"
	" set_config('lock_timeout', $2::int::text, false),"
	" set_config('idle_in_transaction_session_timeout', '10s', false),"
	" set_config('client_connection_check_interval', '2s', false),"
	" set_config('tcp_user_timeout', '10s', false)",
};

static void notice_log(void *ctx, const PGresult *notice)
{
	(void)ctx;
	log_debug("postgresql notice", LOG_S("code", PQresultErrorField(notice, PG_DIAG_SQLSTATE)),
		LOG_S("notice", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

int pg_lost(const struct pg *pg, struct err *err)
{
	return err_set(err, ERR_RETRY, "lost", "%s", PQerrorMessage(pg->conn));
}

/* Fills the error of a failed connection attempt. libpq has no field for the SQLSTATE here, but with PQERRORS_VERBOSE
 * its text contains it. Errors of libpq itself have none: a missing password and unknown settings ("invalid sslmode
 * value", in English because the process never calls setlocale) are permanent, all others are failures of the
 * network. */
static int connect_failed(const struct pg *pg, struct err *err)
{
	const char *message = PQerrorMessage(pg->conn);
	char sqlstate[6];

	if (pg_sqlstate_find(message, sqlstate))
		return err_set(err, pg_sqlstate_kind(sqlstate), sqlstate, "%s", message);
	if (PQconnectionNeedsPassword(pg->conn) || str_starts(str_of(message), STR("invalid ")))
		return err_set(err, ERR_FATAL, "conninfo", "%s", message);
	return pg_lost(pg, err);
}

/* Leaves out libpq's message: it may quote a part of a password. */
static int conninfo_check(const char *conninfo, struct err *err)
{
	PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);

	if (!parsed)
		return err_set(err, ERR_FATAL, "conninfo", "the connection string is not one of PostgreSQL's");
	PQconninfoFree(parsed);
	return 0;
}

static PGconn *connect_start(const struct pg *pg)
{
	/* The last value of a keyword wins: conninfo (as dbname) overrides what precedes it. */
	const char *names[] = { "tcp_user_timeout", "dbname", "application_name", "client_encoding", NULL };
	const char *values[] = { "10000", pg->conninfo, pg->application_name, "UTF8", NULL };
	PGconn *conn = PQconnectStartParams(names, values, 1);

	if (!conn)
		abort(); /* out of memory */
	PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(conn, notice_log, NULL);
	return conn;
}

static int connect_wait(struct pg *pg, struct pg_wait *w, struct err *err)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return connect_failed(pg, err);
	while (state != PGRES_POLLING_OK) {
		if (pg_wait_socket(pg, w, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, err) < 0)
			return -1;
		state = PQconnectPoll(pg->conn);
		if (state == PGRES_POLLING_FAILED)
			return connect_failed(pg, err);
	}
	PQsetErrorVerbosity(pg->conn, PQERRORS_TERSE); /* no DETAIL in messages that pg_lost() quotes */
	if (PQsetnonblocking(pg->conn, 1) < 0 || !PQenterPipelineMode(pg->conn))
		return pg_lost(pg, err);
	return 0;
}

static int session_set(struct pg *pg, struct pg_wait *w, struct err *err)
{
	struct pg_args *args = pg_args_new();
	int rc;

	pg_arg_i32(args, pg->statement_timeout_ms + SERVER_GRACE_MS);
	pg_arg_i32(args, pg->statement_timeout_ms / 2);
	rc = pg_run_within(pg, w, &stmt_session, args, NULL, err);
	pg_args_free(args);
	return rc;
}

/* A usable connection counts as closed on purpose, not as lost. */
static void connection_end(struct pg *pg)
{
	if (pg_usable(pg))
		pg->connected = false;
	pg_disconnect(pg);
}

int pg_reconnect(struct pg *pg, struct err *err)
{
	struct pg_wait w = pg_wait_start(pg->connect_timeout_ms);

	connection_end(pg);
	if (conninfo_check(pg->conninfo, err) < 0)
		return -1;
	pg->conn = connect_start(pg);
	if (connect_wait(pg, &w, err) < 0 || session_set(pg, &w, err) < 0) {
		pg_disconnect(pg);
		pg_stats_unreachable();
		return err_wrap(err, "connect to PostgreSQL");
	}
	pg->connected = true;
	pg_replan_start(pg);
	pg_stats_connected();
	return 0;
}

int pg_open(struct pg **out, const struct pg_options *options, struct err *err)
{
	struct pg *pg = mem_calloc(1, sizeof(*pg));

	pg_stats_init();
	pg->prepared = map_new();
	pg->conninfo = mem_cstr(str_of(options->conninfo));
	pg->application_name = mem_cstr(str_of(options->application_name));
	pg->connect_timeout_ms = options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	pg->statement_timeout_ms = options->statement_timeout_ms ? options->statement_timeout_ms : STATEMENT_TIMEOUT_MS;
	pg->idle = options->idle;
	pg->idle_ctx = options->idle_ctx;
	pg->wait = options->wait;
	pg->wait_ctx = options->wait_ctx;
	if (pg_reconnect(pg, err) < 0) {
		pg_close(&pg);
		return -1;
	}
	*out = pg;
	return 0;
}

/* PQfinish sends its Terminate message without waiting, because the connection is non-blocking. */
void pg_disconnect(struct pg *pg)
{
	struct str name;
	void *prepared;
	size_t i = 0;

	while (map_each(pg->prepared, &i, &name, &prepared))
		free(prepared);
	map_clear(pg->prepared);
	if (pg->connected)
		pg_stats_lost();
	pg->connected = false;
	pg->n_sent = 0;
	pg->in_tx = false;
	PQfinish(pg->conn);
	pg->conn = NULL;
}

void pg_close(struct pg **pg)
{
	struct pg *p = *pg;

	*pg = NULL;
	if (!p)
		return;
	connection_end(p);
	PQfreemem(p->notify);
	map_free(p->prepared);
	free(p->conninfo);
	free(p->application_name);
	free(p);
}

bool pg_usable(const struct pg *pg)
{
	return PQstatus(pg->conn) == CONNECTION_OK;
}

int pg_socket(const struct pg *pg)
{
	return PQsocket(pg->conn);
}
