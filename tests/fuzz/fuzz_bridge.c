/* Our own bridge contract, by both of its routes, and the session that a body names. */
#include "dialect.h"
#include "ingest/accounts/session.h"
#include "ingest/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct catalogue_account account = { .id = 17, .workspace_id = 7 };
	struct json_doc *doc = NULL;
	struct arena *a;

	bridge_body_check(bridge_read_webhook, data, size);
	bridge_body_check(bridge_read_sync, data, size);
	if (json_parse(&doc, input_of(data, size), NULL) < 0)
		return 0;
	a = arena_new(0);
	session_of(json_root(doc), routes[ROUTE_OLD_SYNC].session, a);
	session_workspace_fits(json_root(doc), &account, a);
	arena_free(a);
	json_free(doc);
	return 0;
}
