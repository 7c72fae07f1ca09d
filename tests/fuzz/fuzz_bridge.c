/* Our own bridge contract, by both of its routes, and whose session a body names. */
#include "dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc *doc = NULL;
	struct arena *a;

	bridge_body_check(bridge_read_webhook, data, size);
	bridge_body_check(bridge_read_sync, data, size);
	if (json_parse(&doc, input_of(data, size), NULL) < 0)
		return 0;
	a = arena_new(0);
	bridge_session(json_root(doc), a);
	bridge_workspace_fits(json_root(doc), &(const struct intake_account){ .workspace.b = { 0x3b } });
	arena_free(a);
	json_free(doc);
	return 0;
}
