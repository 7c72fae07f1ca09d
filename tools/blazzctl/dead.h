/* Finding dead letters and reading their headers (proto/README.md lists them). */
#ifndef DEAD_H
#define DEAD_H

#include "ctl.h"
#include "kafka/reader.h"
#include "kafka/topics.h"
#include "json/writer.h"

/* Which dead letters to select; every dlq command fills it from the same options. 0 and NULL: any. */
struct dead_filter {
	const char *topic, *reason, *workspace, *account;
	int64_t since_ms, until_ms;
	const char *partition, *from, *to; /* numbers; from and to are offsets, both inclusive */
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
	struct str topic;     /* the original topic */
	struct str consumer;  /* that rejected it */
	struct str reason, code, text;
	struct str workspace, account; /* absent when the key names none */
	bool retryable;
};

/* Calls each() for the dead letters, topic by topic in order of names. It returns 0 to continue, 1 to stop, -1 with
 * err. */
int dead_letters_each(struct ctl *ctl, const struct dead_filter *filter,
	int (*each)(void *ctx, const struct dead_letter *d, struct err *err), void *ctx, struct err *err) ERR_MUST_USE;

/* Reads a record of the topic; borrows from both. */
struct dead_letter dead_letter_of(const struct kafka_message *m, const char *topic);
/* Whether ingest wrote it: a posted body, not a record. */
bool dead_is_posted(const struct dead_letter *d);

/* dead_show.c: one JSON object, with the headers and the event. */
void dead_letter_write(struct json_writer *w, const struct dead_letter *d);

/* dead_replay.c: the record that replays it, for the consumer that rejected it only. Borrows from d and replay_id.
 * ERR_INPUT when its headers lack the original topic. */
#define DEAD_HEADERS_MAX 48
struct replay_record {
	struct kafka_record record;
	struct header headers[DEAD_HEADERS_MAX];
	char topic[TOPIC_NAME_MAX], count[24];
};
int replay_record_make(struct replay_record *out, const struct dead_letter *d, const char *replay_id,
	struct err *err) ERR_MUST_USE;

/* Replays dead letters one by one. */
struct dead_replay;
struct dead_replay_options {
	const char *url, *secret_file; /* of ingest, for posted bodies */
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
