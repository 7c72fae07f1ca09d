/* The table of topics as data. Invariant: partition counts never change once topics exist, keys would move. */
#include "kafka/topics.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS          ((int64_t)24 * 3600 * 1000)
#define BYTES           (1024 * 1024)
#define BYTES_DEAD      (TOPIC_DEAD_LETTER_MAX_BYTES + 256 * 1024) /* room for headers and the batch around the record */
#define DEAD_DAYS       30
#define DEAD_PARTITIONS 6

/* answers: somebody outside is told "accepted" on the strength of the acknowledgement, so it must be on disk. */
static const struct {
	const char *name;
	int partitions;
	int days;
	bool answers;
} topics[] = {
	{ TOPIC_INBOUND, 24, 7, true },
	{ TOPIC_CHAT_EVENT, 24, 7, false }, /* the replay log */
	{ TOPIC_OUTBOUND, 24, 3, true },
	{ TOPIC_CAMPAIGN_COMMAND, 6, 3, true },
};

static const struct {
	const char *name, *consumer;
	bool answers;
} dead_letters[] = {
	{ TOPIC_INBOUND, "chat-sync", false },
	{ TOPIC_CHAT_EVENT, "webhook-dispatcher", false },
	{ TOPIC_CHAT_EVENT, "gateway", false },
	{ TOPIC_CHAT_EVENT, "campaign-sender", false },
	{ TOPIC_OUTBOUND, "campaign-sender", false },
	{ TOPIC_CAMPAIGN_COMMAND, "campaign-sender", false },
	{ TOPIC_HTTP, "ingest", true },
};

#define TOPICS_COUNT       (sizeof(topics) / sizeof(topics[0]))
#define DEAD_LETTERS_COUNT (sizeof(dead_letters) / sizeof(dead_letters[0]))
_Static_assert(TOPICS_COUNT + DEAD_LETTERS_COUNT <= TOPICS_MAX, "TOPICS_MAX is too small");
_Static_assert(TOPIC_NAME_MAX == sizeof(((struct kafka_topic_spec *)0)->name), "one size for names");

static bool name_valid(const char *name, int n, size_t cap)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return n > 0 && (size_t)n < cap && strspn(name, allowed) == (size_t)n && name[0] != '.';
}

int topic_name(char *out, size_t cap, const char *prefix, const char *short_name)
{
	char name[TOPIC_NAME_MAX];
	int n = snprintf(name, sizeof(name), "%s.%s.v1", prefix, short_name);

	if (!name_valid(name, n, sizeof(name)) || (size_t)n >= cap)
		return -1;
	memcpy(out, name, (size_t)n + 1);
	return 0;
}

int topic_dlq_name(char *out, size_t cap, const char *prefix, const char *short_name, const char *consumer)
{
	char name[TOPIC_NAME_MAX];
	int n = snprintf(name, sizeof(name), "%s.%s.v1.%s.dlq", prefix, short_name, consumer);

	if (!name_valid(name, n, sizeof(name)) || (size_t)n >= cap)
		return -1;
	memcpy(out, name, (size_t)n + 1);
	return 0;
}

static struct kafka_topic_spec spec_of(const struct topics_options *o, int partitions, int days, int64_t max_bytes,
	bool answers)
{
	return (struct kafka_topic_spec){
		.partitions = o->partitions ? o->partitions : partitions,
		.replication = o->replication,
		.retention_ms = days * DAY_MS,
		.max_message_bytes = max_bytes,
		.flush_every_message = o->flush && answers,
	};
}

int topics_specs(const struct topics_options *o, struct kafka_topic_spec out[static TOPICS_MAX], size_t *n,
	struct err *err)
{
	struct kafka_topic_spec specs[TOPICS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < TOPICS_COUNT; i++, count++) {
		specs[count] = spec_of(o, topics[i].partitions, topics[i].days, BYTES, topics[i].answers);
		if (topic_name(specs[count].name, TOPIC_NAME_MAX, o->prefix, topics[i].name) < 0)
			return err_set(err, ERR_INPUT, "prefix", "\"%s\" cannot begin the name of a topic", o->prefix);
	}
	for (size_t i = 0; i < DEAD_LETTERS_COUNT; i++, count++) {
		specs[count] = spec_of(o, DEAD_PARTITIONS, DEAD_DAYS, BYTES_DEAD, dead_letters[i].answers);
		if (topic_dlq_name(specs[count].name, TOPIC_NAME_MAX, o->prefix, dead_letters[i].name,
			    dead_letters[i].consumer) < 0)
			return err_set(err, ERR_INPUT, "prefix", "\"%s\" cannot begin the name of a topic", o->prefix);
	}
	memcpy(out, specs, count * sizeof(*out));
	*n = count;
	return 0;
}
