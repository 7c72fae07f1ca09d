/* blazzctl dlq: counting, showing, replaying and purging dead letters. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "dead.h"
#include "terminal.h"

struct dlq_options {
	struct dead_filter filter;
	struct dead_replay_options replay;
	int64_t limit;
	bool yes;
};

static const struct option_row list_rows[] = { DEAD_FILTER_ROWS(struct dlq_options), { 0 } };

static const struct option_row show_rows[] = { DEAD_FILTER_ROWS(struct dlq_options),
	{ "limit", OPTION_NUMBER, offsetof(struct dlq_options, limit), "N", "at most; default 20" }, { 0 } };

static const struct option_row replay_rows[] = { DEAD_FILTER_ROWS(struct dlq_options),
	{ "rate", OPTION_NUMBER, offsetof(struct dlq_options, replay.per_second), "N", "a second; default 200" },
	{ "url", OPTION_TEXT, offsetof(struct dlq_options, replay.url), "URL",
		"of ingest, to post rejected bodies again" },
	{ "secret-file", OPTION_TEXT, offsetof(struct dlq_options, replay.secret_file), "FILE",
		"secret of the account or app, to sign these; - is standard input" },
	{ "yes", OPTION_FLAG, offsetof(struct dlq_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 } };

static const struct option_row purge_rows[] = {
	{ "topic", OPTION_TEXT, offsetof(struct dlq_options, filter.topic), "TOPIC",
		"full name of a dead-letter topic" },
	{ "partition", OPTION_TEXT, offsetof(struct dlq_options, filter.partition), "N", "default: all" },
	{ "to", OPTION_TEXT, offsetof(struct dlq_options, filter.to), "OFFSET",
		"the last one to delete; default: all present" },
	{ "yes", OPTION_FLAG, offsetof(struct dlq_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 },
};

/* Counting by (topic, reason, workspace). */
struct tally {
	struct map *by_group;
	struct arena *arena;
	size_t total;
};

struct group {
	struct str topic, reason, workspace, consumer;
	int64_t records, retryable, oldest_ms, newest_ms;
};

static void tally_init(struct tally *t)
{
	*t = (struct tally){ map_new(), arena_new(4096), 0 };
}

static void tally_fini(struct tally *t)
{
	map_free(t->by_group);
	arena_free(t->arena);
}

static struct group *group_new(struct arena *a, const struct dead_letter *d)
{
	struct group *g = ARENA_NEW(a, struct group);

	g->topic = arena_str(a, str_of(d->dlq_topic));
	g->reason = arena_str(a, d->reason);
	g->workspace = arena_str(a, d->workspace);
	g->consumer = arena_str(a, d->consumer);
	g->oldest_ms = g->newest_ms = d->message->timestamp_ms;
	return g;
}

static void tally_add(struct tally *t, const struct dead_letter *d)
{
	struct str key =
		arena_printf(t->arena, "%s\n%.*s\n%.*s", d->dlq_topic, STR_ARG(d->reason), STR_ARG(d->workspace));
	void **slot = map_slot(t->by_group, key);
	int64_t at = d->message->timestamp_ms;
	struct group *g;

	if (!*slot)
		*slot = group_new(t->arena, d);
	g = *slot;
	g->records++;
	g->retryable += d->retryable;
	g->oldest_ms = at < g->oldest_ms ? at : g->oldest_ms;
	g->newest_ms = at > g->newest_ms ? at : g->newest_ms;
	t->total++;
}

static void tally_print(const struct tally *t, bool as_json)
{
	static const char *const columns[] = { "topic", "consumer", "reason", "workspace", "records", "retryable",
		"oldest", "newest", NULL };
	struct table *table = table_new(columns);
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_group, &i, &key, &value);) {
		const struct group *g = value;

		table_text(table, g->topic);
		table_text(table, g->consumer);
		table_text(table, g->reason);
		table_text(table, g->workspace);
		table_i64(table, g->records);
		table_i64(table, g->retryable);
		table_time_ms(table, g->oldest_ms);
		table_time_ms(table, g->newest_ms);
	}
	table_print(table, as_json);
	table_free(table);
}

static int tally_each(void *ctx, const struct dead_letter *d, struct err *err)
{
	(void)err;
	tally_add(ctx, d);
	return 0;
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct dlq_options *o = options;
	struct tally t;
	int rc;

	(void)arguments;
	tally_init(&t);
	rc = dead_letters_each(ctl, &o->filter, tally_each, &t, err);
	if (rc == 0)
		tally_print(&t, ctl->json);
	tally_fini(&t);
	return rc;
}

struct show {
	int64_t left;
	struct buf json;
	struct json_writer writer;
	bool as_list;
};

static int show_each(void *ctx, const struct dead_letter *d, struct err *err)
{
	struct show *s = ctx;

	(void)err;
	if (s->left-- <= 0)
		return 1;
	dead_letter_write(&s->writer, d);
	if (s->as_list)
		return 0;
	buf_add_char(&s->json, '\n');
	terminal_print_json(stdout, buf_str(&s->json));
	buf_clear(&s->json);
	s->writer = json_writer(&s->json);
	return 0;
}

/* One object per line, for reading and for jq; --json: all of them in one array. */
static int show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct dlq_options *o = options;
	struct show s = { .left = o->limit ? o->limit : 20, .as_list = ctl->json };
	int rc;

	(void)arguments;
	s.writer = json_writer(&s.json);
	if (s.as_list)
		jw_arr(&s.writer);
	rc = dead_letters_each(ctl, &o->filter, show_each, &s, err);
	if (rc == 0 && s.as_list) {
		jw_arr_end(&s.writer);
		buf_add_char(&s.json, '\n');
		terminal_print_json(stdout, buf_str(&s.json));
	}
	buf_fini(&s.json);
	return rc;
}

