/* Reading an answer. Invariant: every column is binary, and each getter accepts exactly the types that it names:
 * another type, a row or column outside the answer, or a NULL where the C type has none is a bug in the statement and
 * asserts. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "pg/private.h"

struct pg_rows {
	PGresult *result;
};

struct pg_rows *pg_rows_new(PGresult *result)
{
	struct pg_rows *r = mem_alloc(sizeof(*r));

	r->result = result;
	return r;
}

void pg_rows_free(struct pg_rows *r)
{
	if (!r)
		return;
	PQclear(r->result);
	free(r);
}

int pg_rows_count(const struct pg_rows *r)
{
	return PQntuples(r->result);
}

int64_t pg_rows_affected(const struct pg_rows *r)
{
	int64_t n;

	return str_to_i64(str_of(PQcmdTuples(r->result)), &n) ? n : 0;
}

bool pg_null(const struct pg_rows *r, int row, int col)
{
	assert(row >= 0 && row < PQntuples(r->result));
	assert(col >= 0 && col < PQnfields(r->result));
	return PQgetisnull(r->result, row, col);
}

/* The bytes of a value that is not NULL. */
static struct str value(const struct pg_rows *r, int row, int col)
{
	assert(!pg_null(r, row, col));
	return (struct str){ PQgetvalue(r->result, row, col), (size_t)PQgetlength(r->result, row, col) };
}

static void value_copy(const struct pg_rows *r, int row, int col, void *out, size_t n)
{
	struct str v = value(r, row, col);

	assert(v.n == n);
	memcpy(out, v.p, n);
}

static uint64_t value_be64(const struct pg_rows *r, int row, int col)
{
	uint64_t v;

	value_copy(r, row, col, &v, sizeof(v));
	return be64toh(v);
}

bool pg_bool(const struct pg_rows *r, int row, int col)
{
	char v;

	assert(PQftype(r->result, col) == OID_BOOL);
	value_copy(r, row, col, &v, sizeof(v));
	return v;
}

int64_t pg_i64(const struct pg_rows *r, int row, int col)
{
	uint16_t i16;
	uint32_t i32;

	switch (PQftype(r->result, col)) {
	case OID_INT2:
		value_copy(r, row, col, &i16, sizeof(i16));
		return (int16_t)be16toh(i16);
	case OID_INT4:
		value_copy(r, row, col, &i32, sizeof(i32));
		return (int32_t)be32toh(i32);
	default:
		assert(PQftype(r->result, col) == OID_INT8);
		return (int64_t)value_be64(r, row, col);
	}
}

double pg_f64(const struct pg_rows *r, int row, int col)
{
	uint64_t bits;
	double v;

	assert(PQftype(r->result, col) == OID_FLOAT8);
	bits = value_be64(r, row, col);
	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Types whose binary form is their text or bytes. Among user-defined types those are enums, citext and the like. */
static bool type_is_text(Oid type)
{
	switch (type) {
	case OID_TEXT:
	case OID_VARCHAR:
	case OID_BPCHAR:
	case OID_NAME:
	case OID_BYTEA:
	case OID_JSON:
	case OID_JSONB:
		return true;
	default:
		return type >= OID_FIRST_OF_USERS;
	}
}

struct str pg_text(const struct pg_rows *r, int row, int col)
{
	Oid type = PQftype(r->result, col);
	struct str v;

	assert(type_is_text(type));
	if (pg_null(r, row, col))
		return STR_NONE;
	v = value(r, row, col);
	if (type != OID_JSONB)
		return v;
	assert(v.n > 0 && v.p[0] == JSONB_VERSION);
	return str_slice(v, 1, v.n);
}

struct uuid pg_uuid(const struct pg_rows *r, int row, int col)
{
	struct uuid u;

	assert(PQftype(r->result, col) == OID_UUID);
	value_copy(r, row, col, u.b, sizeof(u.b));
	return u;
}

int64_t pg_time_us(const struct pg_rows *r, int row, int col)
{
	assert(PQftype(r->result, col) == OID_TIMESTAMPTZ);
	return pg_null(r, row, col) ? PG_NO_TIME : time_of_wire(value_be64(r, row, col));
}
