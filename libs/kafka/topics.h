/* The topics of Blazz: names, partitions, retention, sizes. The one place that knows them (Source: proto/README.md). */
#ifndef KAFKA_TOPICS_H
#define KAFKA_TOPICS_H

#include "kafka/admin.h"

/* A dead-letter topic is named after the topic of the original record and the consumer that could not process it; dead
 * letters of "http" are bodies that callers posted to ingest, and there is no topic "http". */
enum topic {
	TOPIC_INBOUND,
	/* Same key and partition count as inbound: an account has the same partition number in both. */
	TOPIC_INBOUND_BULK,
	TOPIC_CHAT_EVENT,
	TOPIC_OUTBOUND,
	TOPIC_CAMPAIGN_COMMAND,
	TOPIC_ERASURE,
	TOPIC_INBOUND_CHAT_SYNC_DLQ,
	TOPIC_INBOUND_BULK_CHAT_SYNC_DLQ,
	TOPIC_CHAT_EVENT_WEBHOOK_DISPATCHER_DLQ,
	TOPIC_CHAT_EVENT_GATEWAY_DLQ,
	TOPIC_CHAT_EVENT_CAMPAIGN_SENDER_DLQ,
	TOPIC_OUTBOUND_CAMPAIGN_SENDER_DLQ,
	TOPIC_CAMPAIGN_COMMAND_CAMPAIGN_SENDER_DLQ,
	TOPIC_HTTP_INGEST_DLQ,
	TOPICS_COUNT
};

/* The largest record, headers included; the topics accept more, for Kafka's overhead. Dead-letter topics have a limit
 * of their own. */
#define TOPIC_RECORD_MAX_BYTES      (900 * 1024)
#define TOPIC_DEAD_LETTER_MAX_BYTES (4 * 1024 * 1024)

#define TOPIC_NAME_MAX       200 /* with the NUL, as in struct kafka_topic_spec */
#define TOPIC_PREFIX_MAX_LEN 100

/* Whether Kafka accepts every topic name that begins with the prefix. */
bool topic_prefix_valid(const char *prefix);

/* "<prefix>.<name>.v1", dead letters "<prefix>.<name>.v1.<consumer>.dlq". */
struct topic_names {
	char of[TOPICS_COUNT][TOPIC_NAME_MAX];
};
/* The prefix must be valid. */
void topic_names_make(struct topic_names *out, const char *prefix);

struct topics_options {
	int partitions; /* for every topic, for tests and small machines; 0: each topic's own count */
	int replication; /* -1: the broker's default */
	/* For one broker without replicas: Kafka writes records to disk before it acknowledges them, on topics whose
	 * acknowledgement a service turns into an HTTP answer, and on the ledger of erasures. */
	bool flush;
};

void topics_specs(const struct topic_names *names, const struct topics_options *options,
	struct kafka_topic_spec out[static TOPICS_COUNT]);

#endif
