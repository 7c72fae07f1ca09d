/* Fills protobuf-c's structs from Blazz's, ready to be packed. Invariant: texts are borrowed, and empty values are
 * omitted. */
#include <assert.h>
#include <math.h>

#include "base/uuid.h"
#include "wire/field.h"
#include "wire/shape.h"

void scratch_init(struct scratch *m)
{
	m->used = 0;
	m->spill = NULL;
}

void scratch_fini(struct scratch *m)
{
	arena_free(m->spill);
}

static void *scratch_alloc(struct scratch *m, size_t n)
{
	const size_t align = alignof(max_align_t);
	size_t taken = (n + align - 1) / align * align;

	if (taken <= sizeof(m->block) - m->used) {
		m->used += taken;
		return m->block + m->used - taken;
	}
	if (!m->spill)
		m->spill = arena_new(65536);
	return arena_alloc(m->spill, n);
}

static bool fields_fill(const struct shape *s, const void *ours, ProtobufCMessage *theirs, struct scratch *m);

/* protobuf-c's pointers are not const, but packing only reads. */
static ProtobufCBinaryData borrow(struct str s)
{
	const union {
		const char *ours;
		uint8_t *theirs;
	} p = { .ours = s.p };

	return (ProtobufCBinaryData){ s.n, p.theirs };
}

static bool uuid_fill(const struct uuid *u, ProtobufCBinaryData *to, struct scratch *m)
{
	char *text;

	if (uuid_is_nil(u))
		return false;
	text = scratch_alloc(m, 37);
	uuid_format(u, text);
	*to = borrow((struct str){ text, 36 });
	return true;
}

/* NULL when no field of the message is set, unless it is `needed` anyway. */
static ProtobufCMessage *message_fill(const struct shape *s, const void *ours, bool needed, struct scratch *m)
{
	size_t used = m->used;
	ProtobufCMessage *theirs = scratch_alloc(m, s->descriptor->sizeof_message);

	if (fields_fill(s, ours, theirs, m) || needed)
		return theirs;
	m->used = used;
	return NULL;
}

static bool part_fill(const struct row *r, const void *ours, ProtobufCMessage *theirs, struct scratch *m)
{
	bool needed = r->type == ROW_OPTIONAL;
	ProtobufCMessage *part;

	if (needed && !*(const bool *)field_at(ours, r->n_ours))
		return false;
	part = message_fill(r->shape, field_at(ours, r->ours), needed, m);
	if (!part)
		return false;
	pointer_store(field_in(theirs, r->theirs), part);
	return true;
}

static void *texts_fill(const struct str *items, size_t n, struct scratch *m)
{
	ProtobufCBinaryData *to = scratch_alloc(m, n * sizeof(*to));

	for (size_t i = 0; i < n; i++)
		to[i] = borrow(items[i]);
	return to;
}

static void *messages_fill(const struct shape *s, const void *items, size_t n, struct scratch *m)
{
	ProtobufCMessage **to = scratch_alloc(m, n * sizeof(*to));

	for (size_t i = 0; i < n; i++)
		to[i] = message_fill(s, field_at(items, i * s->size), true, m);
	return to;
}

static bool list_fill(const struct row *r, const void *ours, ProtobufCMessage *theirs, struct scratch *m)
{
	const void *items = pointer_load(field_at(ours, r->ours));
	size_t n = field_count(ours, r->n_ours);
	void *list;

	if (n == 0)
		return false;
	list = r->type == ROW_TEXTS ? texts_fill(items, n, m) : messages_fill(r->shape, items, n, m);
	pointer_store(field_in(theirs, r->theirs), list);
	*(size_t *)field_in(theirs, r->n_theirs) = n;
	return true;
}

/* Returns whether the field has a value. */
static bool row_fill(const struct row *r, const void *ours, ProtobufCMessage *theirs, struct scratch *m)
{
	const void *from = field_at(ours, r->ours);
	void *to = field_in(theirs, r->theirs);

	switch (r->type) {
	case ROW_TEXT:
	case ROW_BYTES:
		*(ProtobufCBinaryData *)to = borrow(*(const struct str *)from);
		return ((const struct str *)from)->n > 0;
	case ROW_UUID:
		return uuid_fill(from, to, m);
	case ROW_BOOL:
		*(protobuf_c_boolean *)to = *(const bool *)from;
		return *(const bool *)from;
	case ROW_I32:
		*(int32_t *)to = *(const int32_t *)from;
		return *(const int32_t *)from != 0;
	case ROW_ENUM:
		*(unsigned *)to = *(const unsigned *)from;
		return *(const unsigned *)from != 0;
	case ROW_I64:
		*(int64_t *)to = *(const int64_t *)from;
		return *(const int64_t *)from != 0;
	case ROW_F64:
		*(double *)to = *(const double *)from;
		return fpclassify(*(const double *)from) != FP_ZERO;
	case ROW_PART:
	case ROW_OPTIONAL:
		return part_fill(r, ours, theirs, m);
	case ROW_LIST:
	case ROW_TEXTS:
		return list_fill(r, ours, theirs, m);
	}
	return false;
}

/* A member of a oneof, unless an earlier row has set another one: the members share memory. */
static bool member_fill(const struct row *r, const void *ours, ProtobufCMessage *theirs, struct scratch *m)
{
	unsigned *chosen = field_in(theirs, r->case_at);

	if (*chosen || !row_fill(r, ours, theirs, m))
		return false;
	*chosen = r->case_no;
	return true;
}

static bool fields_fill(const struct shape *s, const void *ours, ProtobufCMessage *theirs, struct scratch *m)
{
	bool any = false;

	protobuf_c_message_init(s->descriptor, theirs);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct row *r = &s->rows[i];

		any |= r->case_no ? member_fill(r, ours, theirs, m) : row_fill(r, ours, theirs, m);
	}
	return any;
}

const ProtobufCMessage *shape_fill(const struct shape *s, const void *ours, struct scratch *m)
{
	return message_fill(s, ours, true, m);
}

const ProtobufCMessage *envelope_fill(const struct envelope *env, const void *ours, struct scratch *m)
{
	unsigned kind = field_enum(ours, env->kind);
	ProtobufCMessage *theirs = message_fill(env->shape, ours, true, m);
	const struct variant *v = &env->variants[kind];

	assert(kind > 0 && kind < env->n_variants);
	pointer_store(field_in(theirs, env->event), message_fill(v->shape, field_at(ours, env->u), true, m));
	*(unsigned *)field_in(theirs, env->case_at) = v->case_no;
	return theirs;
}
