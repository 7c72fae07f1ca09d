/* Endpoints of kind pusher: live messages to a Pusher-compatible server, signed in the URL. Source: README.md, Broadcasts. */
#include <assert.h>

#include "webhook-dispatcher/events/broadcast.h"
#include "webhook-dispatcher/sending/sinks.h"
#include "webhook-dispatcher/stats.h"

static int application_parse(const struct endpoint_row *row, struct str json_text, void **out, struct err *err)
{
	char channel[BROADCAST_CHANNEL_SIZE];
	struct pusher *pusher;

	broadcast_channel(&row->workspace, channel);
	if (pusher_parse(&pusher, json_text, str_of(channel), err) < 0)
		return -1;
	*out = pusher;
	return 0;
}

static void application_free(void *pusher)
{
	pusher_free(pusher);
}

static void messages_only(struct endpoint *e)
{
	e->row.n_event_types = 0;
	e->row.origins = 1U << ORIGIN_LIVE;
	e->kinds = UINT64_C(1) << CE_MESSAGE_CREATED;
	if (e->row.n_schedule == 0) {
		e->schedule = broadcast_schedule;
		e->schedule.max_retries = e->row.max_retries;
	}
}

/* A broadcast has no envelope, so that the event's JSON cannot be used: the record is decoded again. */
static void request_make(const struct endpoint *to, const struct event *e, int64_t now_ms, struct sink_request *r)
{
	struct event_record record;
	struct err err;
	int rc;

	arena_reset(r->arena);
	rc = event_reread(buf_str(&e->record), e->partition, e->offset, e->timestamp_ms, r->arena, &record, &err);
	assert(rc == 0); /* the same record was decoded when the event was kept */
	(void)rc;
	broadcast_body(to->secrets, &record.event, &r->body_text);
	r->body = buf_str(&r->body_text);
	pusher_url(to->secrets, to->row.url, r->body, now_ms, &r->url_text);
	r->url = r->url_text.p;
}

static void attempt_count(enum exchange_class class)
{
	stats_broadcast(class == CLASS_SUCCESS ? BROADCAST_DELIVERED : BROADCAST_FAILED);
}

static void late_count(void)
{
	stats_broadcast(BROADCAST_LATE);
}

const struct sink sink_pusher = {
	.secrets_parse = application_parse,
	.secrets_free = application_free,
	.narrow = messages_only,
	.prepare = request_make,
	.is_late = broadcast_is_late,
	.attempted = attempt_count,
	.late = late_count,
};
