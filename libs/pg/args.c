/* Parameters of one statement, gathered until pg_run() binds them.
 *
 * Invariant: scalars live in copies, at an offset, as the buffer moves while it grows; everything else is borrowed.
 * Each is sent with its type: the server then converts where the statement wants another one, and rejects the statement
 * (class 42) where it cannot, instead of misreading bytes. Only pg_arg_null() leaves the type to the server. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "pg/private.h"

#define VALUE_MAX_BYTES ((size_t)0x3fffffff) /* PostgreSQL's MaxAllocSize */

struct arg {
	enum { ARG_NULL, ARG_COPIED, ARG_BORROWED, ARG_ARRAY, ARG_REFUSED } form;
	size_t at, n;    /* ARG_COPIED */
	struct str bytes; /* ARG_BORROWED */
	struct pg_array *array;
};

struct pg_args {
	int n;
	Oid types[PG_MAX_ARGS];
	struct arg args[PG_MAX_ARGS];
	struct buf copies;
};

struct pg_args *pg_args_new(void)
{
	return mem_calloc(1, sizeof(struct pg_args));
}

void pg_args_free(struct pg_args *a)
{
	if (!a)
		return;
	buf_fini(&a->copies);
	free(a);
}

void pg_args_clear(struct pg_args *a)
{
	a->n = 0;
	buf_clear(&a->copies);
}

static void arg_add(struct pg_args *a, Oid type, struct arg arg)
{
	assert(a->n < PG_MAX_ARGS);
	a->types[a->n] = type;
	a->args[a->n++] = arg;
}

/* Adds a copied argument and returns the room for its n bytes. */
static char *arg_copied(struct pg_args *a, Oid type, size_t n)
{
	char *at = buf_reserve(&a->copies,
		n); /* memory even for an empty text: libpq sends a NULL pointer as SQL's NULL */

	arg_add(a, type, (struct arg){ .form = ARG_COPIED, .at = a->copies.n, .n = n });
	a->copies.n += n;
	return at;
}

void pg_arg_null(struct pg_args *a)
{
	arg_add(a, 0, (struct arg){ .form = ARG_NULL });
}

void pg_arg_bool(struct pg_args *a, bool v)
{
	*arg_copied(a, OID_BOOL, 1) = v;
}

void pg_arg_i16(struct pg_args *a, int16_t v)
{
	wire_put16(arg_copied(a, OID_INT2, 2), (uint16_t)v);
}

void pg_arg_i32(struct pg_args *a, int32_t v)
{
	wire_put32(arg_copied(a, OID_INT4, 4), (uint32_t)v);
}

void pg_arg_i64(struct pg_args *a, int64_t v)
{
	wire_put64(arg_copied(a, OID_INT8, 8), (uint64_t)v);
}

void pg_arg_f64(struct pg_args *a, double v)
{
	wire_put64(arg_copied(a, OID_FLOAT8, 8), wire_f64(v));
}

/* True when v is a value that the caller must add. Otherwise this has added NULL, or marked the text as one to
 * reject. */
static bool text_present(struct pg_args *a, Oid type, struct str v)
{
	bool good = !v.p || utf8_storable(v);

	if (!v.p || !good)
		arg_add(a, type, (struct arg){ .form = good ? ARG_NULL : ARG_REFUSED });
	return v.p && good;
}

void pg_arg_text(struct pg_args *a, struct str v)
{
	if (text_present(a, OID_TEXT, v))
		memcpy(arg_copied(a, OID_TEXT, v.n), v.p, v.n);
}

void pg_arg_jsonb(struct pg_args *a, struct str v)
{
	char *at;

	if (!text_present(a, OID_JSONB, v))
		return;
	at = arg_copied(a, OID_JSONB, 1 + v.n);
	*at = JSONB_VERSION;
	memcpy(at + 1, v.p, v.n);
}

void pg_arg_bytea(struct pg_args *a, struct str v)
{
	arg_add(a, OID_BYTEA, (struct arg){ .form = v.p ? ARG_BORROWED : ARG_NULL, .bytes = v });
}

void pg_arg_uuid(struct pg_args *a, const struct uuid *v)
{
	if (v)
		memcpy(arg_copied(a, OID_UUID, sizeof(v->b)), v->b, sizeof(v->b));
	else
		arg_add(a, OID_UUID, (struct arg){ .form = ARG_NULL });
}

void pg_arg_time_us(struct pg_args *a, int64_t us)
{
	if (us == PG_NO_TIME)
		arg_add(a, OID_TIMESTAMPTZ, (struct arg){ .form = ARG_NULL });
	else
		wire_put64(arg_copied(a, OID_TIMESTAMPTZ, 8), wire_time(us));
}

void pg_arg_array(struct pg_args *a, struct pg_array *array)
{
	arg_add(a, pg_array_oid(array), (struct arg){ .form = ARG_ARRAY, .array = array });
}

/* The bytes of one argument, absent for NULL. */
static int arg_bytes(const struct pg_args *a, const struct arg *arg, struct str *out, struct err *err)
{
	switch (arg->form) {
	case ARG_NULL:
		*out = STR_NONE;
		return 0;
	case ARG_COPIED:
		*out = (struct str){ a->copies.p + arg->at, arg->n };
		return 0;
	case ARG_BORROWED:
		*out = arg->bytes;
		return 0;
	case ARG_ARRAY:
		return pg_array_finish(arg->array, out, err);
	case ARG_REFUSED:
		break;
	}
	return err_set(err, ERR_INPUT, "22021", "the text has a NUL or is not UTF-8");
}

static int arg_bind(const struct pg_args *a, int i, struct pg_bound *out, struct err *err)
{
	struct str bytes = STR_NONE;

	if (arg_bytes(a, &a->args[i], &bytes, err) < 0)
		return err_wrap(err, "$%d", i + 1);
	if (bytes.n > VALUE_MAX_BYTES)
		return err_set(err, ERR_INPUT, "54000", "$%d: %zu bytes are too many", i + 1, bytes.n);
	out->values[i] = bytes.p;
	out->lengths[i] = (int)bytes.n;
	out->formats[i] = 1;
	return 0;
}

int pg_args_bind(const struct pg_args *a, struct pg_bound *out, struct err *err)
{
	out->n = a ? a->n : 0;
	out->types = a ? a->types : NULL;
	for (int i = 0; i < out->n; i++)
		if (arg_bind(a, i, out, err) < 0)
			return -1;
	return 0;
}
