/* Reads protobuf-c's structs into Blazz's. Invariant: whatever the bytes, memory stays within the budget, and a
 * list's length is checked before memory is allocated for it. */
#include "base/uuid.h"
#include "wire/field.h"
#include "wire/shape.h"

/* The allocator for unpacking. A few bytes of a hostile record can require kilobytes, so there is a limit. */
struct unpack_memory {
	struct arena *arena;
	size_t left;
};

static void *unpack_alloc(void *data, size_t size)
{
	struct unpack_memory *m = data;

	if (size > m->left)
		return NULL;
	m->left -= size;
	return arena_alloc(m->arena, size);
}

static void unpack_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, struct str bytes, struct arena *a,
	struct err *err)
{
	/* The densest legitimate message, a list of short participants, needs 35 bytes of memory for each byte. */
	struct unpack_memory memory = { a, 65536 + bytes.n * 64 };
	ProtobufCAllocator allocator = { unpack_alloc, unpack_free, &memory };
	ProtobufCMessage *m;

	m = protobuf_c_message_unpack(descriptor, &allocator, bytes.n, (const uint8_t *)bytes.p);
	if (!m)
		err_reject(err, DEAD_DECODE, "not a readable %s", descriptor->short_name);
	return m;
}

static struct str text_read(const ProtobufCBinaryData *b)
{
	return b->len ? (struct str){ (const char *)b->data, b->len } : STR_NONE;
}

static int uuid_read(struct str text, struct uuid *out, struct err *err)
{
	if (text.n > 0 && !uuid_parse(text, out))
		return err_reject(err, DEAD_RULE, "not a UUID");
	return 0;
}

static int part_read(const struct row *r, const ProtobufCMessage *theirs, void *ours, struct arena *a, struct err *err)
{
	const ProtobufCMessage *part = pointer_load(field_at(theirs, r->theirs));

	if (!part)
		return 0;
	if (r->type == ROW_OPTIONAL)
		*(bool *)field_in(ours, r->n_ours) = true;
	return shape_read(r->shape, part, field_in(ours, r->ours), a, err);
}

static int texts_read(const struct row *r, const ProtobufCBinaryData *items, size_t n, void *ours, struct arena *a)
{
	struct str *to = ARENA_ARRAY(a, struct str, n);

	for (size_t i = 0; i < n; i++)
		to[i] = text_read(&items[i]);
	*(struct str **)field_in(ours, r->ours) = to;
	return 0;
}

static int messages_read(const struct row *r, const void *items, size_t n, void *ours, struct arena *a, struct err *err)
{
	void *to = arena_calloc(a, n, r->shape->size);

	for (size_t i = 0; i < n; i++) {
		const ProtobufCMessage *item = pointer_load(field_at(items, i * sizeof(void *)));

		if (shape_read(r->shape, item, field_in(to, i * r->shape->size), a, err) < 0)
			return -1;
	}
	pointer_store(field_in(ours, r->ours), to);
	return 0;
}

static int list_read(const struct row *r, const ProtobufCMessage *theirs, void *ours, struct arena *a, struct err *err)
{
	const void *items = pointer_load(field_at(theirs, r->theirs));
	size_t n = field_count(theirs, r->n_theirs);

	if (n == 0)
		return 0;
	if (n > (size_t)r->max)
		return err_reject(err, DEAD_RULE, "too many");
	*(size_t *)field_in(ours, r->n_ours) = n;
	if (r->type == ROW_TEXTS)
		return texts_read(r, items, n, ours, a);
	return messages_read(r, items, n, ours, a, err);
}

static int row_read(const struct row *r, const ProtobufCMessage *theirs, void *ours, struct arena *a, struct err *err)
{
	const void *from = field_at(theirs, r->theirs);
	void *to = field_in(ours, r->ours);

	switch (r->type) {
	case ROW_TEXT:
	case ROW_BYTES:
		*(struct str *)to = text_read(from);
		return 0;
	case ROW_UUID:
		return uuid_read(text_read(from), to, err);
	case ROW_BOOL:
		*(bool *)to = *(const protobuf_c_boolean *)from != 0;
		return 0;
	case ROW_I32:
		*(int32_t *)to = *(const int32_t *)from;
		return 0;
	case ROW_ENUM:
		*(unsigned *)to = *(const unsigned *)from;
		return 0;
	case ROW_I64:
		*(int64_t *)to = *(const int64_t *)from;
		return 0;
	case ROW_F64:
		*(double *)to = *(const double *)from;
		return 0;
	case ROW_PART:
	case ROW_OPTIONAL:
		return part_read(r, theirs, ours, a, err);
	case ROW_LIST:
	case ROW_TEXTS:
		return list_read(r, theirs, ours, a, err);
	}
	return 0;
}

/* Whether a oneof's member is the one that is set: all members share a pointer. */
static bool is_chosen(const struct row *r, const ProtobufCMessage *theirs)
{
	return r->case_no == 0 || field_enum(theirs, r->case_at) == r->case_no;
}

int shape_read(const struct shape *s, const ProtobufCMessage *theirs, void *ours, struct arena *a, struct err *err)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (is_chosen(&s->rows[i], theirs) && row_read(&s->rows[i], theirs, ours, a, err) < 0)
			return err_wrap(err, "%s", s->rows[i].name);
	return 0;
}

static unsigned kind_of_case(const struct envelope *env, unsigned case_no)
{
	for (unsigned kind = 1; kind < env->n_variants; kind++)
		if (env->variants[kind].case_no == case_no)
			return kind;
	return 0;
}

int envelope_read(const struct envelope *env, const ProtobufCMessage *theirs, void *ours, struct arena *a,
	struct err *err)
{
	unsigned kind = kind_of_case(env, field_enum(theirs, env->case_at));
	const struct variant *v = &env->variants[kind];

	if (shape_read(env->shape, theirs, ours, a, err) < 0)
		return -1;
	if (kind == 0 && theirs->n_unknown_fields > 0)
		return err_reject(err, DEAD_UNSUPPORTED, "an event of an unknown kind");
	if (kind == 0)
		return err_reject(err, DEAD_RULE, "no event");
	*(unsigned *)field_in(ours, env->kind) = kind;
	if (shape_read(v->shape, pointer_load(field_at(theirs, env->event)), field_in(ours, env->u), a, err) < 0)
		return err_wrap(err, "%s", v->word);
	return 0;
}
