/* The topics of Blazz: names, partitions, retention, sizes. The one place that knows them (Source: proto/README.md). */
#ifndef KAFKA_TOPICS_H
#define KAFKA_TOPICS_H

#include "kafka/admin.h"

/* Short names. */
#define TOPIC_INBOUND          "inbound"
#define TOPIC_CHAT_EVENT       "chat-event"
#define TOPIC_OUTBOUND         "outbound"
#define TOPIC_CAMPAIGN_COMMAND "campaign-command"
#define TOPIC_HTTP             "http" /* no topic of its own: where ingest's dead letters come from */

/* No record is larger, headers included; the topics allow more, for what Kafka adds. Dead letters are topics of their own. */
#define TOPIC_RECORD_MAX_BYTES      (900 * 1024)
#define TOPIC_DEAD_LETTER_MAX_BYTES (4 * 1024 * 1024)

#define TOPIC_NAME_MAX 200 /* with the NUL, as in struct kafka_topic_spec */

/* "<prefix>.<name>.v1". 0, or -1 when it does not fit or a part has characters that Kafka refuses in names. */
int topic_name(char *out, size_t cap, const char *prefix, const char *short_name) ERR_MUST_USE;
/* "<prefix>.<name>.v1.<consumer>.dlq": topic_dlq_name(..., TOPIC_HTTP, "ingest") is ingest's own. */
int topic_dlq_name(char *out, size_t cap, const char *prefix, const char *short_name,
	const char *consumer) ERR_MUST_USE;

struct topics_options {
	const char *prefix;
	int partitions; /* for every topic, for tests and small machines; 0: each its own */
	int replication; /* -1: the broker's default */
	bool flush; /* one broker without replicas: fsync before an answer to the outside rests on the acknowledgement */
};

#define TOPICS_MAX 16
/* Every topic, dead letters too. ERR_INPUT for a bad prefix. */
int topics_specs(const struct topics_options *options, struct kafka_topic_spec out[static TOPICS_MAX], size_t *n,
	struct err *err) ERR_MUST_USE;

#endif
