/* The table of topics as data. Invariant: the partition count of a topic that exists never changes, as keys would
 * move. */
#include "kafka/topics.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS     ((int64_t)24 * 3600 * 1000)
#define BYTES      (1024 * 1024)
#define BYTES_DEAD (TOPIC_DEAD_LETTER_MAX_BYTES + 256 * 1024) /* room for headers and the batch around the record */

#define INBOUND_PARTITIONS 24

#define FOR_EVER (-1) /* the topic is compacted: the latest record of each key stays */

/* consumer: of a dead-letter topic, NULL for the others. flushed: the record must be on disk when Kafka acknowledges it,
 * because a service then answers an HTTP request, or because it has to outlive the database. */
static const struct {
	const char *name, *consumer;
	int partitions, days;
	int64_t max_bytes;
	bool flushed;
} topics[TOPICS_COUNT] = {
	[TOPIC_INBOUND] = { "inbound", NULL, INBOUND_PARTITIONS, 7, BYTES, true },
	[TOPIC_INBOUND_BULK] = { "inbound.bulk", NULL, INBOUND_PARTITIONS, 7, BYTES, true },
	[TOPIC_CHAT_EVENT] = { "chat-event", NULL, 24, 7, BYTES, false }, /* the replay log */
	[TOPIC_OUTBOUND] = { "outbound", NULL, 24, 7, BYTES, true },
	[TOPIC_CAMPAIGN_COMMAND] = { "campaign-command", NULL, 6, 7, BYTES, true },
	[TOPIC_ERASURE] = { "erasure", NULL, 6, FOR_EVER, BYTES, true }, /* a ledger that no restore takes back */
	[TOPIC_INBOUND_CHAT_SYNC_DLQ] = { "inbound", "chat-sync", 6, 30, BYTES_DEAD, false },
	[TOPIC_INBOUND_BULK_CHAT_SYNC_DLQ] = { "inbound.bulk", "chat-sync", 6, 30, BYTES_DEAD, false },
	[TOPIC_CHAT_EVENT_WEBHOOK_DISPATCHER_DLQ] = { "chat-event", "webhook-dispatcher", 6, 30, BYTES_DEAD, false },
	[TOPIC_CHAT_EVENT_GATEWAY_DLQ] = { "chat-event", "gateway", 6, 30, BYTES_DEAD, false },
	[TOPIC_CHAT_EVENT_CAMPAIGN_SENDER_DLQ] = { "chat-event", "campaign-sender", 6, 30, BYTES_DEAD, false },
	[TOPIC_OUTBOUND_CAMPAIGN_SENDER_DLQ] = { "outbound", "campaign-sender", 6, 30, BYTES_DEAD, false },
	[TOPIC_CAMPAIGN_COMMAND_CAMPAIGN_SENDER_DLQ] = { "campaign-command", "campaign-sender", 6, 30, BYTES_DEAD,
		false },
	[TOPIC_HTTP_INGEST_DLQ] = { "http", "ingest", 6, 30, BYTES_DEAD, true },
};

_Static_assert(TOPIC_NAME_MAX == sizeof(((struct kafka_topic_spec *)0)->name), "one size for names");

bool topic_prefix_valid(const char *prefix)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(prefix);

	return n > 0 && n <= TOPIC_PREFIX_MAX_LEN && strspn(prefix, allowed) == n && prefix[0] != '.';
}

static void name_make(char out[static TOPIC_NAME_MAX], const char *prefix, const char *name, const char *consumer)
{
	int n = consumer ? snprintf(out, TOPIC_NAME_MAX, "%s.%s.v1.%s.dlq", prefix, name, consumer)
			 : snprintf(out, TOPIC_NAME_MAX, "%s.%s.v1", prefix, name);

	assert(n < TOPIC_NAME_MAX);
}

void topic_names_make(struct topic_names *out, const char *prefix)
{
	assert(topic_prefix_valid(prefix));
	for (size_t i = 0; i < TOPICS_COUNT; i++)
		name_make(out->of[i], prefix, topics[i].name, topics[i].consumer);
}

void topics_specs(const struct topic_names *names, const struct topics_options *o,
	struct kafka_topic_spec out[static TOPICS_COUNT])
{
	for (size_t i = 0; i < TOPICS_COUNT; i++) {
		out[i] = (struct kafka_topic_spec){
			.partitions = o->partitions ? o->partitions : topics[i].partitions,
			.replication = o->replication,
			.retention_ms = topics[i].days == FOR_EVER ? -1 : topics[i].days * DAY_MS,
			.compacted = topics[i].days == FOR_EVER,
			.max_message_bytes = topics[i].max_bytes,
			.flush_every_message = o->flush && topics[i].flushed,
		};
		memcpy(out[i].name, names->of[i], sizeof(out[i].name));
	}
}
