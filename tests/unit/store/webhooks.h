/* What the tests of the webhook tables share: db.pg is the dispatcher's, and there are endpoints 1 and 2 of workspace 1, 3 of
 * workspace 2, all of them enabled an hour ago. */
#ifndef STORE_WEBHOOKS_H
#define STORE_WEBHOOKS_H

#include "db.h"

#define ENDPOINTS \
	"INSERT INTO webhook_endpoints (workspace_id, id, uuid, name, url, secrets, enabled_at, active_from)" \
	" SELECT 1 + (g = 3)::int, g, ('00000000-0000-4000-8000-0000000000e' || g)::uuid, 'e' || g, 'https://example.com/' || g, 'sealed'," \
	" now() - interval '1 hour', now() - interval '1 hour' FROM generate_series(1, 3) g"
#define E1 "00000000-0000-4000-8000-0000000000e1"
#define E2 "00000000-0000-4000-8000-0000000000e2"

static inline int webhooks_start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(DISPATCHER);
	return 0;
}

static inline int with_endpoints(void **state)
{
	db_empty(state);
	db_script(ENDPOINTS ";SELECT setval('webhook_endpoints_id_seq', 100)");
	return 0;
}

#define HOUR_MS 3600000

#endif
