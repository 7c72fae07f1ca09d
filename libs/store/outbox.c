/* See outbox.h. Invariant: rows of a slot are read in order of (epoch, seq), which is the order of their commits. */
#include "store/outbox.h"

#include "store/cells.h"
#include "store/columns.h"
#include "store/statements.h"

static const struct pg_stmt put = { "outbox_put", PG_PREPARED,
	"INSERT INTO outbox (producer, topic, slot, epoch, seq, records)"
	" SELECT $1, r.* FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bytea[]) AS r" };

static const struct pg_stmt delete = { "outbox_delete", PG_PREPARED,
	"DELETE FROM outbox AS o"
	" USING unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) AS r (topic, slot, epoch, seq)"
	" WHERE o.producer = $1 AND o.slot = r.slot AND o.topic = r.topic AND o.epoch = r.epoch AND o.seq = r.seq" };

static const struct pg_stmt read = { "outbox_read", PG_PREPARED,
	"SELECT topic, slot, epoch, seq, records, (extract(epoch FROM clock_timestamp() - created_at) * 1000)::bigint"
	" FROM outbox JOIN unnest($7::text[], $8::integer[]) AS r (topic, slot) USING (topic, slot) WHERE producer = $1"
	" AND ($3::integer IS NULL OR (slot, epoch, seq, topic) > ($3, $4::bigint, $5::bigint, $2::text))"
	" ORDER BY slot, epoch, seq, topic LIMIT $6::integer" };

static const struct pg_stmt list = { "outbox_list", PG_PREPARED,
	"SELECT producer, topic, slot, epoch, seq, octet_length(records)::bigint, created_at FROM outbox"
	" WHERE $1::text IS NULL OR producer = $1 ORDER BY producer, slot, topic, epoch, seq LIMIT $2::integer" };

const struct pg_stmt *const outbox_statements[] = { &put, &delete, &read, &list, NULL };

static void scalar_producer(struct columns *c, const char *producer)
{
	columns_init(c);
	pg_arg_text(columns_scalars(c), str_of(producer));
}

static void columns_place(struct columns *c, const struct outbox_row *r)
{
	columns_row(c);
	columns_text(c, r->slot.topic);
	columns_i32(c, r->slot.number);
	columns_i64(c, r->epoch);
	columns_i64(c, r->seq);
}

int store_outbox_put(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	scalar_producer(&c, producer);
	for (size_t i = 0; i < n; i++) {
		columns_place(&c, &rows[i]);
		columns_bytea(&c, rows[i].records);
	}
	return columns_start(&c, pg, &put, err);
}

int store_outbox_delete(struct pg *pg, const char *producer, const struct outbox_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	scalar_producer(&c, producer);
	for (size_t i = 0; i < n; i++)
		columns_place(&c, &rows[i]);
	return columns_start(&c, pg, &delete, err);
}

static void scalars_after(struct columns *c, const struct outbox_row *after)
{
	struct pg_args *args = columns_scalars(c);

	if (after) {
		pg_arg_text(args, after->slot.topic);
		pg_arg_i32(args, after->slot.number);
		pg_arg_i64(args, after->epoch);
		pg_arg_i64(args, after->seq);
		return;
	}
	for (int i = 0; i < 4; i++)
		pg_arg_null(args);
}

int store_outbox_read(struct pg *pg, const char *producer, const struct outbox_slot *slots, size_t n,
	const struct outbox_row *after, int limit,
	int (*each)(void *ctx, const struct outbox_row *row, struct err *err), void *ctx, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct columns c;
	int rc = 0;

	if (n == 0)
		return 0;
	scalar_producer(&c, producer);
	scalars_after(&c, after);
	pg_arg_i32(columns_scalars(&c), limit);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_text(&c, slots[i].topic);
		columns_i32(&c, slots[i].number);
	}
	if (columns_run(&c, pg, &read, &rows, err) < 0)
		return -1;
	for (struct cells at = cells_of(rows, NULL); rc == 0 && cells_more(&at); cells_next(&at)) {
		struct outbox_row row = { .slot.topic = cells_borrow(&at) };

		row.slot.number = cells_i32(&at);
		row.epoch = cells_i64(&at);
		row.seq = cells_i64(&at);
		row.records = cells_borrow(&at);
		row.age_ms = cells_i64(&at);
		rc = each(ctx, &row, err);
	}
	pg_rows_free(rows);
	return rc;
}

int store_outbox_list(struct pg *pg, const char *producer, int limit, struct outbox_info **out, size_t *n,
	struct err *err)
{
	struct pg_args *args = pg_args_new();
	struct pg_rows *rows = NULL;
	int rc;

	pg_arg_text(args, str_of(producer));
	pg_arg_i32(args, limit);
	rc = pg_run(pg, &list, args, &rows, err);
	pg_args_free(args);
	if (rc < 0)
		return -1;
	*n = (size_t)pg_rows_count(rows);
	*out = mem_calloc(*n, sizeof(**out));
	for (struct cells c = cells_of(rows, NULL); cells_more(&c); cells_next(&c)) {
		struct outbox_info *o = &(*out)[c.row];

		cells_copy(&c, o->producer, sizeof(o->producer));
		cells_copy(&c, o->topic, sizeof(o->topic));
		o->row.slot = (struct outbox_slot){ str_of(o->topic), cells_i32(&c) };
		o->row.epoch = cells_i64(&c);
		o->row.seq = cells_i64(&c);
		o->bytes = cells_i64(&c);
		o->created_at_us = cells_time(&c);
	}
	pg_rows_free(rows);
	return 0;
}
