/* blazzctl progress move and forget: what is stored under offsets follows the records to another Kafka cluster; the
 * progress of a consumer that is gone is deleted. Without --yes the same statements run and are rolled back, so that it
 * says exactly what would be changed, or why not. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "copy_map.h"
#include "ctl.h"
#include "kafka/reader.h"
#include "store/moves.h"

#define MOVE_TIMEOUT_MS (60 * 60 * 1000) /* of each statement: it changes every row of the retry queue */

struct move_options {
	const char *map;
	bool yes;
};

static const struct option_row move_rows[] = {
	{ "map", OPTION_TEXT, offsetof(struct move_options, map), "FILE", "that topics copy wrote" },
	{ "yes", OPTION_FLAG, offsetof(struct move_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 },
};

struct forget_options {
	const char *topic;
	bool yes;
};

static const struct option_row forget_rows[] = {
	{ "topic", OPTION_TEXT, offsetof(struct forget_options, topic), "TOPIC", "only its progress there; full name" },
	{ "yes", OPTION_FLAG, offsetof(struct forget_options, yes), NULL,
		"apply it; without --yes it only prints what would be done" },
	{ 0 },
};

/* The old cluster must have no record that is not copied: the copy ended when its producers had stopped. */
static int topic_check(const struct kafka_config *kafka, const struct copy_map *map, const struct copy_topic *t,
	struct err *err)
{
	const struct kafka_range *ranges;
	struct kafka_reader *r = NULL;
	char cluster[64];
	size_t n = 0;
	int rc = -1;

	if (kafka_reader_open(&r, kafka, t->name, CTL_TIMEOUT_MS, err) < 0 ||
		kafka_reader_cluster_id(r, CTL_TIMEOUT_MS, cluster, err) < 0)
		goto out;
	if (strcmp(cluster, map->from) != 0) {
		err_set(err, ERR_INPUT, "cluster",
			"the settings lead to Kafka cluster %s, the map is of a copy from %s: change them after the move",
			cluster, map->from);
		goto out;
	}
	ranges = kafka_reader_ranges(r, &n);
	rc = n == t->n ? 0
		       : err_set(err, ERR_INPUT, "map", "%s has %zu partitions, and %zu in the map", t->name, n, t->n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (ranges[i].high != t->at[i].next)
			rc = err_set(err, ERR_INPUT, "map",
				"%s, partition %zu is copied to offset %lld and ends at %lld: run topics copy again",
				t->name, i, (long long)t->at[i].next, (long long)ranges[i].high);
out:
	kafka_reader_close(&r);
	return rc;
}

static int map_check(struct ctl *ctl, const struct copy_map *map, struct err *err)
{
	const struct kafka_config *kafka;

	if (ctl_kafka(ctl, &kafka, err) < 0)
		return -1;
	for (size_t i = 0; i < map->n; i++)
		if (topic_check(kafka, map, &map->topics[i], err) < 0)
			return -1;
	return 0;
}

/* The partitions of the map under which offsets may be stored. Freed by the caller. */
static struct move_partition *partitions_list(const struct copy_map *map, size_t *n)
{
	struct move_partition *all;
	size_t count = 0;

	for (size_t i = 0; i < map->n; i++)
		count += map->topics[i].n;
	all = mem_calloc(count + 1, sizeof(*all));
	*n = 0;
	for (size_t i = 0; i < map->n; i++)
		for (size_t p = 0; p < map->topics[i].n && !map->topics[i].compacted; p++)
			all[(*n)++] = (struct move_partition){ map->topics[i].name, (int32_t)p,
				map->topics[i].at[p].first, map->topics[i].at[p].next };
	return all;
}

static int rows_move(struct pg *pg, const struct move *m, bool yes, struct moved *moved, struct err *err)
{
	int rc = -1;

	if (pg_begin(pg, err) == 0 && store_move_begin(pg, err) == 0 && store_move_check_idle(pg, err) == 0 &&
		store_move_check_map(pg, m, err) == 0 && store_move_apply(pg, m, moved, err) == 0)
		rc = yes ? pg_commit(pg, err) : 0;
	pg_rollback(pg);
	return rc;
}

static void moved_print(const struct ctl *ctl, const struct copy_map *map, const struct moved *m, bool done)
{
	if (ctl->json) {
		printf("{\"progress\":%lld,\"positions\":%lld,\"retries\":%lld,\"parked\":%lld,\"lost\":%lld,\"done\":%s}\n",
			(long long)m->progress, (long long)m->positions, (long long)m->retries, (long long)m->parked,
			(long long)m->lost, done ? "true" : "false");
		return;
	}
	printf("%s to Kafka cluster %s: %lld rows of progress, %lld positions, %lld deliveries of the retry queue, "
	       "%lld parked updates%s\n",
		done ? "moved" : "would be moved", map->to, (long long)m->progress, (long long)m->positions,
		(long long)m->retries, (long long)m->parked, done ? "" : "; --yes does it");
	if (m->lost > 0)
		printf("endpoints that are behind miss %lld records, which retention removed before they were copied\n",
			(long long)m->lost);
}

static int move(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct move_options *o = options;
	struct move_partition *partitions = NULL;
	struct copy_map map = { 0 };
	struct move m = { .events = ctl->topics.of[TOPIC_CHAT_EVENT] };
	struct moved moved = { 0 };
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (!o->map)
		return ctl_usage(err, "--map is needed");
	ctl->statement_timeout_ms = MOVE_TIMEOUT_MS;
	if (copy_map_read(o->map, false, &map, err) < 0 || ctl_pg_ops(ctl, &pg, err) < 0 ||
		map_check(ctl, &map, err) < 0)
		goto out;
	m.from = map.from;
	m.to = map.to;
	m.partitions = partitions = partitions_list(&map, &m.n);
	rc = rows_move(pg, &m, o->yes, &moved, err);
	if (rc == 0)
		moved_print(ctl, &map, &moved, o->yes);
out:
	free(partitions);
	copy_map_fini(&map);
	return rc;
}

static int forget(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct forget_options *o = options;
	int64_t rows = 0;
	struct pg *pg;
	int rc = -1;

	if (ctl_pg_ops(ctl, &pg, err) < 0)
		return -1;
	if (pg_begin(pg, err) == 0 && store_progress_forget(pg, arguments[0], o->topic, &rows, err) == 0)
		rc = o->yes ? pg_commit(pg, err) : 0;
	pg_rollback(pg);
	if (rc < 0)
		return -1;
	if (ctl->json)
		printf("{\"partitions\":%lld,\"done\":%s}\n", (long long)rows, o->yes ? "true" : "false");
	else
		printf(o->yes ? "%s is forgotten: %lld partitions\n"
			      : "%s would be forgotten: %lld partitions; --yes does it\n",
			arguments[0], (long long)rows);
	return 0;
}

const struct command progress_move_commands[] = {
	{ "progress", "move", NULL, 0, 0, move_rows, sizeof(struct move_options),
		"moves all stored offsets to the Kafka cluster to which the topics were copied", move },
	{ "progress", "forget", "CONSUMER", 1, 1, forget_rows, sizeof(struct forget_options),
		"deletes the progress of a consumer; should it start again, it reads its topics from the beginning",
		forget },
	{ 0 },
};
