/* See columns.h. Allocated per call: for 1,000 rows of 20 columns that is a hundredth of what the statement costs. */
#include "store/columns.h"

#include <assert.h>

void columns_init(struct columns *c)
{
	*c = (struct columns){ .args = pg_args_new() };
}

void columns_fini(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++)
		pg_array_free(c->arrays[i]);
	pg_args_free(c->args);
	*c = (struct columns){ 0 };
}

struct pg_args *columns_scalars(struct columns *c)
{
	return c->args;
}

void columns_row(struct columns *c)
{
	assert(c->at == c->n);
	c->at = 0;
}

static struct pg_array *column_next(struct columns *c, enum pg_type type)
{
	assert(c->at < COLUMNS_MAX);
	if (c->at == c->n)
		c->arrays[c->n++] = pg_array_new(type);
	return c->arrays[c->at++];
}

void columns_bool(struct columns *c, bool v)
{
	pg_array_bool(column_next(c, PG_BOOL), v);
}

void columns_i16(struct columns *c, int16_t v)
{
	pg_array_i16(column_next(c, PG_I16), v);
}

void columns_i32(struct columns *c, int32_t v)
{
	pg_array_i32(column_next(c, PG_I32), v);
}

void columns_i64(struct columns *c, int64_t v)
{
	pg_array_i64(column_next(c, PG_I64), v);
}

void columns_null_i64(struct columns *c)
{
	pg_array_null(column_next(c, PG_I64));
}

void columns_id(struct columns *c, int64_t v)
{
	if (v)
		columns_i64(c, v);
	else
		columns_null_i64(c);
}

void columns_text(struct columns *c, struct str v)
{
	pg_array_str(column_next(c, PG_TEXT), v);
}

void columns_word(struct columns *c, const char *v)
{
	columns_text(c, str_of(v));
}

void columns_bytea(struct columns *c, struct str v)
{
	pg_array_str(column_next(c, PG_BYTEA), v);
}

void columns_jsonb(struct columns *c, struct str v)
{
	pg_array_str(column_next(c, PG_JSONB), v);
}

void columns_uuid(struct columns *c, const struct uuid *v)
{
	pg_array_uuid(column_next(c, PG_UUID), uuid_is_nil(v) ? NULL : v);
}

void columns_time(struct columns *c, int64_t us)
{
	pg_array_time_us(column_next(c, PG_TIME), us);
}

int columns_run(struct columns *c, struct pg *pg, const struct pg_stmt *stmt, struct pg_rows **rows, struct err *err)
{
	int rc;

	assert(c->at == c->n);
	for (size_t i = 0; i < c->n; i++)
		pg_arg_array(c->args, c->arrays[i]);
	rc = pg_run(pg, stmt, c->args, rows, err);
	columns_fini(c);
	return rc;
}
