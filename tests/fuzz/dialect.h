/* One body from outside through one dialect: what it adds keeps the rules and comes back from its bytes, what it refuses has a
 * body that is JSON, and the answer is one that the HTTP layer knows. */
#ifndef TESTS_FUZZ_DIALECT_H
#define TESTS_FUZZ_DIALECT_H

#include <assert.h>
#include <string.h>

#include "ingest/dialects/dialects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check_events(const struct intake *in)
{
	struct inbound_event again;
	int rc;

	for (size_t i = 0; i < in->n_events; i++) {
		rc = inbound_check(in->events[i], NULL);
		assert(rc == 0);
		rc = inbound_decode(&again, in->records[i], in->arena, NULL);
		assert(rc == 0 && uuid_eq(&again.id, &in->events[i]->id));
	}
}

static inline void check_rejected(const struct intake *in)
{
	for (size_t i = 0; i < in->n_rejected; i++) {
		struct json_doc *doc;

		if (in->rejected[i].body.n == 0)
			continue;
		assert(json_parse(&doc, in->rejected[i].body, NULL) == 0);
		json_free(doc);
	}
}

static inline void fuzz_dialect(int (*read)(struct intake *in, const json *body, struct err *err),
	enum bridge_kind bridge, const uint8_t *data, size_t size)
{
	static const struct intake_account account = {
		.id.b = { 0xac },
		.workspace.b = { 0x3b },
		.provider = PROVIDER_WEBJS,
		.phone_number = { "6281234567890", 13 },
	};
	struct intake_account of_bridge = account;
	struct json_doc *doc = NULL;
	struct arena *a;
	struct intake in;
	struct err err;

	if (json_parse(&doc, (struct str){ (const char *)data, size }, NULL) < 0)
		return;
	of_bridge.bridge = bridge;
	a = arena_new(65536);
	intake_init(&in, a, INT64_C(1767229200000), &of_bridge);
	if (read(&in, json_root(doc), &err) < 0)
		assert(err.kind == ERR_INPUT && (strcmp(err.code, "400") == 0 || strcmp(err.code, "422") == 0));
	intake_finish(&in);
	check_events(&in);
	check_rejected(&in);
	arena_free(a);
	json_free(doc);
}

#endif
