/* What the files of libs/pg share: the handle, the binary forms and the waiting. Only libs/pg includes this.
 *
 * Invariant: conn is NULL or in non-blocking mode, and libpq's blocking calls (PQexec, PQgetResult while busy, PQreset)
 * are never used on it. */
#ifndef PG_PRIVATE_H
#define PG_PRIVATE_H

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

#include "base/log_limit.h"
#include "base/map.h"
#include "pg/pg.h"

#define PG_MAX_ARGS 32
#define PG_MAX_SENT 64 /* statements and syncs */

/* A statement or sync that was sent and whose answer has not been read. */
struct pg_sent {
	const char *name; /* of the statement; a sync has the name of the statement it ends */
	bool is_sync;
};

/* The wait of one call: its deadline, and when the owner's idle function is due. */
struct pg_wait {
	int64_t deadline_ms, idle_ms; /* monotonic */
	int timeout_ms;
};

struct pg {
	PGconn *conn;         /* NULL: closed */
	struct map *prepared; /* name of a statement -> struct prepared, for this connection */
	PGnotify *notify;     /* borrowed by the caller of the last pg_notification() */
	char *conninfo, *application_name;
	int connect_timeout_ms, statement_timeout_ms;
	int (*idle)(void *ctx);
	void *idle_ctx;
	bool (*wait)(void *ctx, int fd, bool write, int timeout_ms);
	void *wait_ctx;
	struct pg_sent sent[PG_MAX_SENT];
	int n_sent;
	int64_t replan_mono_ms; /* when the next transaction discards the session's plans */
	int replan_wait_ms;
	bool in_tx;     /* as of the last answer, or BEGIN was sent since */
	bool connected; /* counted as connected in the metrics (stats.c) */
	struct log_limit slow_log;
};

/* OIDs of pg_type, fixed since long before PostgreSQL 15 (src/include/catalog/pg_type.dat). */
enum pg_oid {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_NAME = 19,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_JSON = 114,
	OID_FLOAT8 = 701,
	OID_BPCHAR = 1042,
	OID_VARCHAR = 1043,
	OID_TIMESTAMPTZ = 1184,
	OID_UUID = 2950,
	OID_JSONB = 3802,
	OID_FIRST_OF_USERS = 16384, /* FirstNormalObjectId: enums and types of extensions */
};

#define JSONB_VERSION 1 /* the byte before the text in jsonb's binary form */

static inline void wire_put16(char *at, uint16_t v)
{
	v = htobe16(v);
	memcpy(at, &v, sizeof(v));
}

static inline void wire_put32(char *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void wire_put64(char *at, uint64_t v)
{
	v = htobe64(v);
	memcpy(at, &v, sizeof(v));
}

static inline uint64_t wire_f64(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* timestamptz counts microseconds from 2000-01-01 UTC; its extreme values mean the infinities, and times saturate at
 * them. */
#define PG_EPOCH_US INT64_C(946684800000000)

static inline uint64_t wire_time(int64_t us)
{
	int64_t pg_us;

	if (us == INT64_MAX || __builtin_sub_overflow(us, PG_EPOCH_US, &pg_us))
		pg_us = us < 0 ? INT64_MIN : INT64_MAX;
	return (uint64_t)pg_us;
}

static inline int64_t time_of_wire(uint64_t v)
{
	int64_t us;

	if ((int64_t)v == INT64_MIN)
		return PG_NO_TIME + 1;
	if (__builtin_add_overflow((int64_t)v, PG_EPOCH_US, &us))
		return INT64_MAX;
	return us;
}

/* array.c. Completes the header; *bytes is borrowed from the array. ERR_INPUT 22021 when a string could not be
 * stored. */
int pg_array_finish(struct pg_array *a, struct str *bytes, struct err *err) ERR_MUST_USE;
Oid pg_array_oid(const struct pg_array *a);

/* args.c. The arguments as libpq wants them, borrowed from args (NULL: none). ERR_INPUT 22021 as above, 54000 for one
 * that is too large for PostgreSQL. */
struct pg_bound {
	int n;
	const Oid *types;
	const char *values[PG_MAX_ARGS];
	int lengths[PG_MAX_ARGS];
	int formats[PG_MAX_ARGS];
};
int pg_args_bind(const struct pg_args *a, struct pg_bound *out, struct err *err) ERR_MUST_USE;

/* rows.c. Takes ownership of the result. */
struct pg_rows *pg_rows_new(PGresult *result);

/* sqlstate.c. The error kind of one SQLSTATE (NULL or empty: unknown), see pg_run(). Pure. */
enum err_kind pg_sqlstate_kind(const char *sqlstate);
/* Finds the SQLSTATE in libpq's message of a failed connection, written with PQERRORS_VERBOSE. Pure. */
bool pg_sqlstate_find(const char *message, char out[static 6]);

/* wait.c. */
struct pg_wait pg_wait_start(int timeout_ms);
/* Waits until the connection's socket is ready for `events`. ERR_RETRY: "timeout", "abandoned" or "lost"; the caller
 * then closes the connection. */
int pg_wait_socket(const struct pg *pg, struct pg_wait *w, short events, struct err *err) ERR_MUST_USE;

/* pg.c */
void pg_disconnect(struct pg *pg);
/* A new session: its first plans are discarded after a second. */
void pg_replan_start(struct pg *pg);
/* ERR_RETRY "lost" with libpq's message; returns -1. */
int pg_lost(const struct pg *pg, struct err *err);

/* stats.c. pg_stats_init() is called first; the others whenever a connection was established, lost, or could not be
 * established. */
void pg_stats_init(void);
void pg_stats_connected(void);
void pg_stats_lost(void);
void pg_stats_unreachable(void);
/* The answer to `statement` has arrived, or never will; the wait began at since_mono_ms. Returns the current time. */
int64_t pg_stats_answered(struct pg *pg, const char *statement, int64_t since_mono_ms);

/* run.c. As pg_run(), within a wait that the caller has begun. */
int pg_run_within(struct pg *pg, struct pg_wait *w, const struct pg_stmt *stmt, const struct pg_args *args,
	struct pg_rows **rows, struct err *err) ERR_MUST_USE;
/* A command without parameters or rows. *tag gets the first letters of the server's answer ("COMMIT"). */
int pg_command(struct pg *pg, const char *sql, char tag[static 16], struct err *err) ERR_MUST_USE;
/* The same, sent with the next statement and within its sync: when the command fails, the statement does not run. sql
 * is static. */
int pg_command_add(struct pg *pg, const char *sql, struct err *err) ERR_MUST_USE;

#endif
