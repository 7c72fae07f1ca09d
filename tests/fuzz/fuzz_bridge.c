/* Our own bridge contract: whatever is JSON is read without harm by both routes; what is added can be published, and a
 * chat that is refused can be posted again.
 */
#include <assert.h>
#include <string.h>

#include "ingest/dialects/dialects.h"

#define NOW_MS INT64_C(1767225600000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct intake_account account = {
	.id.b = { 1 },
	.workspace.b = { 2 },
	.provider = PROVIDER_WEBJS,
	.bridge = BRIDGE_BLAZZ,
};

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

/* What is about the batch as a whole has no body of its own. */
static void rejected_check(const struct intake *in)
{
	for (size_t i = 0; i < in->n_rejected; i++) {
		struct json_doc *doc = NULL;

		assert(in->rejected[i].message.n > 0);
		if (in->rejected[i].body.n > 0) {
			int rc = json_parse(&doc, in->rejected[i].body, NULL);

			assert(rc == 0);
		}
		json_free(doc);
	}
}

static void body_read(int (*read)(struct intake *, const json *, struct err *), const json *body)
{
	struct arena *a = arena_new(65536);
	struct intake in;
	int rc;

	intake_init(&in, a, NOW_MS, &account);
	rc = read(&in, body, NULL);
	assert(rc == 0 || in.n_rejected > 0 || in.n_events == 0);
	intake_finish(&in);
	events_check(&in);
	rejected_check(&in);
	bridge_session(body, a);
	bridge_workspace_fits(body, &account);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc *doc = NULL;

	if (json_parse(&doc, (struct str){ (const char *)data, size }, NULL) < 0)
		return 0;
	body_read(bridge_read_webhook, json_root(doc));
	body_read(bridge_read_sync, json_root(doc));
	json_free(doc);
	return 0;
}
