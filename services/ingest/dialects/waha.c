/* WAHA's webhooks: {event, session, payload, engine, ...} (README.md; https://waha.devlike.pro/docs/how-to/events/).
 * Invariant: `message` and `message.any` give the same event for any engine; "me" is never used as an address. */
#include "ingest/dialects/waha.h"

#include "ingest/dialects/dialects.h"

static struct str body_alone(void *ctx)
{
	const struct waha *w = ctx;

	return intake_json(w->item.in, w->body);
}

static void session_status(const struct waha *w)
{
	static const struct word_value states[] = {
		{ "STARTING", SESSION_STARTING },
		{ "SCAN_QR_CODE", SESSION_QR },
		{ "WORKING", SESSION_CONNECTED },
		{ "FAILED", SESSION_FAILED },
		{ "STOPPED", SESSION_DISCONNECTED },
		{ NULL, 0 },
	};
	struct str status = json_str(json_get(w->payload, "status"));
	/* PASSKEY_* and later additions are steps of logging in. */
	enum session_word state = (enum session_word)word_value(states, status, SESSION_STARTING);
	bool down = state == SESSION_FAILED || state == SESSION_DISCONNECTED;

	if (status.n == 0) {
		webjs_reject(&w->item, "status is missing");
		return;
	}
	webjs_session(&w->item, state, down ? REASON_UNKNOWN : REASON_NONE, status,
		state == SESSION_CONNECTED ? json_str(json_path(w->body, "me.id")) : STR_NONE, w->time_ms);
}

static void chat_archive(const struct waha *w)
{
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_CHAT_STATE);
	struct in_chat_state *state = &e->u.chat_state;
	struct str jid = waha_address(json_get(w->payload, "id"), w->item.in->arena);

	if (!webjs_chat(&w->item, jid, STR_NONE, &state->chat))
		return;
	state->has_archived = json_to_bool(json_get(w->payload, "archived"), &state->archived);
	intake_time(w->item.in, e, w->time_ms);
	webjs_add(&w->item, e, jid, state->archived ? STR("archived") : STR("open"));
}

static void call(const struct waha *w, const char *outcome)
{
	struct arena *a = w->item.in->arena;
	struct inbound_event *e = intake_event(w->item.in, w->item.in->account, IN_CALL);
	struct in_call *c = &e->u.call;
	int64_t ms = webjs_seconds_ms(json_get(w->payload, "timestamp"));

	if (!webjs_chat(&w->item, waha_address(json_get(w->payload, "from"), a), STR_NONE, &c->chat))
		return;
	c->call_id = json_text(json_get(w->payload, "id"), a);
	c->direction = json_true(json_get(w->payload, "fromMe")) ? DIR_OUTBOUND : DIR_INBOUND;
	c->video = json_true(json_get(w->payload, "isVideo"));
	c->outcome = webjs_call_outcome(str_of(outcome));
	intake_time(w->item.in, e, ms ? ms : w->time_ms);
	webjs_add(&w->item, e, c->call_id, c->outcome);
}

static void call_received(const struct waha *w)
{
	call(w, "offer");
}

static void call_accepted(const struct waha *w)
{
	call(w, "accept");
}

static void call_rejected(const struct waha *w)
{
	call(w, "reject");
}

/* Events that are known and ignored. group.join, group.leave and state.change are older forms of group.v2.* and
 * session.status. */
static const char *const ignored[] = {
	"presence.update",
	"label.upsert",
	"label.deleted",
	"label.chat.added",
	"label.chat.deleted",
	"poll.vote.failed",
	"event.response",
	"event.response.failed",
	"engine.event",
	"group.v2.participants.join-request",
	"group.join",
	"group.leave",
	"state.change",
	NULL,
};

static const struct {
	const char *event;
	void (*read)(const struct waha *w);
} events[] = {
	{ "message", waha_message },
	{ "message.any", waha_message },
	{ "message.waiting", waha_message_waiting },
	{ "message.reaction", waha_reaction },
	{ "message.ack", waha_ack },
	{ "message.ack.group", waha_ack },
	{ "message.edited", waha_edit },
	{ "message.revoked", waha_revoke },
	{ "poll.vote", waha_vote },
	{ "session.status", session_status },
	{ "group.v2.join", waha_group_join },
	{ "group.v2.leave", waha_group_leave },
	{ "group.v2.participants", waha_group_participants },
	{ "group.v2.update", waha_group_update },
	{ "chat.archive", chat_archive },
	{ "call.received", call_received },
	{ "call.accepted", call_accepted },
	{ "call.rejected", call_rejected },
};

/* An event of a newer version: a message in it is read, anything else is counted as ignored. */
static void unknown(const struct waha *w)
{
	if (stanza_id_read(json_get(w->payload, "id"), w->item.in->arena).known && json_get(w->payload, "body"))
		waha_message(w);
	else
		intake_ignore(w->item.in, "unknown_event");
}

static void event_read(const struct waha *w, struct str event)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (str_is(event, events[i].event)) {
			events[i].read(w);
			return;
		}
	for (size_t i = 0; ignored[i]; i++)
		if (str_is(event, ignored[i])) {
			intake_ignore(w->item.in, ignored[i]);
			return;
		}
	unknown(w);
}

int waha_read(struct intake *in, const json *body, struct err *err)
{
	struct waha w = { .item = { .in = in, .path = STR("payload"), .body = body_alone }, .body = body };
	struct str event = json_str(json_get(body, "event"));

	w.item.ctx = &w;
	w.payload = json_get(body, "payload");
	w.time_ms = webjs_ms(json_get(body, "timestamp"));
	if (event.n == 0)
		return err_set(err, ERR_INPUT, "400", "event: required");
	if (!json_is_obj(w.payload))
		return err_set(err, ERR_INPUT, "400", "payload: not an object");
	event_read(&w, event);
	return webjs_finish(in, err);
}
