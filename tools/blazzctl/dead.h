/* Dead letters as blazzctl finds them: which, and what their headers say (proto/README.md lists the headers). */
#ifndef DEAD_H
#define DEAD_H

#include "ctl.h"
#include "kafka/reader.h"
#include "kafka/topics.h"
#include "json/writer.h"

/* Which ones; every dlq command fills it from the same options. 0 and NULL: any. */
struct dead_filter {
	const char *topic, *reason, *workspace, *account;
	int64_t since_ms, until_ms;
	const char *partition, *from, *to; /* numbers; from and to are offsets, both included */
};

/* For a command's option table, whose struct holds the filter as `filter`. */
#define DEAD_FILTER_ROWS(S) \
	{ "topic", OPTION_TEXT, offsetof(S, filter.topic), "TOPIC", "full name; default: all dead-letter topics" }, \
		{ "reason", OPTION_TEXT, offsetof(S, filter.reason), "WORD", "x-dlq-reason" }, \
		{ "workspace", OPTION_TEXT, offsetof(S, filter.workspace), "UUID", "by the key" }, \
		{ "account", OPTION_TEXT, offsetof(S, filter.account), "UUID", "by the key's second half" }, \
		{ "since", OPTION_TIME, offsetof(S, filter.since_ms), "TIME", \
			"2026-01-31T12:00:00Z, or 2h: two hours ago" }, \
		{ "until", OPTION_TIME, offsetof(S, filter.until_ms), "TIME", "the same" }, \
		{ "partition", OPTION_TEXT, offsetof(S, filter.partition), "N", "of the dead-letter topic" }, \
		{ "from", OPTION_TEXT, offsetof(S, filter.from), "OFFSET", "of the dead letter" }, \
		{ "to", OPTION_TEXT, offsetof(S, filter.to), "OFFSET", "the last one" }

struct dead_letter {
	const char *dlq_topic;
	const struct kafka_message *message;
	struct str topic;     /* where it came from first */
	struct str consumer;  /* who gave up */
	struct str reason, code, text;
	struct str workspace, account; /* absent when the key names none */
	bool retryable;
};

/* each returns 0 to go on, 1 to stop, -1 with err. Runs through the topics in order of their names. */
int dead_letters_each(struct ctl *ctl, const struct dead_filter *filter,
	int (*each)(void *ctx, const struct dead_letter *d, struct err *err), void *ctx, struct err *err) ERR_MUST_USE;

/* What a record of the topic says, borrowed from both. */
struct dead_letter dead_letter_of(const struct kafka_message *m, const char *topic);
/* Whether ingest wrote it: a body that was posted, not a record. */
bool dead_is_posted(const struct dead_letter *d);

/* dead_show.c: one JSON object, with the headers and the event. */
void dead_letter_write(struct json_writer *w, const struct dead_letter *d);

/* dead_replay.c: the record that sends it again, for the consumer that gave up. Borrows from d and replay_id. ERR_INPUT when it does
 * not say where it came from. */
#define DEAD_HEADERS_MAX 48
struct dead_record {
	struct kafka_record record;
	struct header headers[DEAD_HEADERS_MAX];
	char topic[TOPIC_NAME_MAX], count[24];
};
int dead_record_make(struct dead_record *out, const struct dead_letter *d, const char *replay_id,
	struct err *err) ERR_MUST_USE;

/* Sends dead letters one by one. */
struct dead_replay;
struct dead_replay_options {
	const char *url, *secret_file; /* of ingest, for what was posted */
	int64_t per_second; /* 0: 200 */
};
int dead_replay_open(struct dead_replay **out, struct ctl *ctl, const struct dead_replay_options *options,
	struct err *err) ERR_MUST_USE;
int dead_replay_one(struct dead_replay *r, const struct dead_letter *d, struct err *err) ERR_MUST_USE;
/* Waits for the acknowledgements. */
int dead_replay_finish(struct dead_replay *r, struct err *err) ERR_MUST_USE;
size_t dead_replay_count(const struct dead_replay *r); /* acknowledged */
const char *dead_replay_id(const struct dead_replay *r);
void dead_replay_close(struct dead_replay **replay);

#endif
