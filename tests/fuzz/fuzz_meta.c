/* Meta's bodies, for an account that is found by its number or its WABA. While parsing, only references are looked up
 * that were collected beforehand, and texts that are too long to be ids. */
#include "dialect.h"

static const struct intake_account account = {
	.id.b = { 1 },
	.workspace.b = { 2 },
	.provider = PROVIDER_META,
	.phone_number = { "15550783881", 11 },
	.phone_number_id = { "106540352242922", 15 },
	.waba_id = { "102290129340398", 15 },
	.business_id = { "17", 2 },
};

static bool was_collected(const struct str *ids, size_t n, struct str id)
{
	if (id.n > WIRE_MAX_ID_BYTES)
		return true; /* it names no account, so it is not collected */
	for (size_t i = 0; i < n; i++)
		if (str_eq(ids[i], id))
			return true;
	return false;
}

static const struct intake_account *by_number(void *ctx, struct str id)
{
	const struct meta_references *refs = ctx;

	assert(was_collected(refs->phone_number_ids, refs->n_phone_number_ids, id));
	return str_eq(id, account.phone_number_id) ? &account : NULL;
}

static size_t by_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	const struct meta_references *refs = ctx;

	assert(was_collected(refs->waba_ids, refs->n_waba_ids, id));
	if (!str_eq(id, account.waba_id))
		return 0;
	if (max > 0)
		out[0] = &account;
	return 1;
}

static void init(struct intake *in, struct arena *a, int64_t now_ms)
{
	intake_init(in, a, now_ms, NULL);
	in->by_phone_number_id = by_number;
	in->by_waba = by_waba;
}

static int read_looked_up(struct intake *in, const json *body, struct err *err)
{
	struct meta_references refs;
	int rc;

	if (meta_references(&refs, body, in->arena, err) < 0)
		return -1;
	in->lookup_ctx = &refs;
	rc = meta_read(in, body, err);
	in->lookup_ctx = NULL;
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dialect meta = { read_looked_up, init };
	struct json_doc *doc = NULL;

	if (json_parse(&doc, input_of(data, size), NULL) < 0)
		return 0;
	dialect_check(&meta, json_root(doc));
	json_free(doc);
	return 0;
}
