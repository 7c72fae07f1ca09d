/* blazzctl events: prints the topic chat-event as a consumer inside Blazz sees it. Invariant: without --all each event
 * is printed once. */
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "ctl.h"
#include "kafka/reader.h"
#include "kafka/topics.h"
#include "terminal.h"
#include "wire/chat_event.h"
#include "wire/reveal.h"
#include "wire/source_marks.h"
#include "json/writer.h"

struct events_options {
	const char *workspace, *type;
	int64_t since_ms, limit;
	bool follow, all;
};

static const struct option_row rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct events_options, workspace), "UUID",
		"only events of this workspace" },
	{ "type", OPTION_TEXT, offsetof(struct events_options, type), "TYPE",
		"message.created, or the first part of a type: message" },
	{ "since", OPTION_TIME, offsetof(struct events_options, since_ms), "TIME",
		"2026-01-31T12:00:00Z, or 2h: two hours ago; default: all events" },
	{ "limit", OPTION_NUMBER, offsetof(struct events_options, limit), "N", "print at most N events" },
	{ "follow", OPTION_FLAG, offsetof(struct events_options, follow), NULL,
		"continue with new events, also after errors that pass" },
	{ "all", OPTION_FLAG, offsetof(struct events_options, all), NULL,
		"also late events and duplicates, which consumers discard; \"late\": true" },
	{ 0 },
};

struct events {
	const struct events_options *options;
	struct uuid workspace;
	struct source_marks *marks;
	struct arena *arena;
	struct buf json;
	struct json_writer writer;
	bool as_list;
	int64_t printed;
};

static bool type_fits(const char *want, struct str have)
{
	struct str prefix = str_of(want);

	return !want || (str_starts(have, prefix) && (have.n == prefix.n || have.p[prefix.n] == '.'));
}

static bool is_meant(const struct events *s, const struct chat_event *e)
{
	char type[CHAT_EVENT_TYPE_SIZE];

	return (uuid_is_nil(&s->workspace) || uuid_eq(&s->workspace, &e->workspace)) &&
		type_fits(s->options->type, chat_event_full_type(e, type));
}

static void event_write(struct events *s, const struct kafka_message *m, bool late)
{
	struct json_writer *w = &s->writer;
	char time[25];

	clock_format_ms(m->timestamp_ms, time);
	jw_obj(w);
	jw_member_i64(w, "partition", m->partition);
	jw_member_i64(w, "offset", m->offset);
	jw_member_str(w, "time", str_of(time));
	if (late)
		jw_member_bool(w, "late", true);
	jw_key(w, "event");
	(void)reveal_chat_event(w, m->value);
	jw_obj_end(w);
	s->printed++;
	if (s->as_list)
		return;
	buf_add_char(&s->json, '\n');
	terminal_print_json(stdout, buf_str(&s->json));
	fflush(stdout);
	buf_clear(&s->json);
	s->writer = json_writer(&s->json);
}

static void event_take(struct events *s, const struct kafka_message *m)
{
	bool replayed = kafka_message_header(m, "x-replay-id").p != NULL, late;
	struct chat_event e;
	struct err err;

	arena_reset(s->arena);
	if (chat_event_decode(&e, m->value, s->arena, &err) < 0) {
		fprintf(stderr, "blazzctl: partition %d, offset %lld: ", (int)m->partition, (long long)m->offset);
		terminal_print(stderr, str_of(err.msg));
		putc('\n', stderr);
		return;
	}
	late = source_is_late(s->marks, m->partition, &e.source, replayed);
	if ((!late || s->options->all) && is_meant(s, &e))
		event_write(s, m, late);
}

static int events_read(struct events *s, struct kafka_reader *r, struct err *err)
{
	struct kafka_message m = { 0 };
	int rc = 0;

	while (!s->options->limit || s->printed < s->options->limit) {
		rc = kafka_reader_next(r, CTL_TIMEOUT_MS, &m, err);
		if (rc == 1) {
			event_take(s, &m);
			kafka_message_release(&m);
		} else if (rc == 0 || !s->options->follow || err->kind != ERR_RETRY) {
			return rc;
		}
	}
	return 0;
}

static int events_open(struct ctl *ctl, const struct events_options *o, struct kafka_reader **r, struct err *err)
{
	const struct kafka_config *kafka;

	if (ctl_kafka(ctl, &kafka, err) < 0)
		return -1;
	if (kafka_reader_open(r, kafka, ctl->topics.of[TOPIC_CHAT_EVENT], CTL_TIMEOUT_MS, err) < 0 ||
		(o->since_ms && kafka_reader_since(*r, o->since_ms, CTL_TIMEOUT_MS, err) < 0))
		return -1;
	if (o->follow)
		kafka_reader_follow(*r);
	return 0;
}

/* Prints an object per line; with --json all of them in one array. */
static int events(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct events_options *o = options;
	struct events s = { .options = o, .as_list = ctl->json };
	struct kafka_reader *r = NULL;
	int rc = -1;

	(void)arguments;
	if (o->workspace && ctl_uuid("--workspace", o->workspace, &s.workspace, err) < 0)
		return -1;
	if (ctl->json && o->follow)
		return ctl_usage(err, "--follow cannot be used with --json: the array would never end");
	s.writer = json_writer(&s.json);
	s.marks = source_marks_new();
	s.arena = arena_new(1 << 16);
	if (s.as_list)
		jw_arr(&s.writer);
	if (events_open(ctl, o, &r, err) == 0)
		rc = events_read(&s, r, err);
	if (rc == 0 && s.as_list) {
		jw_arr_end(&s.writer);
		buf_add_char(&s.json, '\n');
		terminal_print_json(stdout, buf_str(&s.json));
	}
	kafka_reader_close(&r);
	source_marks_free(s.marks);
	arena_free(s.arena);
	buf_fini(&s.json);
	return rc;
}

const struct command events_commands[] = {
	{ "events", "", NULL, 0, 0, rows, sizeof(struct events_options),
		"prints chat events in order, each once, as consumers see them", events },
	{ 0 },
};
