/* libs/wire's tables: they cover the .proto files, and whatever they cover survives the way to bytes and back. The structs
 * are filled and compared by walking the tables, which the first test ties to the descriptors of the generated code. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "wire/chat_event.h"
#include "wire/field.h"
#include "wire/inbound.h"
#include "wire/shapes.h"

static bool type_fits(const struct row *r, const ProtobufCFieldDescriptor *f)
{
	switch (r->type) {
	case ROW_TEXT:
	case ROW_BYTES:
	case ROW_UUID:
	case ROW_TEXTS:
		return f->type == PROTOBUF_C_TYPE_BYTES;
	case ROW_BOOL:
		return f->type == PROTOBUF_C_TYPE_BOOL;
	case ROW_I32:
		return f->type == PROTOBUF_C_TYPE_INT32;
	case ROW_I64:
		return f->type == PROTOBUF_C_TYPE_INT64;
	case ROW_F64:
		return f->type == PROTOBUF_C_TYPE_DOUBLE;
	case ROW_ENUM:
		return f->type == PROTOBUF_C_TYPE_ENUM;
	case ROW_PART:
	case ROW_OPTIONAL:
	case ROW_LIST:
		return f->type == PROTOBUF_C_TYPE_MESSAGE && f->descriptor == r->shape->descriptor;
	}
	return false;
}

static int64_t last_value(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCEnumDescriptor *e = f->descriptor;

	return e->values[e->n_values - 1].value;
}

static void assert_row_fits(const struct row *r, const ProtobufCFieldDescriptor *f)
{
	bool list = r->type == ROW_LIST || r->type == ROW_TEXTS;

	assert_non_null(f);
	assert_true(type_fits(r, f));
	assert_int_equal(r->theirs, f->offset);
	assert_int_equal(list, f->label == PROTOBUF_C_LABEL_REPEATED);
	if (list)
		assert_int_equal(r->n_theirs, f->quantifier_offset);
	assert_int_equal(r->case_no != 0, (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0);
	if (r->case_no) {
		assert_int_equal(r->case_no, f->id);
		assert_int_equal(r->case_at, f->quantifier_offset);
	}
	if (r->type == ROW_ENUM)
		assert_int_equal(r->max, last_value(f));
}

static void assert_shape_covers(const struct shape *s, size_t elsewhere)
{
	assert_int_equal(s->n_rows + elsewhere, s->descriptor->n_fields);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct row *r = &s->rows[i];

		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(r->name, s->rows[j].name);
		assert_row_fits(r, protobuf_c_message_descriptor_get_field_by_name(s->descriptor, r->name));
		if (r->shape)
			assert_shape_covers(r->shape, 0);
	}
}

static void assert_envelope_covers(const struct envelope *env)
{
	assert_shape_covers(env->shape, env->n_variants - 1);
	for (size_t kind = 1; kind < env->n_variants; kind++) {
		const struct variant *v = &env->variants[kind];
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field(env->shape->descriptor, v->case_no);

		assert_non_null(f);
		assert_ptr_equal(f->descriptor, v->shape->descriptor);
		assert_int_equal(f->offset, env->event);
		assert_int_equal(f->quantifier_offset, env->case_at);
		assert_shape_covers(v->shape, 0);
	}
}

static void every_field_of_every_message_has_exactly_one_row(void **state)
{
	(void)state;
	assert_envelope_covers(&inbound_envelope);
	assert_envelope_covers(&chat_event_envelope);
	assert_shape_covers(&send_record_shape, 0);
	assert_shape_covers(&campaign_command_shape, 0);
	assert_shape_covers(&erasure_record_shape, 0);
}

static void a_kind_is_named_as_its_field(void **state)
{
	(void)state;
	for (unsigned k = IN_NONE + 1; k < IN_KINDS; k++) {
		const struct variant *v = &inbound_envelope.variants[k];
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field(inbound_envelope.shape->descriptor, v->case_no);

		assert_string_equal(inbound_kind_word(k), f->name);
	}
}

/* Fills a struct with values that all differ, as far as their type allows. */
struct filler {
	struct arena *a;
	int n; /* counts values */
	int nth_case; /* which member of each oneof is set */
};

static void shape_set(const struct shape *s, void *ours, struct filler *f);

static struct str text_value(const struct row *r, struct filler *f)
{
	switch (r->form) {
	case FORM_ANY:
		return arena_printf(f->a, "%s %d", r->name, f->n);
	case FORM_PHONE:
		return arena_printf(f->a, "+1650555%04d", f->n);
	case FORM_DIGITS:
		return arena_printf(f->a, "98765%04d", f->n);
	case FORM_UUID:
		return arena_printf(f->a, "0b8e7f6a-1111-4111-8111-%012d", f->n);
	case FORM_JSON_OBJECT:
		return arena_printf(f->a, "{\"n\":%d}", f->n);
	case FORM_JSON_ARRAY:
		return arena_printf(f->a, "[%d]", f->n);
	}
	return STR_NONE;
}

static int64_t number_value(const struct row *r, const struct filler *f)
{
	return 1 + f->n % (r->max < 1000 ? r->max : 1000);
}

