/* Finding dead letters. Invariant: reading them commits no offset. */
#include "dead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
	int64_t from, to;
};

struct dead_scan {
	const struct dead_filter *filter;
	struct range partitions, offsets;
	int (*each)(void *ctx, const struct dead_letter *d, struct err *err);
	void *ctx;
	bool stopped;
};

static int number_read(const char *name, const char *text, int64_t otherwise, int64_t *out, struct err *err)
{
	*out = otherwise;
	if (text && (!str_to_i64(str_of(text), out) || *out < 0))
		return ctl_usage(err, "--%s: %s is not a number", name, text);
	return 0;
}

static int scan_init(struct dead_scan *s, struct err *err)
{
	const struct dead_filter *f = s->filter;
	struct uuid id;

	if ((f->workspace && ctl_uuid("--workspace", f->workspace, &id, err) < 0) ||
		(f->account && ctl_uuid("--account", f->account, &id, err) < 0) ||
		number_read("partition", f->partition, 0, &s->partitions.from, err) < 0 ||
		number_read("from", f->from, 0, &s->offsets.from, err) < 0 ||
		number_read("to", f->to, INT64_MAX, &s->offsets.to, err) < 0)
		return -1;
	s->partitions.to = f->partition ? s->partitions.from : INT32_MAX;
	return 0;
}

static bool in_range(int64_t v, const struct range *r)
{
	return v >= r->from && v <= r->to;
}

/* An absent filter matches any. Public ids are compared in lower case, as in keys. */
static bool fits(const char *want, struct str have)
{
	return !want || (have.p && strlen(want) == have.n && strncasecmp(want, have.p, have.n) == 0);
}

static bool is_meant(const struct dead_scan *s, const struct dead_letter *d)
{
	const struct dead_filter *f = s->filter;
	int64_t at = d->message->timestamp_ms;

	return in_range(d->message->partition, &s->partitions) && in_range(d->message->offset, &s->offsets) &&
		fits(f->reason, d->reason) && fits(f->workspace, d->workspace) && fits(f->account, d->account) &&
		(!f->since_ms || at >= f->since_ms) && (!f->until_ms || at <= f->until_ms);
}

static struct str uuid_only(struct str s)
{
	struct uuid id;

	return uuid_parse(s, &id) ? s : STR_NONE;
}

/* The consumer that rejected the record, from its header, else from the topic's name:
 * "<prefix>.<name>.v1.<consumer>.dlq". */
static struct str consumer_of(const struct kafka_message *m, const char *topic)
{
	struct str group = kafka_message_header(m, "__dlq.errors.group"), name = str_of(topic);
	size_t end = name.n - strlen(".dlq"), from = end;

	if (group.n > 0)
		return group;
	while (from > 0 && name.p[from - 1] != '.')
		from--;
	return str_slice(name, from, end);
}

struct dead_letter dead_letter_of(const struct kafka_message *m, const char *topic)
{
	struct str first = kafka_message_header(m, "x-dlq-first-topic"), workspace, account;

	str_cut(m->key, ':', &workspace, &account);
	return (struct dead_letter){
		.dlq_topic = topic,
		.message = m,
		.topic = first.n > 0 ? first : kafka_message_header(m, "__dlq.errors.topic"),
		.consumer = consumer_of(m, topic),
		.reason = kafka_message_header(m, "x-dlq-reason"),
		.code = kafka_message_header(m, "x-dlq-code"),
		.text = kafka_message_header(m, "__dlq.errors.message"),
		.workspace = uuid_only(workspace),
		.account = uuid_only(account),
		.retryable = str_is(kafka_message_header(m, "x-dlq-retryable"), "true"),
	};
}

static int topic_scan(struct dead_scan *s, struct ctl *ctl, const char *topic, struct err *err)
{
	struct kafka_message m = { 0 };
	struct kafka_reader *r;
	int rc = 0;

	if (kafka_reader_open(&r, ctl->kafka, topic, CTL_TIMEOUT_MS, err) < 0)
		return -1;
	while (!s->stopped && (rc = kafka_reader_next(r, CTL_TIMEOUT_MS, &m, err)) == 1) {
		struct dead_letter d = dead_letter_of(&m, topic);

		rc = is_meant(s, &d) ? s->each(s->ctx, &d, err) : 0;
		kafka_message_release(&m);
		s->stopped = rc != 0;
		if (rc < 0)
			break;
	}
	kafka_reader_close(&r);
	return s->stopped && rc > 0 ? 0 : rc;
}

static int topics_scan(struct dead_scan *s, struct ctl *ctl, struct err *err)
{
	struct kafka_topic_info *topics;
	struct kafka_admin *admin;
	char prefix[TOPIC_NAME_MAX];
	size_t n;
	int rc = 0;

	snprintf(prefix, sizeof(prefix), "%s.", ctl->settings.topic_prefix);
	if (ctl_kafka_admin(ctl, &admin, err) < 0 ||
		kafka_admin_list(admin, prefix, false, CTL_TIMEOUT_MS, &topics, &n, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && !s->stopped && i < n; i++)
		if (str_ends(str_of(topics[i].name), STR(".dlq")))
			rc = topic_scan(s, ctl, topics[i].name, err);
	free(topics);
	return rc;
}

int dead_letters_each(struct ctl *ctl, const struct dead_filter *filter,
	int (*each)(void *ctx, const struct dead_letter *d, struct err *err), void *ctx, struct err *err)
{
	struct dead_scan s = { .filter = filter, .each = each, .ctx = ctx };
	const struct kafka_config *kafka;

	if (scan_init(&s, err) < 0 || ctl_kafka(ctl, &kafka, err) < 0)
		return -1;
	if (!filter->topic)
		return topics_scan(&s, ctl, err);
	if (!str_ends(str_of(filter->topic), STR(".dlq")))
		return ctl_usage(err, "%s is no dead-letter topic", filter->topic);
	return topic_scan(&s, ctl, filter->topic, err);
}

bool dead_is_posted(const struct dead_letter *d)
{
	return str_ends(str_of(d->dlq_topic), STR(".ingest.dlq"));
}
