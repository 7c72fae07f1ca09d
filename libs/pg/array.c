/* Array parameters in PostgreSQL's binary format (array_recv in src/backend/utils/adt/arrayfuncs.c), all big-endian:
 * dimensions, has-nulls flag, element type, then per dimension its size and lower bound, then per element its length
 * (-1: NULL) and bytes. Elements go straight to their final place.
 *
 * Invariant: bytes begins with room for the header; count elements follow. A string that PostgreSQL could not store is
 * added as NULL, so that parallel arrays stay parallel, and its place is kept: pg_run() then rejects the statement. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "pg/private.h"

#define HEADER_BYTES       20
#define HEADER_BYTES_EMPTY 12 /* no dimension */
#define NULL_LENGTH        UINT32_MAX

static const struct {
	Oid element, array;
} oids[] = {
	[PG_BOOL] = { OID_BOOL, 1000 },
	[PG_I16] = { OID_INT2, 1005 },
	[PG_I32] = { OID_INT4, 1007 },
	[PG_I64] = { OID_INT8, 1016 },
	[PG_F64] = { OID_FLOAT8, 1022 },
	[PG_TEXT] = { OID_TEXT, 1009 },
	[PG_BYTEA] = { OID_BYTEA, 1001 },
	[PG_JSONB] = { OID_JSONB, 3807 },
	[PG_UUID] = { OID_UUID, 2951 },
	[PG_TIME] = { OID_TIMESTAMPTZ, 1185 },
};

struct pg_array {
	struct buf bytes;
	size_t count;
	enum pg_type type;
	bool has_null;
	bool rejected; /* element rejected_at cannot be stored */
	size_t rejected_at;
};

struct pg_array *pg_array_new(enum pg_type type)
{
	struct pg_array *a = mem_calloc(1, sizeof(*a));

	a->type = type;
	pg_array_clear(a);
	return a;
}

void pg_array_free(struct pg_array *a)
{
	if (!a)
		return;
	buf_fini(&a->bytes);
	free(a);
}

void pg_array_clear(struct pg_array *a)
{
	buf_clear(&a->bytes);
	buf_reserve(&a->bytes, HEADER_BYTES);
	a->bytes.n = HEADER_BYTES;
	a->count = 0;
	a->has_null = a->rejected = false;
}

size_t pg_array_count(const struct pg_array *a)
{
	return a->count;
}

/* Writes the length of one element, n bytes, and returns the room for its bytes. */
static char *element_add(struct pg_array *a, size_t n)
{
	char *at = buf_reserve(&a->bytes, 4 + n);

	wire_put32(at, (uint32_t)n);
	a->bytes.n += 4 + n;
	a->count++;
	return at + 4;
}

void pg_array_null(struct pg_array *a)
{
	wire_put32(element_add(a, 0) - 4, NULL_LENGTH);
	a->has_null = true;
}

void pg_array_bool(struct pg_array *a, bool v)
{
	assert(a->type == PG_BOOL);
	*element_add(a, 1) = v;
}

void pg_array_i16(struct pg_array *a, int16_t v)
{
	assert(a->type == PG_I16);
	wire_put16(element_add(a, 2), (uint16_t)v);
}

void pg_array_i32(struct pg_array *a, int32_t v)
{
	assert(a->type == PG_I32);
	wire_put32(element_add(a, 4), (uint32_t)v);
}

void pg_array_i64(struct pg_array *a, int64_t v)
{
	assert(a->type == PG_I64);
	wire_put64(element_add(a, 8), (uint64_t)v);
}

void pg_array_f64(struct pg_array *a, double v)
{
	assert(a->type == PG_F64);
	wire_put64(element_add(a, 8), wire_f64(v));
}

static void element_reject(struct pg_array *a)
{
	if (!a->rejected) {
		a->rejected = true;
		a->rejected_at = a->count;
	}
	pg_array_null(a);
}

void pg_array_str(struct pg_array *a, struct str v)
{
	size_t version = a->type == PG_JSONB ? 1 : 0;
	char *at;

	assert(a->type == PG_TEXT || a->type == PG_BYTEA || a->type == PG_JSONB);
	if (!v.p) {
		pg_array_null(a);
		return;
	}
	if (a->type != PG_BYTEA && !utf8_storable(v)) {
		element_reject(a);
		return;
	}
	at = element_add(a, version + v.n);
	if (version)
		*at = JSONB_VERSION;
	memcpy(at + version, v.p, v.n);
}

void pg_array_uuid(struct pg_array *a, const struct uuid *v)
{
	assert(a->type == PG_UUID);
	if (v)
		memcpy(element_add(a, sizeof(v->b)), v->b, sizeof(v->b));
	else
		pg_array_null(a);
}

void pg_array_time_us(struct pg_array *a, int64_t us)
{
	assert(a->type == PG_TIME);
	if (us == PG_NO_TIME)
		pg_array_null(a);
	else
		wire_put64(element_add(a, 8), wire_time(us));
}

Oid pg_array_oid(const struct pg_array *a)
{
	return oids[a->type].array;
}

int pg_array_finish(struct pg_array *a, struct str *bytes, struct err *err)
{
	char *header = a->bytes.p;

	if (a->rejected)
		return err_set(err, ERR_INPUT, "22021", "element %zu has a NUL or is not UTF-8", a->rejected_at);
	wire_put32(header, a->count > 0);
	wire_put32(header + 4, a->has_null);
	wire_put32(header + 8, oids[a->type].element);
	wire_put32(header + 12, (uint32_t)a->count);
	wire_put32(header + 16, 1); /* the first element is [1] */
	*bytes = (struct str){ header, a->count > 0 ? a->bytes.n : HEADER_BYTES_EMPTY };
	return 0;
}
