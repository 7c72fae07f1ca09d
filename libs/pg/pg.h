/* One PostgreSQL connection, non-blocking underneath, with a deadline on everything.
 *
 * A call waits for its answer in slices of at most 100 ms; between slices it runs the owner's idle function, which
 * keeps the rest of the process alive (Kafka callbacks, decoding the next batch) and may abandon the call. When the
 * deadline passes or the owner abandons the call, the socket is closed: libpq 15 has no asynchronous cancel, and a
 * statement whose outcome is unknown must not share a connection with later ones. Calls then fail with ERR_RETRY
 * until pg_reconnect() succeeds.
 *
 * Parameters and results are sent in binary. Strings are checked for NUL and UTF-8 before they are bound (libpq would
 * truncate them silently): a violation is ERR_INPUT with code 22021.
 */
#ifndef PG_PG_H
#define PG_PG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/uuid.h"

struct pg;

struct pg_options {
	const char *conninfo;         /* libpq's; sslmode, TCP settings and all. Borrowed for the call. */
	const char *application_name; /* shown in pg_stat_activity */
	int connect_timeout_ms;       /* 0: 5,000 */
	int statement_timeout_ms; /* deadline of one statement here and, slightly longer, in the server; 0: 30,000 */
	/* Called between slices of waiting, at least every 100 ms. Returning non-zero closes the connection and fails
	 * the call with ERR_RETRY, code "abandoned". May be NULL. */
	int (*idle)(void *ctx);
	void *idle_ctx;
	/* Waits for the connection's socket while the rest of the process keeps running: true when fd is readable or,
	 * with `write`, writable; false after timeout_ms. Resolving a host name blocks nevertheless. NULL: poll(2). */
	bool (*wait)(void *ctx, int fd, bool write, int timeout_ms);
	void *wait_ctx;
};

/* Allocates the handle and connects. On failure *out is untouched. ERR_RETRY when the server is unreachable or rejects
 * the connection, ERR_FATAL for a missing password or an invalid conninfo. Sets for the session: TimeZone UTC,
 * client_encoding UTF8, statement_timeout, lock_timeout (statement timeout / 2), idle_in_transaction_session_timeout 10
 * s, client_connection_check_interval 2 s, tcp_user_timeout 10 s, search_path as the role has it, plan_cache_mode
 * auto. */
int pg_open(struct pg **out, const struct pg_options *options, struct err *err) ERR_MUST_USE;
/* Opens the connection again with the same options after a failure; closes one that is open. */
int pg_reconnect(struct pg *pg, struct err *err) ERR_MUST_USE;
void pg_close(struct pg **pg);
bool pg_usable(const struct pg *pg);
int pg_socket(const struct pg *pg); /* -1 when not connected */

/* A statement with a unique name. Prepared lazily, once per connection, unless PG_UNNAMED: statements that join big
 * arrays with tables are parsed and planned each time, as their generic plans collapse (shared measurements: 3,000
 * rows/s). Instances are static and constant; every one is listed in the store's table, so that a test can prepare them
 * all. */
enum pg_stmt_kind { PG_PREPARED, PG_UNNAMED };
struct pg_stmt {
	const char *name;
	enum pg_stmt_kind kind;
	const char *sql;
};

/* Parameters, in order $1, $2, ... At most 32. Scalars are copied; arrays and byte strings are borrowed until
 * pg_run() or pg_start() has returned. */
struct pg_args;
struct pg_args *pg_args_new(void);
void pg_args_free(struct pg_args *a);
void pg_args_clear(struct pg_args *a);
void pg_arg_null(struct pg_args *a);
void pg_arg_bool(struct pg_args *a, bool v);
void pg_arg_i16(struct pg_args *a, int16_t v);
void pg_arg_i32(struct pg_args *a, int32_t v);
void pg_arg_i64(struct pg_args *a, int64_t v);
void pg_arg_f64(struct pg_args *a, double v);
void pg_arg_text(struct pg_args *a, struct str v); /* absent: NULL */
void pg_arg_bytea(struct pg_args *a, struct str v); /* absent: NULL */
void pg_arg_jsonb(struct pg_args *a, struct str v); /* JSON text; absent: NULL */
void pg_arg_uuid(struct pg_args *a, const struct uuid *v); /* NULL: NULL */
void pg_arg_time_us(struct pg_args *a, int64_t us); /* timestamptz; PG_NO_TIME: NULL */
#define PG_NO_TIME INT64_MIN

/* Array parameters, built element by element in PostgreSQL's binary array format and reused between batches. */
struct pg_array;
enum pg_type { PG_BOOL, PG_I16, PG_I32, PG_I64, PG_F64, PG_TEXT, PG_BYTEA, PG_JSONB, PG_UUID, PG_TIME };
struct pg_array *pg_array_new(enum pg_type type);
void pg_array_free(struct pg_array *a);
void pg_array_clear(struct pg_array *a);
size_t pg_array_count(const struct pg_array *a);
void pg_array_null(struct pg_array *a);
void pg_array_bool(struct pg_array *a, bool v);
void pg_array_i16(struct pg_array *a, int16_t v);
void pg_array_i32(struct pg_array *a, int32_t v);
void pg_array_i64(struct pg_array *a, int64_t v);
void pg_array_f64(struct pg_array *a, double v);
void pg_array_str(struct pg_array *a, struct str v); /* TEXT, BYTEA or JSONB; absent: NULL */
void pg_array_uuid(struct pg_array *a, const struct uuid *v);
void pg_array_time_us(struct pg_array *a, int64_t us);
void pg_arg_array(struct pg_args *a, struct pg_array *array);