static void list_set(const struct row *r, void *ours, struct filler *f)
{
	const size_t n = 3;
	void *items = arena_calloc(f->a, n, r->type == ROW_TEXTS ? sizeof(struct str) : r->shape->size);

	for (size_t i = 0; i < n; i++) {
		if (r->type == ROW_TEXTS)
			((struct str *)items)[i] = arena_printf(f->a, "%s %d", r->name, f->n++);
		else
			shape_set(r->shape, field_in(items, i * r->shape->size), f);
	}
	pointer_store(field_in(ours, r->ours), items);
	*(size_t *)field_in(ours, r->n_ours) = n;
}

static void row_set(const struct row *r, void *ours, struct filler *f)
{
	void *to = field_in(ours, r->ours);

	f->n++;
	switch (r->type) {
	case ROW_TEXT:
		*(struct str *)to = text_value(r, f);
		break;
	case ROW_BYTES:
		*(struct str *)to = arena_printf(f->a, "%032d", f->n);
		break;
	case ROW_UUID:
		snprintf(to, sizeof(struct uuid), "%d", f->n);
		break;
	case ROW_BOOL:
		*(bool *)to = true;
		break;
	case ROW_I32:
		*(int32_t *)to = (int32_t)number_value(r, f);
		break;
	case ROW_I64:
		*(int64_t *)to = number_value(r, f);
		break;
	case ROW_ENUM:
		*(unsigned *)to = (unsigned)number_value(r, f);
		break;
	case ROW_F64:
		*(double *)to = -0.5 - f->n % 80;
		break;
	case ROW_OPTIONAL:
		*(bool *)field_in(ours, r->n_ours) = true;
		shape_set(r->shape, to, f);
		break;
	case ROW_PART:
		shape_set(r->shape, to, f);
		break;
	case ROW_LIST:
	case ROW_TEXTS:
		list_set(r, ours, f);
		break;
	}
}

static void shape_set(const struct shape *s, void *ours, struct filler *f)
{
	int nth_case = 0;

	for (size_t i = 0; i < s->n_rows; i++)
		if (!s->rows[i].case_no || nth_case++ == f->nth_case)
			row_set(&s->rows[i], ours, f);
}

static void assert_shape_equal(const struct shape *s, const void *a, const void *b);

static void assert_str_equal(struct str a, struct str b)
{
	assert_int_equal(a.n, b.n);
	assert_true(str_eq(a, b));
}

static void assert_list_equal(const struct row *r, const void *a, const void *b)
{
	const char *items_a = pointer_load(field_at(a, r->ours));
	const char *items_b = pointer_load(field_at(b, r->ours));
	size_t size = r->type == ROW_TEXTS ? sizeof(struct str) : r->shape->size;

	assert_int_equal(field_count(a, r->n_ours), field_count(b, r->n_ours));
	for (size_t i = 0; i < field_count(a, r->n_ours); i++) {
		const void *x = items_a + i * size, *y = items_b + i * size;

		if (r->type == ROW_TEXTS)
			assert_str_equal(*(const struct str *)x, *(const struct str *)y);
		else
			assert_shape_equal(r->shape, x, y);
	}
}

static void assert_row_equal(const struct row *r, const void *a, const void *b)
{
	const void *x = field_at(a, r->ours), *y = field_at(b, r->ours);

	switch (r->type) {
	case ROW_TEXT:
	case ROW_BYTES:
		assert_str_equal(*(const struct str *)x, *(const struct str *)y);
		break;
	case ROW_UUID:
		assert_memory_equal(x, y, sizeof(struct uuid));
		break;
	case ROW_BOOL:
		assert_int_equal(*(const bool *)x, *(const bool *)y);
		break;
	case ROW_I32:
	case ROW_ENUM:
		assert_memory_equal(x, y, sizeof(int32_t));
		break;
	case ROW_I64:
	case ROW_F64:
		assert_memory_equal(x, y, sizeof(int64_t));
		break;
	case ROW_OPTIONAL:
		assert_int_equal(*(const bool *)field_at(a, r->n_ours), *(const bool *)field_at(b, r->n_ours));
		assert_shape_equal(r->shape, x, y);
		break;
	case ROW_PART:
		assert_shape_equal(r->shape, x, y);
		break;
	case ROW_LIST:
	case ROW_TEXTS:
		assert_list_equal(r, a, b);
		break;
	}
}

static void assert_shape_equal(const struct shape *s, const void *a, const void *b)
{
	for (size_t i = 0; i < s->n_rows; i++)
		assert_row_equal(&s->rows[i], a, b);
}

