/* blazzctl progress rekey: Blazz goes on with new topics, under another prefix, that have another number of partitions.
 *
 * Nothing of the old topics may be needed any more: all of their records are consumed, and rows of the retry queue that
 * wait get their record from chat-event before. Then what is stored by partition is assigned anew, in one transaction. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "ctl.h"
#include "kafka/partition.h"
#include "kafka/reader.h"
#include "store/moves.h"
#include "store/rekey.h"
#include "wire/records.h"

#define REKEY_TIMEOUT_MS (60 * 60 * 1000) /* of each statement: it changes every row of the retry queue */
#define PARTITIONS_MAX   10000
#define BATCH            500 /* records that one transaction stores */

struct rekey_options {
	int64_t partitions;
	const char *prefix;
	bool yes;
};

static const struct option_row rekey_rows[] = {
	{ "partitions", OPTION_NUMBER, offsetof(struct rekey_options, partitions), "N",
		"of each of the new topics, as they were created" },
	{ "prefix", OPTION_TEXT, offsetof(struct rekey_options, prefix), "PREFIX",
		"that of the new topics; the settings still have the old one" },
	{ "yes", OPTION_FLAG, offsetof(struct rekey_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 },
};

/* The topics whose partitions are stored. Dead-letter topics have none. */
static const enum topic kinds[] = { TOPIC_INBOUND, TOPIC_INBOUND_BULK, TOPIC_CHAT_EVENT, TOPIC_OUTBOUND,
	TOPIC_CAMPAIGN_COMMAND };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct rekeying {
	struct pg *pg;
	const struct kafka_config *kafka;
	const struct rekey_options *options;
	const char *from[KINDS], *to[KINDS]; /* topics */
	const char *events; /* chat-event of the old ones */
	struct rekey_partition *old; /* the partitions of the old topics */
	size_t n_old, cap_old;
	struct rekey_row *rows; /* of the retry queue, without their record */
	size_t n_rows, cap_rows;
	int64_t loaded;
};

/* Topics */

static int old_read(struct rekeying *r, const char *topic, struct err *err)
{
	const struct kafka_range *ranges;
	struct kafka_reader *reader = NULL;
	size_t n;

	if (kafka_reader_open(&reader, r->kafka, topic, CTL_TIMEOUT_MS, err) < 0)
		return -1;
	ranges = kafka_reader_ranges(reader, &n);
	for (size_t i = 0; i < n; i++) {
		if (r->n_old == r->cap_old)
			r->old = vec_grow(r->old, r->n_old, &r->cap_old, sizeof(*r->old));
		r->old[r->n_old++] =
			(struct rekey_partition){ topic, ranges[i].partition, ranges[i].low, ranges[i].high };
	}
	kafka_reader_close(&reader);
	return 0;
}

static int new_check(struct rekeying *r, const char *topic, struct err *err)
{
	const struct kafka_range *ranges;
	struct kafka_reader *reader = NULL;
	size_t n;
	int rc = 0;

	if (kafka_reader_open(&reader, r->kafka, topic, CTL_TIMEOUT_MS, err) < 0)
		return -1;
	ranges = kafka_reader_ranges(reader, &n);
	if ((int64_t)n != r->options->partitions)
		rc = err_set(err, ERR_INPUT, "partitions", "%s has %zu partitions", topic, n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (ranges[i].high > 0)
			rc = err_set(err, ERR_INPUT, "records", "%s has records already", topic);
	kafka_reader_close(&reader);
	return rc;
}

/* Records of rows that wait */

static void row_keep(void *ctx, const struct rekey_row *row)
{
	struct rekeying *r = ctx;

	if (r->n_rows == r->cap_rows)
		r->rows = vec_grow(r->rows, r->n_rows, &r->cap_rows, sizeof(*r->rows));
	r->rows[r->n_rows++] = *row;
}

/* The rows of one partition are adjacent, in order of their offsets. */
struct loading {
	struct rekeying *r;
	struct kafka_reader *reader;
	struct rekey_row batch[BATCH];
	struct buf records[BATCH];
	size_t n;
	size_t *next, *end; /* by partition: the row whose record comes next */
};

static int batch_store(struct loading *l, struct err *err)
{
	int rc = store_rekey_load(l->r->pg, l->batch, l->n, err);

	for (size_t i = 0; i < l->n; i++)
		buf_fini(&l->records[i]);
	l->r->loaded += rc == 0 ? (int64_t)l->n : 0;
	l->n = 0;
	return rc;
}

static int row_load(struct loading *l, const struct rekey_row *row, const struct kafka_message *m, struct err *err)
{
	size_t headers = m->headers_count < RECORD_HEADERS_MAX ? m->headers_count : RECORD_HEADERS_MAX;

	l->batch[l->n] = *row;
	l->records[l->n] = (struct buf)BUF_INIT;
	records_add(&l->records[l->n], STR("chat-event"), m->key, m->value, m->headers, headers);
	l->batch[l->n].record = buf_str(&l->records[l->n]);
	return ++l->n == BATCH ? batch_store(l, err) : 0;
}

/* Several endpoints may wait for one record. */
static int message_load(struct loading *l, const struct kafka_message *m, struct err *err)
{
	size_t *at = &l->next[m->partition], end = l->end[m->partition];

	for (; *at < end && l->r->rows[*at].offset <= m->offset; ++*at)
		if (l->r->rows[*at].offset == m->offset && row_load(l, &l->r->rows[*at], m, err) < 0)
			return -1;
	return 0;
}

/* Each partition is read from the first record that is needed; one without, not at all. */
static void loading_place(struct loading *l, const struct kafka_range *ranges, size_t n)
{
	size_t at = 0;

	for (size_t p = 0; p < n; p++) {
		for (l->next[p] = at; at < l->r->n_rows && l->r->rows[at].partition == (int32_t)p; at++)
			continue;
		l->end[p] = at;
		if (l->next[p] == at)
			kafka_reader_start_at(l->reader, (int32_t)p, ranges[p].high);
		else if (l->r->rows[l->next[p]].offset > ranges[p].low)
			kafka_reader_start_at(l->reader, (int32_t)p, l->r->rows[l->next[p]].offset);
	}
}

/* Rows whose record retention has removed stay without it: their deliveries fail, as they would have before. */
static int records_load(struct rekeying *r, struct err *err)
{
	struct loading *l = mem_calloc(1, sizeof(*l));
	const struct kafka_range *ranges;
	struct kafka_message m;
	int rc = -1;
	size_t n;

	l->r = r;
	if (kafka_reader_open(&l->reader, r->kafka, r->events, CTL_TIMEOUT_MS, err) < 0)
		goto out;
	ranges = kafka_reader_ranges(l->reader, &n);
	l->next = mem_calloc(n + 1, sizeof(*l->next));
	l->end = mem_calloc(n + 1, sizeof(*l->end));
	loading_place(l, ranges, n);
	while ((rc = kafka_reader_next(l->reader, CTL_TIMEOUT_MS, &m, err)) == 1) {
		rc = message_load(l, &m, err);
		kafka_message_release(&m);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		rc = batch_store(l, err);
out:
	for (size_t i = 0; i < l->n; i++)
		buf_fini(&l->records[i]);
	kafka_reader_close(&l->reader);
	free(l->next);
	free(l->end);
	free(l);
	return rc;
}

/* Rows */

static int32_t key_partition(const struct rekey_key *k, int32_t partitions)
{
	char workspace[37], name[37], key[2 * 37];
	int n;

	uuid_format(&k->workspace, workspace);
	uuid_format(&k->name, name);
	n = snprintf(key, sizeof(key), "%s:%s", workspace, name);
	return kafka_partition_of((struct str){ key, (size_t)n }, partitions);
}

static int rows_change(struct rekeying *r, struct rekeyed *done, struct err *err)
{
	struct rekey what = {
		.from = r->from, .to = r->to, .n_topics = KINDS, .partitions = (int32_t)r->options->partitions
	};
	struct rekey_key *keys = NULL;
	int rc;

	if (store_rekey_keys(r->pg, &keys, &what.n_keys, err) < 0)
		return -1;
	for (size_t i = 0; i < what.n_keys; i++)
		keys[i].partition = key_partition(&keys[i], what.partitions);
	what.keys = keys;
	rc = store_rekey_apply(r->pg, &what, done, err);
	free(keys);
	return rc;
}

static int all_check(struct rekeying *r, struct err *err)
{
	if (store_move_check_idle(r->pg, err) < 0)
		return -1;
	return store_rekey_check(r->pg, r->old, r->n_old, err);
}

/* The records are stored before the transaction that moves rows away from the topic that has them. */
static int rekey_run(struct rekeying *r, struct rekeyed *done, struct err *err)
{
	int rc = -1;

	if (all_check(r, err) < 0 || store_rekey_unloaded(r->pg, row_keep, r, err) < 0 ||
		(r->options->yes && r->n_rows > 0 && records_load(r, err) < 0))
		return -1;
	if (pg_begin(r->pg, err) == 0 && store_move_begin(r->pg, err) == 0 && all_check(r, err) == 0 &&
		rows_change(r, done, err) == 0)
		rc = r->options->yes ? pg_commit(r->pg, err) : 0;
	pg_rollback(r->pg);
	return rc;
}

static int topics_read(struct rekeying *r, const struct topic_names *old, const struct topic_names *fresh,
	struct err *err)
{
	for (size_t i = 0; i < KINDS; i++) {
		r->from[i] = old->of[kinds[i]];
		r->to[i] = fresh->of[kinds[i]];
		if (old_read(r, r->from[i], err) < 0 || new_check(r, r->to[i], err) < 0)
			return -1;
	}
	r->events = old->of[TOPIC_CHAT_EVENT];
	return 0;
}

static void rekeyed_print(const struct ctl *ctl, const struct rekeying *r, const struct rekeyed *d)
{
	bool done = r->options->yes;

	if (ctl->json)
		printf("{\"parked\":%lld,\"campaigns\":%lld,\"segments\":%lld,\"lanes\":%lld,\"retries\":%lld,"
		       "\"loaded\":%lld,\"done\":%s}\n",
			(long long)d->parked, (long long)d->campaigns, (long long)d->segments, (long long)d->lanes,
			(long long)d->retries, (long long)(done ? r->loaded : (int64_t)r->n_rows),
			done ? "true" : "false");
	else
		printf("%s %lld partitions: %lld parked updates, %lld campaigns, %lld segments, %lld lanes, %lld deliveries of "
		       "the retry queue%s\n",
			done ? "assigned to" : "would be assigned to", (long long)r->options->partitions,
			(long long)d->parked, (long long)d->campaigns, (long long)d->segments, (long long)d->lanes,
			(long long)d->retries, done ? "" : "; --yes does it");
}

static int options_check(const struct ctl *ctl, const struct rekey_options *o, struct err *err)
{
	if (o->partitions < 1 || o->partitions > PARTITIONS_MAX)
		return ctl_usage(err, "--partitions is 1 to %d", PARTITIONS_MAX);
	if (!o->prefix || !topic_prefix_valid(o->prefix))
		return ctl_usage(err, "--prefix is the first part of the new topics' names");
	if (strcmp(o->prefix, ctl->settings.topic_prefix) == 0)
		return ctl_usage(err, "--prefix is that of the settings: the new topics need another one");
	return 0;
}

static int rekey(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct rekeying r = { .options = options };
	struct rekeyed done = { 0 };
	struct topic_names fresh;
	int rc = -1;

	(void)arguments;
	if (options_check(ctl, options, err) < 0)
		return -1;
	topic_names_make(&fresh, r.options->prefix);
	ctl->statement_timeout_ms = REKEY_TIMEOUT_MS;
	if (ctl_kafka(ctl, &r.kafka, err) == 0 && ctl_pg_ops(ctl, &r.pg, err) == 0 &&
		topics_read(&r, &ctl->topics, &fresh, err) == 0 && rekey_run(&r, &done, err) == 0) {
		rekeyed_print(ctl, &r, &done);
		rc = 0;
	}
	free(r.old);
	free(r.rows);
	return rc;
}

const struct command progress_rekey_commands[] = {
	{ "progress", "rekey", NULL, 0, 0, rekey_rows, sizeof(struct rekey_options),
		"assigns everything that is stored by partition to new topics with another number of partitions",
		rekey },
	{ 0 },
};