/* The rows of an answer. Getters assert that row, column and type fit: a mismatch is a bug, not input. */
struct pg_rows;
void pg_rows_free(struct pg_rows *r); /* accepts NULL */
int pg_rows_count(const struct pg_rows *r);
int64_t pg_rows_affected(const struct pg_rows *r);
bool pg_null(const struct pg_rows *r, int row, int col);
bool pg_bool(const struct pg_rows *r, int row, int col);
int64_t pg_i64(const struct pg_rows *r, int row, int col); /* int2, int4 or int8 */
double pg_f64(const struct pg_rows *r, int row, int col);
struct str pg_text(const struct pg_rows *r, int row,
	int col); /* text, bytea, json(b) as text; NULL: absent. Borrowed from r */
struct uuid pg_uuid(const struct pg_rows *r, int row, int col);
int64_t pg_time_us(const struct pg_rows *r, int row, int col); /* NULL: PG_NO_TIME */

/* Runs one statement. args may be NULL. *rows (may be NULL when the answer does not matter) is owned by the caller.
 * Errors by SQLSTATE (sqlstate.c): 23505 is ERR_CONFLICT; the other codes of classes 21, 22, 23 and 54 are ERR_INPUT
 * (the data is invalid); anything else, and a lost connection, is ERR_RETRY. Without an answer the code is a word, the
 * kind ERR_RETRY: "timeout", "abandoned", "lost"; "closed" before pg_reconnect(). Otherwise err->code holds the
 * SQLSTATE, err->msg the server's primary message without its DETAIL (which may quote data). */
int pg_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err) ERR_MUST_USE;
/* True when the data of a failed statement is invalid, false when the database failed. */
bool pg_is_data_error(const struct err *err);
/* True when the statement waited for a lock for longer than lock_timeout, or was the loser of a deadlock. */
bool pg_is_lock_error(const struct err *err);
/* Sends a statement without waiting for its answer: the server works while the caller computes, and statements sent in
 * a row run without a pause between them. pg_collect() waits for all of them and returns the first failure (only inside
 * a transaction does it keep the others from being applied); *rows (may be NULL) is the last one's answer. Any other
 * call on the connection waits for them, too, and fails with their failure. All share one deadline, which begins with
 * the wait. */
int pg_start(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct err *err) ERR_MUST_USE;
int pg_collect(struct pg *pg, struct pg_rows **rows, struct err *err) ERR_MUST_USE;
/* As pg_collect() of up to PG_EACH_MAX statements, each with a pg_savepoint_rewind() before it: errs[i] is the failure
 * of the i-th, of kind ERR_NONE when it succeeded. -1: the connection is closed. */
#define PG_EACH_MAX 15
int pg_collect_each(struct pg *pg, struct err errs[static PG_EACH_MAX], struct err *err) ERR_MUST_USE;
/* Prepares stmt without running it: for the test that prepares all statements. */
int pg_prepare(struct pg *pg, const struct pg_stmt *stmt, struct err *err) ERR_MUST_USE;

/* Transactions. pg_commit() fails with code "unknown" and kind ERR_RETRY when the connection broke before the answer:
 * the caller finds the outcome by reading its progress again. pg_rollback() is safe at any time, also after a
 * failure. */
/* Sent with the next statement, which returns its failure; every 30 s, and more often in the session's first minute, with DISCARD PLANS. */
int pg_begin(struct pg *pg, struct err *err) ERR_MUST_USE;
int pg_commit(struct pg *pg, struct err *err) ERR_MUST_USE;
void pg_rollback(struct pg *pg);
bool pg_in_transaction(const struct pg *pg);
/* Savepoints nest: the functions below act on the innermost. Sent with the next statement, as BEGIN is. */
int pg_savepoint(struct pg *pg, struct err *err) ERR_MUST_USE;
int pg_savepoint_release(struct pg *pg, struct err *err) ERR_MUST_USE;
/* Undoes everything since the savepoint, which stays. Sent with the next statement. */
int pg_savepoint_rewind(struct pg *pg, struct err *err) ERR_MUST_USE;
/* Undoes everything since the savepoint and releases it; stays inside the transaction. */
int pg_savepoint_rollback(struct pg *pg, struct err *err) ERR_MUST_USE;
/* Checks deferred constraints now, as COMMIT would. */
int pg_check_deferred(struct pg *pg, struct err *err) ERR_MUST_USE;

/* Notifications: LISTEN with pg_listen, then pg_notification() after the socket was readable or any statement ran.
 * channel and payload are borrowed until the next call. Returns 1 with one notification, 0 with none, -1 when the
 * connection is lost. */
int pg_listen(struct pg *pg, const char *channel, struct err *err) ERR_MUST_USE;
int pg_notification(struct pg *pg, struct str *channel, struct str *payload, struct err *err) ERR_MUST_USE;

#endif
