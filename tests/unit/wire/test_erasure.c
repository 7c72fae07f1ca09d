/* Records of the ledger of erasures. */
#include "unit.h"

#include <string.h>

#include "wire/erasure.h"
#include "wire/party.h"
#include "wire/shapes.h"

static struct uuid uuid_of(const char *text)
{
	struct uuid id;

	assert_true(uuid_parse(str_of(text), &id));
	return id;
}

static struct erasure_record record_of(void)
{
	return (struct erasure_record){ .erasure = uuid_of("0b8e7f6a-3333-4333-8333-000000000003"),
		.workspace = uuid_of("0b8e7f6a-1111-4111-8111-000000000001"),
		.contact = uuid_of("0b8e7f6a-5555-8555-8555-000000000005"),
		.forget_opt_outs = true,
		.requested_at_ms = 1766000000000,
		.until_ms = 1766000060000,
		.completed_at_ms = 1766000200000 };
}

static void a_record_is_read_as_it_was_written(void **state)
{
	struct erasure_record r = record_of(), back;
	struct arena *a = arena_new(0);
	struct buf out = BUF_INIT;
	struct err err;
	char key[74];

	(void)state;
	assert_int_equal(erasure_record_encode(&r, &out, &err), 0);
	assert_int_equal(erasure_record_decode(&back, buf_str(&out), a, &err), 0);
	assert_true(uuid_eq(&back.erasure, &r.erasure) && uuid_eq(&back.workspace, &r.workspace));
	assert_true(uuid_eq(&back.contact, &r.contact) && back.forget_opt_outs);
	assert_true(back.requested_at_ms == r.requested_at_ms && back.until_ms == r.until_ms);
	assert_true(back.completed_at_ms == r.completed_at_ms);
	erasure_record_key(&back, key);
	assert_string_equal(key, "0b8e7f6a-1111-4111-8111-000000000001:0b8e7f6a-5555-8555-8555-000000000005");
	buf_fini(&out);
	arena_free(a);
}

static void without_erasure(struct erasure_record *r)
{
	memset(&r->erasure, 0, sizeof(r->erasure));
}

static void without_workspace(struct erasure_record *r)
{
	memset(&r->workspace, 0, sizeof(r->workspace));
}

static void without_contact(struct erasure_record *r)
{
	memset(&r->contact, 0, sizeof(r->contact));
}

static void without_request(struct erasure_record *r)
{
	r->requested_at_ms = 0;
}

static void beyond_9999(struct erasure_record *r)
{
	r->until_ms = WIRE_MAX_TIME_MS + 1;
}

static void what_the_ledger_cannot_use_is_rejected(void **state)
{
	void (*const cases[])(struct erasure_record *r) = { without_erasure, without_workspace, without_contact,
		without_request, beyond_9999 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct erasure_record r = record_of(), out;
		struct arena *a = arena_new(0);
		struct buf bytes = BUF_INIT;
		struct err err;

		cases[i](&r);
		memset(&out, 0xa5, sizeof(out));
		assert_int_equal(erasure_record_encode(&r, &bytes, &err), -1);
		assert_int_equal(bytes.n, 0);
		record_pack(&erasure_record_shape, &r, &bytes);
		assert_int_equal(erasure_record_decode(&out, buf_str(&bytes), a, &err), -1);
		assert_string_equal(err.code, "rule");
		assert_int_equal(out.erasure.b[0], 0xa5);
		buf_fini(&bytes);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(what_the_ledger_cannot_use_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
