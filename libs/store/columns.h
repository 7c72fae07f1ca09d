/* The rows of one statement as parallel array parameters: $1 is the first column's array, unless scalars come first.
 * Private to libs/store.
 *
 * Invariant: every row puts the same columns in the same order; the first row defines their types, and the first column
 * is never NULL. columns_run() frees everything in any case.
 */
#ifndef STORE_COLUMNS_H
#define STORE_COLUMNS_H

#include "pg/pg.h"

#define COLUMNS_MAX 28

struct columns {
	struct pg_args *args;
	struct pg_array *arrays[COLUMNS_MAX];
	size_t nulls[COLUMNS_MAX]; /* at the end of the column, not sent */
	size_t n, at; /* columns; the one that is next */
};

void columns_init(struct columns *c);
/* Scalars, before columns_run(). */
struct pg_args *columns_scalars(struct columns *c);
void columns_fini(struct columns *c); /* instead of columns_run() */

/* Adds one value of the row, in the next column; columns_row() begins the next row with the first column. */
void columns_row(struct columns *c);
void columns_bool(struct columns *c, bool v);
void columns_i16(struct columns *c, int16_t v);
void columns_i32(struct columns *c, int32_t v);
void columns_i64(struct columns *c, int64_t v);
void columns_null_i64(struct columns *c);
void columns_id(struct columns *c, int64_t v); /* 0: NULL */
void columns_text(struct columns *c, struct str v);
void columns_word(struct columns *c, const char *v);
void columns_bytea(struct columns *c, struct str v);
void columns_jsonb(struct columns *c, struct str v);
void columns_uuid(struct columns *c, const struct uuid *v); /* nil: NULL */
void columns_time(struct columns *c, int64_t us);
/* Rows of this one column. */
void columns_i32s(struct columns *c, const int32_t *values, size_t n);

/* pg_run() with the scalars and arrays; frees them, also on failure. */
int columns_run(struct columns *c, struct pg *pg, const struct pg_stmt *stmt, struct pg_rows **rows,
	struct err *err) ERR_MUST_USE;
/* The same with pg_start(), for a statement without an answer: the next call on the connection, at the latest the
 * commit, returns its failure. */
int columns_start(struct columns *c, struct pg *pg, const struct pg_stmt *stmt, struct err *err) ERR_MUST_USE;

#endif