struct replay {
	struct tally tally;
	struct dead_replay *sender; /* NULL: only count */
};

static int replay_each(void *ctx, const struct dead_letter *d, struct err *err)
{
	struct replay *r = ctx;

	tally_add(&r->tally, d);
	if (!r->sender || dead_replay_one(r->sender, d, err) == 0)
		return 0;
	return err_wrap(err, "%s, partition %d, offset %lld", d->dlq_topic, (int)d->message->partition,
		(long long)d->message->offset);
}

static void replay_report(const struct replay *r, bool as_json)
{
	size_t done = r->sender ? dead_replay_count(r->sender) : 0;

	if (as_json) {
		printf("{\"found\":%zu,\"replayed\":%zu,\"replay_id\":", r->tally.total, done);
		printf(r->sender ? "\"%s\"}\n" : "null}\n", r->sender ? dead_replay_id(r->sender) : "");
		return;
	}
	tally_print(&r->tally, false);
	if (r->sender)
		printf("%zu of %zu replayed, x-replay-id %s\n", done, r->tally.total, dead_replay_id(r->sender));
	else
		printf("%zu would be replayed; --yes does it\n", r->tally.total);
}

static int replay(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct dlq_options *o = options;
	struct replay r = { .sender = NULL };
	int rc = -1;

	(void)arguments;
	if (o->replay.per_second > 1000000)
		return ctl_usage(err, "--rate: at most 1,000,000 per second");
	tally_init(&r.tally);
	if (o->yes && dead_replay_open(&r.sender, ctl, &o->replay, err) < 0)
		goto out;
	rc = dead_letters_each(ctl, &o->filter, replay_each, &r, err);
	if (rc == 0 && r.sender)
		rc = dead_replay_finish(r.sender, err);
	replay_report(&r, ctl->json);
out:
	dead_replay_close(&r.sender);
	tally_fini(&r.tally);
	return rc;
}

static int purge_positions(const struct dlq_options *o, const struct kafka_range *ranges, size_t n,
	struct kafka_position *out, size_t *n_out, int64_t *records, struct err *err)
{
	int64_t partition = -1, to = INT64_MAX;

	if ((o->filter.partition && !str_to_i64(str_of(o->filter.partition), &partition)) ||
		(o->filter.to && (!str_to_i64(str_of(o->filter.to), &to) || to < 0)))
		return ctl_usage(err, "--partition and --to are numbers");
	for (size_t i = 0; i < n; i++) {
		int64_t before = to < ranges[i].high ? to + 1 : ranges[i].high;

		if ((o->filter.partition && ranges[i].partition != partition) || before <= ranges[i].low)
			continue;
		out[(*n_out)++] = (struct kafka_position){ ranges[i].partition, before };
		*records += before - ranges[i].low;
	}
	return 0;
}

static int purge_do(struct ctl *ctl, const struct dlq_options *o, struct kafka_reader *reader, int64_t *records,
	struct err *err)
{
	struct kafka_position *positions = NULL;
	const struct kafka_range *ranges;
	struct kafka_admin *admin;
	size_t n, n_positions = 0;
	int rc = -1;

	ranges = kafka_reader_ranges(reader, &n);
	positions = mem_calloc(n, sizeof(*positions));
	if (purge_positions(o, ranges, n, positions, &n_positions, records, err) < 0)
		goto out;
	if (o->yes && n_positions > 0 &&
		(ctl_kafka_admin(ctl, &admin, err) < 0 ||
			kafka_admin_delete_records(admin, o->filter.topic, positions, n_positions, CTL_TIMEOUT_MS,
				err) < 0))
		goto out;
	rc = 0;
out:
	free(positions);
	return rc;
}

static int purge(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct dlq_options *o = options;
	const struct kafka_config *kafka;
	struct kafka_reader *reader;
	int64_t records = 0;
	int rc;

	(void)arguments;
	if (!o->filter.topic || !str_ends(str_of(o->filter.topic), STR(".dlq")))
		return ctl_usage(err, "purge needs --topic, a dead-letter topic");
	if (ctl_kafka(ctl, &kafka, err) < 0 ||
		kafka_reader_open(&reader, kafka, o->filter.topic, CTL_TIMEOUT_MS, err) < 0)
		return -1;
	rc = purge_do(ctl, o, reader, &records, err);
	kafka_reader_close(&reader);
	if (rc < 0)
		return -1;
	if (ctl->json)
		printf("{\"records\":%lld,\"done\":%s}\n", (long long)records, o->yes ? "true" : "false");
	else
		printf(o->yes ? "%lld deleted from %s\n" : "%lld would be permanently deleted from %s; --yes does it\n",
			(long long)records, o->filter.topic);
	return 0;
}

const struct command dlq_commands[] = {
	{ "dlq", "list", NULL, 0, 0, list_rows, sizeof(struct dlq_options),
		"counts them by topic, reason and workspace", list },
	{ "dlq", "show", NULL, 0, 0, show_rows, sizeof(struct dlq_options),
		"shows each with its headers and its event, as JSON", show },
	{ "dlq", "replay", NULL, 0, 0, replay_rows, sizeof(struct dlq_options),
		"sends them again, only to the consumer that rejected them", replay },
	{ "dlq", "purge", NULL, 0, 0, purge_rows, sizeof(struct dlq_options), "deletes them", purge },
	{ 0 },
};
