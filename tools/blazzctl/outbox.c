/* blazzctl outbox: records that are committed but not published yet, and deleting a row that the broker permanently
 * rejects. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "ctl.h"
#include "store/outbox.h"
#include "terminal.h"
#include "wire/records.h"
#include "wire/reveal.h"
#include "json/writer.h"

struct outbox_options {
	const char *producer, *topic, *slot, *epoch, *seq;
	int64_t limit;
	bool yes;
};

static const struct option_row list_rows[] = {
	{ "producer", OPTION_TEXT, offsetof(struct outbox_options, producer), "NAME", "only of this one" },
	{ "limit", OPTION_NUMBER, offsetof(struct outbox_options, limit), "N", "at most; default 100" },
	{ 0 },
};

#define ROW_OPTIONS \
	{ "producer", OPTION_TEXT, offsetof(struct outbox_options, producer), "NAME", "as shown by list" }, \
		{ "topic", OPTION_TEXT, offsetof(struct outbox_options, topic), "NAME", "the same; without: none" }, \
		{ "slot", OPTION_TEXT, offsetof(struct outbox_options, slot), "N", "the same" }, \
		{ "epoch", OPTION_TEXT, offsetof(struct outbox_options, epoch), "N", "the same" }, \
		{ "seq", OPTION_TEXT, offsetof(struct outbox_options, seq), "N", "the same" }

static const struct option_row show_rows[] = { ROW_OPTIONS, { 0 } };
static const struct option_row drop_rows[] = { ROW_OPTIONS,
	{ "yes", OPTION_FLAG, offsetof(struct outbox_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 } };

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "producer", "topic", "slot", "epoch", "seq", "bytes", "created_at",
		NULL };
	const struct outbox_options *o = options;
	struct outbox_info *rows;
	struct table *t;
	struct pg *pg;
	size_t n;

	(void)arguments;
	if (o->limit > INT32_MAX)
		return ctl_usage(err, "--limit: too large");
	if (ctl_pg_ops(ctl, &pg, err) < 0 ||
		store_outbox_list(pg, o->producer, o->limit ? (int)o->limit : 100, &rows, &n, err) < 0)
		return -1;
	t = table_new(columns);
	for (size_t i = 0; i < n; i++) {
		table_text(t, str_of(rows[i].producer));
		table_text(t, str_of(rows[i].topic));
		table_i64(t, rows[i].row.slot.number);
		table_i64(t, rows[i].row.epoch);
		table_i64(t, rows[i].row.seq);
		table_i64(t, rows[i].bytes);
		table_time_ms(t, rows[i].created_at_us / 1000);
	}
	table_print(t, ctl->json);
	table_free(t);
	free(rows);
	return 0;
}

static int row_parse(const struct outbox_options *o, struct outbox_row *row, struct err *err)
{
	int64_t slot = -1;

	if (!o->producer || !o->slot || !o->epoch || !o->seq)
		return ctl_usage(err, "specify the row with --producer, --topic, --slot, --epoch and --seq");
	if (!str_to_i64(str_of(o->slot), &slot) || slot < 0 || slot > INT32_MAX ||
		!str_to_i64(str_of(o->epoch), &row->epoch) || !str_to_i64(str_of(o->seq), &row->seq))
		return ctl_usage(err, "--slot, --epoch and --seq are numbers");
	row->slot = (struct outbox_slot){ o->topic ? str_of(o->topic) : STR(""), (int32_t)slot };
	return 0;
}

static void record_print(const struct record_view *v)
{
	struct buf json = BUF_INIT;
	struct json_writer w = json_writer(&json);
	struct buf event = BUF_INIT;
	struct json_writer inner = json_writer(&event);

	jw_obj(&w);
	jw_member_str(&w, "topic", v->topic);
	jw_member_str(&w, "key", v->key);
	jw_member_i64(&w, "bytes", (int64_t)v->value.n);
	if (reveal_record(&inner, v->topic, v->value))
		jw_member_raw(&w, "event", buf_str(&event));
	jw_obj_end(&w);
	buf_add_char(&json, '\n');
	terminal_print_json(stdout, buf_str(&json));
	buf_fini(&event);
	buf_fini(&json);
}

struct wanted {
	struct outbox_row row;
	size_t records;
	bool found, print;
};

static int row_each(void *ctx, const struct outbox_row *row, struct err *err)
{
	struct wanted *want = ctx;
	struct record_view v;
	size_t at = 0;
	int rc;

	if (row->epoch != want->row.epoch || row->seq != want->row.seq)
		return 0;
	want->found = true;
	while ((rc = records_next(row->records, &at, &v, err)) == 1) {
		want->records++;
		if (want->print)
			record_print(&v);
	}
	return rc;
}

static int row_read(struct pg *pg, const struct outbox_options *o, struct wanted *want, struct err *err)
{
	struct outbox_row before = want->row;

	before.seq--;
	if (store_outbox_read(pg, o->producer, &want->row.slot, 1, &before, 1, row_each, want, err) < 0)
		return -1;
	return want->found ? 0 : err_set(err, ERR_INPUT, "outbox", "%s has no such row", o->producer);
}

/* One JSON object per record. */
static int show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct wanted want = { .print = true };
	struct pg *pg;

	(void)arguments;
	if (row_parse(options, &want.row, err) < 0 || ctl_pg_ops(ctl, &pg, err) < 0)
		return -1;
	return row_read(pg, options, &want, err);
}

static int drop(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct outbox_options *o = options;
	struct wanted want = { .print = false };
	struct pg *pg;

	(void)arguments;
	if (row_parse(o, &want.row, err) < 0 || ctl_pg_ops(ctl, &pg, err) < 0 || row_read(pg, o, &want, err) < 0 ||
		(o->yes && store_outbox_delete(pg, o->producer, &want.row, 1, err) < 0))
		return -1;
	if (ctl->json)
		printf("{\"records\":%zu,\"done\":%s}\n", want.records, o->yes ? "true" : "false");
	else
		printf(o->yes ? "dropped: %zu records will never be published\n"
			      : "%zu records would never be published; --yes drops them\n",
			want.records);
	return 0;
}

const struct command outbox_commands[] = {
	{ "outbox", "list", NULL, 0, 0, list_rows, sizeof(struct outbox_options),
		"lists rows that are not published yet, oldest first", list },
	{ "outbox", "show", NULL, 0, 0, show_rows, sizeof(struct outbox_options),
		"shows the records of one row, one JSON object per line", show },
	{ "outbox", "drop", NULL, 0, 0, drop_rows, sizeof(struct outbox_options),
		"deletes a row that the broker never accepts; its owner continues with the next one within half a minute",
		drop },
	{ 0 },
};
