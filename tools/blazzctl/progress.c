/* blazzctl progress: the consumers' offsets, and changing them manually. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "kafka/reader.h"
#include "store/progress.h"

struct progress_options {
	const char *consumer, *topic, *partition, *to;
	bool yes;
};

static const struct option_row show_rows[] = {
	{ "consumer", OPTION_TEXT, offsetof(struct progress_options, consumer), "NAME", "only of this one" },
	{ 0 },
};

static const struct option_row reset_rows[] = {
	{ "consumer", OPTION_TEXT, offsetof(struct progress_options, consumer), "NAME", "whose" },
	{ "topic", OPTION_TEXT, offsetof(struct progress_options, topic), "TOPIC", "full name" },
	{ "partition", OPTION_TEXT, offsetof(struct progress_options, partition), "N",
		"a partition of the topic, or all" },
	{ "to", OPTION_TEXT, offsetof(struct progress_options, to), "OFFSET",
		"an offset, or beginning: the oldest record available" },
	{ "yes", OPTION_FLAG, offsetof(struct progress_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 },
};

/* Reads the high watermarks of one topic at a time, as rows are ordered by topic. */
struct watermarks {
	const struct kafka_config *kafka;
	struct kafka_reader *reader;
	const char *topic;
};

static int64_t high_of(struct watermarks *w, const struct progress_info *row)
{
	const struct kafka_range *ranges;
	struct err err;
	size_t n;

	if (!w->kafka)
		return -1;
	if (!w->topic || strcmp(w->topic, row->topic) != 0) {
		kafka_reader_close(&w->reader);
		w->topic = row->topic;
		if (kafka_reader_open(&w->reader, w->kafka, row->topic, CTL_TIMEOUT_MS, &err) < 0)
			fprintf(stderr, "blazzctl: lag is unknown: %s\n", err.msg);
	}
	if (!w->reader)
		return -1;
	ranges = kafka_reader_ranges(w->reader, &n);
	return row->partition >= 0 && (size_t)row->partition < n ? ranges[row->partition].high : -1;
}

static void row_add(struct table *t, const struct progress_info *row, int64_t high)
{
	table_text(t, str_of(row->consumer));
	table_text(t, str_of(row->topic));
	table_i64(t, row->partition);
	if (row->next_offset == PROGRESS_NO_OFFSET)
		table_none(t);
	else
		table_i64(t, row->next_offset);
	if (high < 0 || row->next_offset == PROGRESS_NO_OFFSET)
		table_none(t);
	else
		table_i64(t, high - row->next_offset);
	for (int i = 0; i < OUTCOMES; i++)
		table_i64(t, row->counts[i]);
	table_time_ms(t, row->updated_at_us / 1000);
}

static int show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "consumer", "topic", "partition", "next_offset", "lag", "applied",
		"no_effect", "filtered", "parked", "dead_lettered", "skipped", "updated_at", NULL };
	const struct progress_options *o = options;
	struct watermarks w = { .kafka = ctl->settings.kafka_brokers ? ctl->kafka : NULL };
	struct progress_info *rows;
	struct table *t;
	struct pg *pg;
	size_t n;

	(void)arguments;
	if (ctl_pg_ops(ctl, &pg, err) < 0 || store_progress_list(pg, o->consumer, &rows, &n, err) < 0)
		return -1;
	t = table_new(columns);
	for (size_t i = 0; i < n; i++)
		row_add(t, &rows[i], high_of(&w, &rows[i]));
	table_print(t, ctl->json);
	table_free(t);
	kafka_reader_close(&w.reader);
	free(rows);
	return 0;
}

#define ALL_PARTITIONS (-1)

static int target_parse(const struct progress_options *o, int64_t *partition, int64_t *to, struct err *err)
{
	if (!o->consumer || !o->topic || !o->partition || !o->to)
		return ctl_usage(err, "reset needs --consumer, --topic, --partition and --to");
	if (strcmp(o->partition, "all") == 0)
		*partition = ALL_PARTITIONS;
	else if (!str_to_i64(str_of(o->partition), partition) || *partition < 0)
		return ctl_usage(err, "--partition: %s is neither a number nor all", o->partition);
	if (strcmp(o->to, "beginning") == 0)
		*to = PROGRESS_NO_OFFSET;
	else if (!str_to_i64(str_of(o->to), to) || *to < 0)
		return ctl_usage(err, "--to: %s is not an offset", o->to);
	return 0;
}

static int rows_reset(struct pg *pg, const struct progress_options *o, const struct progress_info *rows, size_t n,
	int64_t partition, int64_t to, size_t *count, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].topic, o->topic) != 0 ||
			(partition != ALL_PARTITIONS && rows[i].partition != partition))
			continue;
		++*count;
		if (o->yes && store_progress_reset(pg, o->consumer, o->topic, rows[i].partition, to, err) < 0)
			return -1;
	}
	return *count > 0
		? 0
		: err_set(err, ERR_INPUT, "progress", "%s has no such partition of %s", o->consumer, o->topic);
}

static int reset(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct progress_options *o = options;
	struct progress_info *rows;
	size_t n, count = 0;
	int64_t partition = 0, to = 0;
	struct pg *pg;
	int rc;

	(void)arguments;
	if (target_parse(o, &partition, &to, err) < 0 || ctl_pg_ops(ctl, &pg, err) < 0 ||
		store_progress_list(pg, o->consumer, &rows, &n, err) < 0)
		return -1;
	rc = rows_reset(pg, o, rows, n, partition, to, &count, err);
	free(rows);
	if (rc < 0)
		return -1;
	if (ctl->json)
		printf("{\"partitions\":%zu,\"done\":%s}\n", count, o->yes ? "true" : "false");
	else
		printf(o->yes ? "%zu partitions of %s moved\n" : "%zu partitions of %s would move; --yes does it\n",
			count, o->topic);
	return 0;
}

const struct command progress_commands[] = {
	{ "progress", "show", NULL, 0, 0, show_rows, sizeof(struct progress_options),
		"shows next offset, lag and outcomes of the records, by partition", show },
	{ "progress", "reset", NULL, 0, 0, reset_rows, sizeof(struct progress_options),
		"moves a consumer's offset; a running owner is fenced and acquires the partition again", reset },
	{ 0 },
};
