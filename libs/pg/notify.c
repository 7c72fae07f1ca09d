/* LISTEN and reading notifications. Invariant: nothing here waits for a notification; the owner polls pg_socket() for
 * that. */
#include "base/buf.h"
#include "pg/private.h"

int pg_listen(struct pg *pg, const char *channel, struct err *err)
{
	char *name = PQescapeIdentifier(pg->conn, channel, strlen(channel));
	struct buf sql = BUF_INIT;
	char tag[16];
	int rc;

	if (!name)
		return err_set(err, ERR_RETRY, "closed", "LISTEN: not connected to PostgreSQL");
	buf_printf(&sql, "LISTEN %s", name);
	rc = pg_command(pg, sql.p, tag, err);
	buf_fini(&sql);
	PQfreemem(name);
	return rc;
}

int pg_notification(struct pg *pg, struct str *channel, struct str *payload, struct err *err)
{
	PGnotify *next;

	if (!pg_usable(pg))
		return err_set(err, ERR_RETRY, "closed", "not connected to PostgreSQL");
	next = PQnotifies(pg->conn); /* libpq parses what it has read, but reads nothing */
	if (!next && !PQconsumeInput(pg->conn)) {
		pg_lost(pg, err);
		pg_disconnect(pg);
		return -1;
	}
	if (!next && !(next = PQnotifies(pg->conn)))
		return 0;
	PQfreemem(pg->notify);
	pg->notify = next;
	*channel = str_of(next->relname);
	*payload = str_of(next->extra);
	return 1;
}
