/* Transactions and the savepoints inside.
 *
 * Invariant: pg_commit() returns 0 only when the server answered COMMIT. A COMMIT of a transaction in which a statement
 * failed is answered with ROLLBACK, without an error. */
#include <assert.h>

#include "base/clock.h"
#include "base/str.h"
#include "pg/private.h"

#define SAVEPOINT "blazz"

#define REPLAN_FIRST_MS 1000
#define REPLAN_MOST_MS  30000

static int command(struct pg *pg, const char *sql, struct err *err)
{
	char tag[16];

	return pg_command(pg, sql, tag, err);
}

bool pg_in_transaction(const struct pg *pg)
{
	return pg->in_tx;
}

/* A cached plan stays until its tables are analysed, which autovacuum does after a minute or more. One made while a table was empty may
 * use any index of it, and then read ten thousand rows to find one: also the server's own plans, which check foreign keys. */
static bool replan_due(struct pg *pg)
{
	int64_t now = clock_mono_ms();

	if (now < pg->replan_mono_ms)
		return false;
	pg->replan_mono_ms = now + pg->replan_wait_ms;
	pg->replan_wait_ms = pg->replan_wait_ms < REPLAN_MOST_MS / 2 ? pg->replan_wait_ms * 2 : REPLAN_MOST_MS;
	return true;
}

void pg_replan_start(struct pg *pg)
{
	pg->replan_wait_ms = REPLAN_FIRST_MS;
	pg->replan_mono_ms = clock_mono_ms() + REPLAN_FIRST_MS;
}

int pg_begin(struct pg *pg, struct err *err)
{
	assert(!pg->in_tx);
	if (pg_command_add(pg, "BEGIN", err) < 0)
		return -1;
	pg->in_tx = true;
	return replan_due(pg) ? pg_command_add(pg, "DISCARD PLANS", err) : 0;
}

/* When the connection ends, the outcome is unknown, even when the server announced the end: it may have committed
 * before. */
int pg_commit(struct pg *pg, struct err *err)
{
	bool connected = pg_usable(pg);
	struct err cause = { 0 };
	char tag[16];

	if (pg_command(pg, "COMMIT", tag, &cause) < 0) {
		if (connected && !pg_usable(pg))
			return err_set(err, ERR_RETRY, "unknown", "%s", cause.msg);
		return err_set(err, cause.kind, cause.code, "%s", cause.msg);
	}
	if (!str_is(str_of(tag), "COMMIT"))
		return err_set(err, ERR_RETRY, "25P02", "COMMIT: a statement had failed, all is rolled back");
	return 0;
}

void pg_rollback(struct pg *pg)
{
	struct err ignored;

	(void)!pg_collect(pg, NULL, &ignored);
	if (pg_in_transaction(pg) && command(pg, "ROLLBACK", NULL) < 0)
		pg_disconnect(pg);
}

int pg_savepoint(struct pg *pg, struct err *err)
{
	return pg_command_add(pg, "SAVEPOINT " SAVEPOINT, err);
}

int pg_savepoint_release(struct pg *pg, struct err *err)
{
	return command(pg, "RELEASE SAVEPOINT " SAVEPOINT, err);
}

int pg_savepoint_rewind(struct pg *pg, struct err *err)
{
	return pg_command_add(pg, "ROLLBACK TO SAVEPOINT " SAVEPOINT, err);
}

int pg_savepoint_rollback(struct pg *pg, struct err *err)
{
	return pg_savepoint_rewind(pg, err) < 0 ? -1 : pg_savepoint_release(pg, err);
}

int pg_check_deferred(struct pg *pg, struct err *err)
{
	return pg_command_add(pg, "SET CONSTRAINTS ALL IMMEDIATE", err) < 0
		? -1
		: command(pg, "SET CONSTRAINTS ALL DEFERRED", err);
}
