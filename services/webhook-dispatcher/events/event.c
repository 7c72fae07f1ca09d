/* Reading and keeping events; see event.h. Invariant: an event is rendered at most once, whatever the number of its deliveries. */
#include "webhook-dispatcher/events/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "webhook-dispatcher/events/render.h"
#include "wire/cloudevents.h"

static int record_read(struct event_record *r, struct arena *a, struct err *err)
{
	struct str only = header_find(r->view.headers, r->view.n_headers, "x-dlq-endpoint");

	r->replayed = header_find(r->view.headers, r->view.n_headers, "x-replay-id").p != NULL;
	if (r->replayed && only.p)
		(void)uuid_parse(only, &r->only);
	return chat_event_decode(&r->event, r->view.value, a, err);
}

int event_read(const struct kafka_message *m, struct arena *a, struct event_record *out, struct err *err)
{
	struct str consumer = kafka_message_header(m, "x-replay-for");

	memset(out, 0, sizeof(*out));
	out->partition = m->partition;
	out->offset = m->offset;
	out->timestamp_ms = m->timestamp_ms;
	out->view.key = m->key;
	out->view.value = m->value;
	out->view.n_headers = m->headers_count < RECORD_HEADERS_MAX ? m->headers_count : RECORD_HEADERS_MAX;
	for (size_t i = 0; i < out->view.n_headers; i++)
		out->view.headers[i] = m->headers[i];
	out->for_others = consumer.p && !str_is(consumer, "webhook-dispatcher");
	return out->for_others ? 0 : record_read(out, a, err);
}

int event_reread(struct str record, int32_t partition, int64_t offset, int64_t timestamp_ms, struct arena *a,
	struct event_record *out, struct err *err)
{
	size_t at = 0;

	memset(out, 0, sizeof(*out));
	out->partition = partition;
	out->offset = offset;
	out->timestamp_ms = timestamp_ms;
	if (records_next(record, &at, &out->view, err) != 1)
		return err_reject(err, DEAD_DECODE, "a row of the retry queue holds no record");
	return record_read(out, a, err);
}

static void traceparent_keep(const struct record_view *v, char *out, size_t cap)
{
	struct str trace = traceparent_check(header_find(v->headers, v->n_headers, "traceparent"));

	if (trace.p)
		snprintf(out, cap, "traceparent: %.*s", STR_ARG(trace));
}

static struct uuid ordering_of(const struct chat_event *e)
{
	if (!uuid_is_nil(&e->conversation))
		return e->conversation;
	if (e->kind == CE_CAMPAIGN)
		return e->u.campaign.campaign;
	return e->kind == CE_ENDPOINT ? e->u.endpoint.endpoint : e->account;
}

struct event *event_keep(const struct event_record *r, bool render)
{
	struct event *e = mem_calloc(1, sizeof(*e));
	char type[CHAT_EVENT_TYPE_SIZE];
	struct str full = chat_event_full_type(&r->event, type);

	e->refs = 1;
	e->partition = r->partition;
	e->offset = r->offset;
	e->timestamp_ms = r->timestamp_ms;
	e->id = r->event.id;
	e->account = r->event.account;
	e->kind = r->event.kind;
	if (e->kind == CE_MESSAGE_CREATED)
		e->message_id = r->event.u.message_created.message.id;
	memcpy(e->type, full.p, full.n < sizeof(e->type) ? full.n : sizeof(e->type) - 1);
	e->ordering = ordering_of(&r->event);
	traceparent_keep(&r->view, e->traceparent, sizeof(e->traceparent));
	e->read_mono_ms = clock_mono_ms();
	TAILQ_INIT(&e->deliveries);
	/* The format needs a topic, which no reader of this record uses: the row has the partition, and dead letters name their own topic. */
	records_add(&e->record, STR("chat-event"), r->view.key, r->view.value, r->view.headers, r->view.n_headers);
	if (render)
		render_event(&r->event, &e->body);
	return e;
}

struct event *event_ref(struct event *e)
{
	e->refs++;
	return e;
}

void event_unref(struct event *e)
{
	if (!e || --e->refs > 0)
		return;
	buf_fini(&e->record);
	buf_fini(&e->body);
	free(e);
}

size_t event_bytes(const struct event *e)
{
	return sizeof(*e) + e->record.cap + e->body.cap;
}
