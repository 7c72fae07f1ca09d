/* What the tests of sending share: a session of campaign-sender, and one running campaign of ten recipients in two
 * segments. */
#ifndef STORE_SENDING_H
#define STORE_SENDING_H

#include "db.h"
#include "store/sends_fetch.h"

#define CAMPAIGN "00000000-0000-4000-8000-0000000000c1"

/* Recipients 1000 to 1009, of them even ones in segment 0 (account 1), odd ones in segment 1 (account 2); the first
 * six are contacts 10 to 15. */
#define RUNNING \
	"INSERT INTO contacts (workspace_id, id, source_type, phone, match_key) SELECT 1, g, 'webjs', '+6281' || g, '6281' || g" \
	" FROM generate_series(10, 15) g;" \
	"INSERT INTO contact_aliases (workspace_id, contact_id, kind, value) SELECT 1, g, 'phone', '6281' || g FROM generate_series(10, 15) g;" \
	"INSERT INTO campaigns (workspace_id, id, uuid, name, campaign_type, send_window, status, prepared_at, partition, first_send_id," \
	" last_send_id) VALUES (1, 1, '" CAMPAIGN \
	"', 'c', 'instant', '{\"from\": \"00:00\", \"to\": \"24:00\"}', 'running', now(), 3, 1000, 1009);" \
	"INSERT INTO campaign_segments (workspace_id, campaign_id, segment, account_id, partition) VALUES (1, 1, 0, 1, 5), (1, 1, 1, 2, 6);" \
	"INSERT INTO campaign_counts (workspace_id, campaign_id, source, slot, recipients) VALUES (1, 1, 'driver', 3, 10);" \
	"INSERT INTO send_lanes (workspace_id, account_id, partition) VALUES (1, 1, 5), (1, 2, 6);" \
	"INSERT INTO sends (workspace_id, id, campaign_id, segment, contact_id, address, request) SELECT 1, 1000 + g, 1, g % 2," \
	" CASE WHEN g < 6 THEN 10 + g END, '6281' || 10 + g, 'x' FROM generate_series(0, 9) g"

/* How many columns of the counters differ from a recount of the rows. */
#define MISCOUNTED \
	"SELECT count(*) FROM (SELECT sum(recipients), sum(sent), sum(delivered), sum(read), sum(failed), sum(skipped), sum(unknown)" \
	" FROM campaign_counts WHERE workspace_id = 1 AND campaign_id = 1 EXCEPT SELECT count(*), count(*) FILTER (WHERE status IN" \
	" ('sent', 'delivered', 'read')), count(*) FILTER (WHERE status IN ('delivered', 'read')), count(*) FILTER (WHERE status = 'read')," \
	" count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'skipped'), count(*) FILTER (WHERE status = 'unknown')" \
	" FROM sends WHERE workspace_id = 1 AND campaign_id = 1) AS d"

static inline int sending_start(void **state)
{
	if (db_start(state) < 0)
		return -1;
	pg_close(&db.pg);
	db.pg = db_session(SENDER);
	return 0;
}

static inline int sending_running(void **state)
{
	db_empty(state);
	db_script(RUNNING);
	return 0;
}

static inline void assert_send(int64_t id, const char *what, const char *want)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT (%s)::text FROM sends WHERE workspace_id = 1 AND id = %lld", what,
		(long long)id);
	assert_text(sql, want);
}

/* The ids of fetched rows, as text: "1 2 3". */
struct fetched {
	char ids[200];
	struct send_row rows[20];
	size_t n;
};

static inline void fetched_add(void *ctx, const struct send_row *row)
{
	struct fetched *f = ctx;
	size_t at = strlen(f->ids);

	snprintf(f->ids + at, sizeof(f->ids) - at, "%s%lld", at ? " " : "", (long long)row->id);
	assert_true(f->n < 20);
	f->rows[f->n++] = *row;
}

#endif