static void inbound_round_trip(unsigned kind, int nth_case)
{
	struct arena *a = arena_new(4096);
	struct filler f = { .a = a, .nth_case = nth_case };
	struct inbound_event e, back;
	struct err err;
	struct str bytes;

	memset(&e, 0, sizeof(e));
	shape_set(inbound_envelope.shape, &e, &f);
	e.kind = kind;
	shape_set(inbound_envelope.variants[kind].shape, &e.u, &f);
	if (kind == IN_DISPATCH)
		e.u.dispatch.message.direction = DIR_OUTBOUND; /* no other is accepted */
	assert_int_equal(inbound_check(&e, &err), 0);
	assert_int_equal(inbound_encode(&e, a, &bytes, &err), 0);
	memset(&back, 0xa5, sizeof(back));
	assert_int_equal(inbound_decode(&back, bytes, a, &err), 0);
	assert_int_equal(back.kind, kind);
	assert_shape_equal(inbound_envelope.shape, &e, &back);
	assert_shape_equal(inbound_envelope.variants[kind].shape, &e.u, &back.u);
	arena_free(a);
}

static void every_inbound_event_survives_the_round_trip(void **state)
{
	(void)state;
	for (unsigned kind = IN_NONE + 1; kind < IN_KINDS; kind++)
		for (int nth_case = 0; nth_case < 2; nth_case++)
			inbound_round_trip(kind, nth_case);
}

static void chat_event_round_trip(unsigned kind, int nth_case)
{
	struct arena *a = arena_new(4096);
	struct filler f = { .a = a, .nth_case = nth_case };
	struct buf bytes = BUF_INIT;
	struct chat_event e, back;
	struct err err;

	memset(&e, 0, sizeof(e));
	shape_set(chat_event_envelope.shape, &e, &f);
	e.kind = kind;
	shape_set(chat_event_envelope.variants[kind].shape, &e.u, &f);
	assert_int_equal(chat_event_encode(&e, &bytes, &err), 0);
	assert_int_equal(chat_event_decode(&back, buf_str(&bytes), a, &err), 0);
	assert_int_equal(back.kind, kind);
	assert_shape_equal(chat_event_envelope.shape, &e, &back);
	assert_shape_equal(chat_event_envelope.variants[kind].shape, &e.u, &back.u);
	buf_fini(&bytes);
	arena_free(a);
}

static void every_chat_event_survives_the_round_trip(void **state)
{
	(void)state;
	for (unsigned kind = CE_NONE + 1; kind < CE_KINDS; kind++)
		for (int nth_case = 0; nth_case < 2; nth_case++)
			chat_event_round_trip(kind, nth_case);
}

static void shape_round_trip(const struct shape *s, int nth_case)
{
	struct arena *a = arena_new(4096);
	struct filler f = { .a = a, .nth_case = nth_case };
	void *ours = arena_calloc(a, 1, s->size), *back = arena_calloc(a, 1, s->size);
	const ProtobufCMessage *theirs;
	struct scratch m;
	struct err err;
	uint8_t *bytes;
	size_t n;

	shape_set(s, ours, &f);
	assert_int_equal(shape_check(s, ours, &err), 0);
	scratch_init(&m);
	theirs = shape_fill(s, ours, &m);
	bytes = arena_alloc(a, protobuf_c_message_get_packed_size(theirs));
	n = protobuf_c_message_pack(theirs, bytes);
	scratch_fini(&m);
	theirs = message_unpack(s->descriptor, (struct str){ (const char *)bytes, n }, a, &err);
	assert_non_null(theirs);
	assert_int_equal(shape_read(s, theirs, back, a, &err), 0);
	assert_shape_equal(s, ours, back);
	arena_free(a);
}

static void every_other_message_survives_the_round_trip(void **state)
{
	(void)state;
	for (int nth_case = 0; nth_case < 3; nth_case++)
		shape_round_trip(&send_record_shape, nth_case);
	shape_round_trip(&campaign_command_shape, 0);
	shape_round_trip(&erasure_record_shape, 0);
}

static void a_list_beyond_the_scratch_memory_survives_too(void **state)
{
	struct arena *a = arena_new(4096);
	struct participant *people = ARENA_ARRAY(a, struct participant, WIRE_MAX_PARTICIPANTS);
	struct chat_event back, e = { .kind = CE_GROUP_UPDATED };
	struct buf bytes = BUF_INIT;
	struct err err;

	(void)state;
	e.id.b[0] = e.workspace.b[0] = 1;
	for (int i = 0; i < WIRE_MAX_PARTICIPANTS; i++)
		people[i].party.lid = arena_printf(a, "%d", i);
	e.u.group_updated.participants = people;
	e.u.group_updated.n_participants = WIRE_MAX_PARTICIPANTS;
	assert_int_equal(chat_event_encode(&e, &bytes, &err), 0);
	assert_int_equal(chat_event_decode(&back, buf_str(&bytes), a, &err), 0);
	assert_int_equal(back.u.group_updated.n_participants, WIRE_MAX_PARTICIPANTS);
	assert_true(str_is(back.u.group_updated.participants[4999].party.lid, "4999"));
	buf_fini(&bytes);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_every_message_has_exactly_one_row),
		cmocka_unit_test(a_kind_is_named_as_its_field),
		cmocka_unit_test(every_inbound_event_survives_the_round_trip),
		cmocka_unit_test(every_chat_event_survives_the_round_trip),
		cmocka_unit_test(every_other_message_survives_the_round_trip),
		cmocka_unit_test(a_list_beyond_the_scratch_memory_survives_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
