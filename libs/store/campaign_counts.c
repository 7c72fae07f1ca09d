/* See campaign_counts.h. */
#include "store/campaign_counts.h"

#include <stdlib.h>

#include "base/vec.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt add = { "counts_add", PG_PREPARED,
	"INSERT INTO campaign_counts AS n (source, workspace_id, campaign_id, slot, recipients, sent, delivered, read, failed, skipped, unknown)"
	" SELECT $1::text, r.* FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],"
	" $9::bigint[], $10::bigint[], $11::bigint[]) AS r (workspace_id, campaign_id, slot, recipients, sent, delivered, read, failed, skipped,"
	" unknown) ORDER BY r.workspace_id, r.campaign_id, r.slot ON CONFLICT (workspace_id, campaign_id, source, slot) DO UPDATE SET"
	" recipients = n.recipients + excluded.recipients, sent = n.sent + excluded.sent, delivered = n.delivered + excluded.delivered,"
	" read = n.read + excluded.read, failed = n.failed + excluded.failed, skipped = n.skipped + excluded.skipped,"
	" unknown = n.unknown + excluded.unknown, updated_at = now()" };

const struct pg_stmt *const campaign_counts_statements[] = { &add, NULL };

void counts_fini(struct campaign_counts *c)
{
	free(c->rows);
	*c = (struct campaign_counts){ 0 };
}

/* Few campaigns are sent at a time, and the rows of one follow each other: searched from the last. */
struct count_change *counts_of(struct campaign_counts *c, int64_t workspace_id, int64_t campaign_id, int32_t slot)
{
	for (size_t i = c->n; i > 0; i--) {
		struct count_change *r = &c->rows[i - 1];

		if (r->workspace_id == workspace_id && r->campaign_id == campaign_id && r->slot == slot)
			return r;
	}
	c->rows = vec_grow(c->rows, c->n, &c->cap, sizeof(c->rows[0]));
	c->rows[c->n] = (struct count_change){ .workspace_id = workspace_id, .campaign_id = campaign_id, .slot = slot };
	return &c->rows[c->n++];
}

/* Sent includes what was delivered or read since, delivered what was read. */
static void status_count(struct count_change *r, enum send_status s, int64_t by)
{
	r->sent += s == SEND_STATUS_SENT || s == SEND_STATUS_DELIVERED || s == SEND_STATUS_READ ? by : 0;
	r->delivered += s == SEND_STATUS_DELIVERED || s == SEND_STATUS_READ ? by : 0;
	r->read += s == SEND_STATUS_READ ? by : 0;
	r->failed += s == SEND_STATUS_FAILED ? by : 0;
	r->skipped += s == SEND_STATUS_SKIPPED ? by : 0;
	r->unknown += s == SEND_STATUS_UNKNOWN ? by : 0;
}

void counts_move(struct campaign_counts *c, int64_t workspace_id, int64_t campaign_id, int32_t slot,
	enum send_status was, enum send_status status)
{
	struct count_change *r;

	if (campaign_id == 0 || was == status)
		return;
	r = counts_of(c, workspace_id, campaign_id, slot);
	status_count(r, was, -1);
	status_count(r, status, 1);
}

int counts_write(struct campaign_counts *c, struct pg *pg, const char *source, struct err *err)
{
	struct columns columns;
	int rc = 0;

	if (c->n > 0) {
		columns_init(&columns);
		pg_arg_text(columns_scalars(&columns), str_of(source));
		for (size_t i = 0; i < c->n; i++) {
			const struct count_change *r = &c->rows[i];

			columns_row(&columns);
			columns_i64(&columns, r->workspace_id);
			columns_i64(&columns, r->campaign_id);
			columns_i32(&columns, r->slot);
			columns_i64(&columns, r->recipients);
			columns_i64(&columns, r->sent);
			columns_i64(&columns, r->delivered);
			columns_i64(&columns, r->read);
			columns_i64(&columns, r->failed);
			columns_i64(&columns, r->skipped);
			columns_i64(&columns, r->unknown);
		}
		rc = columns_start(&columns, pg, &add, err);
	}
	counts_fini(c);
	return rc;
}
