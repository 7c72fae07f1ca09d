/* Meta's bodies: whatever is JSON is read without harm; what is added can be published, what is refused can be posted again. */
#include <assert.h>
#include <string.h>

#include "ingest/dialects/dialects.h"

#define NOW_MS INT64_C(1767225600000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct intake_account account = {
	.id.b = { 1 },
	.workspace.b = { 2 },
	.provider = PROVIDER_META,
	.phone_number = { "15550783881", 11 },
	.phone_number_id = { "106540352242922", 15 },
	.waba_id = { "102290129340398", 15 },
	.business_id = { "17", 2 },
};

static const struct intake_account *by_number(void *ctx, struct str id)
{
	(void)ctx;
	return str_eq(id, account.phone_number_id) ? &account : NULL;
}

static size_t by_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	(void)ctx;
	if (!str_eq(id, account.waba_id))
		return 0;
	if (max > 0)
		out[0] = &account;
	return 1;
}

static void events_check(const struct intake *in)
{
	struct inbound_event back;

	for (size_t i = 0; i < in->n_events; i++) {
		int rc = inbound_check(in->events[i], NULL);

		assert(rc == 0);
		rc = inbound_decode(&back, in->records[i], in->arena, NULL);
		assert(rc == 0);
		assert(uuid_eq(&back.id, &in->events[i]->id));
	}
}

static void rejected_check(const struct intake *in)
{
	for (size_t i = 0; i < in->n_rejected; i++) {
		struct json_doc *doc = NULL;
		int rc = json_parse(&doc, in->rejected[i].body, NULL);

		assert(rc == 0);
		assert(in->rejected[i].path.n > 0 && in->rejected[i].message.n > 0);
		json_free(doc);
	}
}

static void body_read(const json *body)
{
	struct arena *a = arena_new(65536);
	struct meta_references refs;
	struct intake in;
	int named = meta_references(&refs, body, a, NULL), rc;

	intake_init(&in, a, NOW_MS, NULL);
	in.by_phone_number_id = by_number;
	in.by_waba = by_waba;
	rc = meta_read(&in, body, NULL);
	assert(named == 0 || rc < 0);
	intake_finish(&in);
	events_check(&in);
	rejected_check(&in);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc *doc = NULL;

	if (json_parse(&doc, (struct str){ (const char *)data, size }, NULL) < 0)
		return 0;
	body_read(json_root(doc));
	json_free(doc);
	return 0;
}
