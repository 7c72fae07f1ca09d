/* Evolution API's webhooks: {event, instance, data, apikey, ...} (README.md). Invariant: each element of a list is an
 * item of its own, and the envelope's apikey never leaves this process: rejected items are written without it. */
#include "ingest/dialects/evolution.h"

#include "ingest/dialects/dialects.h"

/* A body with this item alone in its envelope. */
static struct str item_alone(void *ctx)
{
	static const char *const members[] = { "event", "instance", "sender", NULL };
	const struct evolution *v = ctx;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct str text;

	jw_obj(&w);
	intake_envelope(v->item.in, &w, v->body, members);
	jw_member_raw(&w, "data", intake_json(v->item.in, v->data));
	jw_obj_end(&w);
	text = arena_str(v->item.in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

/* Baileys' DisconnectReason: HTTP status numbers with meanings of its own. */
static enum session_reason close_reason(int64_t code)
{
	switch (code) {
	case 401: /* logged out */
		return REASON_USER_INITIATED;
	case 408: /* lost, timed out */
	case 428: /* closed */
		return REASON_TIMEOUT;
	case 515: /* restart required */
		return REASON_INSTANCE_RESTART;
	case 403: /* forbidden */
	case 411: /* multi-device mismatch */
	case 440: /* replaced */
	case 500: /* bad session */
		return REASON_ERROR;
	default:
		return REASON_UNKNOWN;
	}
}

static struct str state_details(const struct evolution *v, struct str state, const json *code)
{
	struct str number = json_text(code, v->item.in->arena);

	return number.n ? arena_printf(v->item.in->arena, "%.*s %.*s", STR_ARG(state), STR_ARG(number)) : state;
}

static void closed(const struct evolution *v, struct str state, const json *code)
{
	int64_t number = 0;

	json_to_i64(code, &number);
	webjs_session(&v->item, SESSION_DISCONNECTED, close_reason(number), state_details(v, state, code), STR_NONE, 0);
}

static void connection_update(const struct evolution *v)
{
	struct str state = json_str(json_get(v->data, "state"));
	const json *code = json_get(v->data, "statusReason");

	if (str_is(state, "close"))
		closed(v, state, code);
	else if (str_is(state, "open"))
		webjs_session(&v->item, SESSION_CONNECTED, REASON_NONE, state_details(v, state, code),
			json_str(json_get(v->data, "wuid")), 0);
	else if (str_is(state, "refused")) /* after too many QR codes */
		webjs_session(&v->item, SESSION_DISCONNECTED, REASON_QR_EXPIRED, state_details(v, state, code),
			STR_NONE, 0);
	else if (state.n > 0)
		webjs_session(&v->item, SESSION_STARTING, REASON_NONE, state_details(v, state, code), STR_NONE, 0);
	else
		webjs_reject(&v->item, "state is missing");
}

/* An event without a code says why no more codes follow: "QR code limit reached, please login again". */
static void qrcode_updated(const struct evolution *v)
{
	const json *qr = json_get(v->data, "qrcode");
	struct str code = json_str(json_get(qr, "code")), pairing = json_str(json_get(qr, "pairingCode"));

	if (!qr && json_get(v->data, "statusCode"))
		webjs_session(&v->item, SESSION_DISCONNECTED, REASON_QR_EXPIRED, json_str(json_get(v->data, "message")),
			STR_NONE, 0);
	else
		webjs_qr(&v->item, code.n ? code : pairing, code.n == 0, 0);
}

static void instance_status(const struct evolution *v)
{
	struct str status = json_str(json_get(v->data, "status"));

	if (str_is(status, "removed"))
		webjs_session(&v->item, SESSION_DISCONNECTED, REASON_USER_INITIATED, status, STR_NONE, 0);
	else if (str_is(status, "closed"))
		closed(v, status, json_get(v->data, "disconnectionReasonCode"));
	else
		intake_ignore(v->item.in, "status.instance");
}

static void removed(const struct evolution *v)
{
	webjs_session(&v->item, SESSION_DISCONNECTED, REASON_USER_INITIATED, v->event, STR_NONE, 0);
}

/* Events that are known and ignored, by prefixes of their names. */
static const char *const ignored[] = {
	"presence.update",
	"labels.",
	"typebot.",
	"chats.delete",
	"application.startup",
	"new.jwt",
	"errors",
	NULL,
};

static const struct {
	const char *event;
	void (*read)(const struct evolution *v); /* reads one item */
} events[] = {
	{ "messages.upsert", evolution_message },
	{ "send.message", evolution_message },
	{ "messages.set", evolution_history_message },
	{ "messages.update", evolution_update },
	{ "messages.edited", evolution_edited },
	{ "messages.delete", evolution_deleted },
	{ "contacts.upsert", evolution_contact },
	{ "contacts.update", evolution_contact },
	{ "contacts.set", evolution_contact },
	{ "chats.upsert", evolution_chat },
	{ "chats.update", evolution_chat },
	{ "chats.set", evolution_chat },
	{ "groups.upsert", evolution_group },
	{ "groups.update", evolution_group_update },
	{ "group-participants.update", evolution_participants },
	{ "call", evolution_call },
	{ "connection.update", connection_update },
	{ "qrcode.updated", qrcode_updated },
	{ "status.instance", instance_status },
	{ "logout.instance", removed },
	{ "remove.instance", removed },
};

/* An event of a newer version: a message in it is read, anything else is counted as ignored. */
static void unknown(const struct evolution *v)
{
	if (json_str(json_path(v->data, "key.remoteJid")).n > 0 && json_is_obj(json_get(v->data, "message")))
		evolution_message(v);
	else
		intake_ignore(v->item.in, "unknown_event");
}

static void item_read(const struct evolution *v)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (str_is(v->event, events[i].event)) {
			events[i].read(v);
			return;
		}
	for (size_t i = 0; ignored[i]; i++)
		if (str_starts(v->event, str_of(ignored[i]))) {
			intake_ignore(v->item.in, ignored[i]);
			return;
		}
	unknown(v);
}

static void items_read(struct evolution *v, const json *list)
{
	struct json_iter it = json_iter(list);

	for (size_t i = 0; (v->data = json_next(&it)) && !intake_is_full(v->item.in); i++) {
		v->item.path = arena_printf(v->item.in->arena, "data[%zu]", i);
		item_read(v);
	}
}

int evolution_read(struct intake *in, const json *body, struct err *err)
{
	struct evolution v = { .item = { .in = in, .path = STR("data"), .body = item_alone }, .body = body };
	const json *inner = json_path(body, "data.messages");

	v.item.ctx = &v;
	v.event = json_str(json_get(body, "event"));
	v.own = json_str(json_get(body, "sender"));
	v.data = json_get(body, "data");
	if (v.event.n == 0)
		return err_set(err, ERR_INPUT, "400", "event: required");
	if (!v.data)
		return err_set(err, ERR_INPUT, "400", "data: required");
	if (json_is_arr(v.data))
		items_read(&v, v.data);
	else if (json_is_arr(inner)) /* messages.set of older versions */
		items_read(&v, inner);
	else
		item_read(&v);
	return webjs_finish(in, err);
}
