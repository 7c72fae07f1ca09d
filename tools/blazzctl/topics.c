/* blazzctl topics: creating and listing the topics that Blazz needs. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"

struct create_options {
	int64_t partitions, replication;
	bool flush;
};

static const struct option_row create_rows[] = {
	{ "partitions", OPTION_NUMBER, offsetof(struct create_options, partitions), "N",
		"for every topic; default: 24 or 6, depending on the topic" },
	{ "replication", OPTION_NUMBER, offsetof(struct create_options, replication), "N", "default: the broker's" },
	{ "flush", OPTION_FLAG, offsetof(struct create_options, flush), NULL,
		"with one broker only: flush to disk before acknowledging" },
	{ 0 },
};

static int create(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct create_options *o = options;
	struct topics_options what = { .partitions = (int)o->partitions,
		.replication = o->replication ? (int)o->replication : -1,
		.flush = o->flush };
	struct kafka_topic_spec specs[TOPICS_COUNT];
	struct kafka_admin *admin;
	size_t created;

	(void)arguments;
	if (o->partitions > 10000 || o->replication > 100)
		return ctl_usage(err, "too many partitions or replicas");
	topics_specs(&ctl->topics, &what, specs);
	if (ctl_kafka_admin(ctl, &admin, err) < 0 ||
		kafka_admin_ensure(admin, specs, TOPICS_COUNT, CTL_TIMEOUT_MS, &created, err) < 0)
		return -1;
	if (ctl->json)
		printf("{\"topics\":%d,\"created\":%zu}\n", TOPICS_COUNT, created);
	else
		printf("%d topics, %zu of them new\n", TOPICS_COUNT, created);
	return 0;
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "topic", "partitions", "replication", "records", NULL };
	struct kafka_topic_info *topics;
	struct kafka_admin *admin;
	char prefix[TOPIC_NAME_MAX];
	struct table *t;
	size_t n;

	(void)options;
	(void)arguments;
	snprintf(prefix, sizeof(prefix), "%s.", ctl->settings.topic_prefix);
	if (ctl_kafka_admin(ctl, &admin, err) < 0 ||
		kafka_admin_list(admin, prefix, true, CTL_TIMEOUT_MS, &topics, &n, err) < 0)
		return -1;
	t = table_new(columns);
	for (size_t i = 0; i < n; i++) {
		table_text(t, str_of(topics[i].name));
		table_i64(t, topics[i].partitions);
		table_i64(t, topics[i].replication);
		table_i64(t, topics[i].messages);
	}
	table_print(t, ctl->json);
	table_free(t);
	free(topics);
	return 0;
}

static int offsets(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "cluster", "topic", "partition", "low", "high", "retention_ms", NULL };
	struct kafka_offsets *rows;
	struct kafka_admin *admin;
	char prefix[TOPIC_NAME_MAX], cluster[64];
	struct table *t;
	size_t n;

	(void)options;
	(void)arguments;
	snprintf(prefix, sizeof(prefix), "%s.", ctl->settings.topic_prefix);
	if (ctl_kafka_admin(ctl, &admin, err) < 0 || kafka_admin_cluster_id(admin, CTL_TIMEOUT_MS, cluster, err) < 0 ||
		kafka_admin_offsets(admin, prefix, CTL_TIMEOUT_MS, &rows, &n, err) < 0)
		return -1;
	t = table_new(columns);
	for (size_t i = 0; i < n; i++) {
		table_text(t, str_of(cluster));
		table_text(t, str_of(rows[i].topic));
		table_i64(t, rows[i].partition);
		table_i64(t, rows[i].low);
		table_i64(t, rows[i].high);
		if (rows[i].retention_ms < 0)
			table_none(t);
		else
			table_i64(t, rows[i].retention_ms);
	}
	table_print(t, ctl->json);
	table_free(t);
	free(rows);
	return 0;
}

const struct command topics_commands[] = {
	{ "topics", "create", NULL, 0, 0, create_rows, sizeof(struct create_options),
		"creates missing topics; never changes the number of partitions", create },
	{ "topics", "list", NULL, 0, 0, NULL, 0, "lists topics and their number of records", list },
	{ "topics", "offsets", NULL, 0, 0, NULL, 0,
		"shows the cluster's id and, by partition, the first and the next offset, and how long records are kept",
		offsets },
	{ 0 },
};
