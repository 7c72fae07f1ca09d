/* WAHA. A session that exists already is answered 422 to CREATE (then UPDATE), one that runs already 422 to START.
 * Source: https://waha.devlike.pro/docs/how-to/sessions/ */
#include "bridge/kind.h"

/* What ingest reads: services/ingest/README.md, WAHA; without "message", which "message.any" repeats. */
static const char *const events[] = { "session.status", "message.any", "message.waiting", "message.reaction",
	"message.ack", "message.ack.group", "message.edited", "message.revoked", "poll.vote", "group.v2.join",
	"group.v2.leave", "group.v2.participants", "group.v2.update", "chat.archive", "call.received", "call.accepted",
	"call.rejected" };

static bool has_body(enum bridge_action action)
{
	return action == BRIDGE_CREATE || action == BRIDGE_UPDATE;
}

static void webhook_write(struct json_writer *w, const struct bridge_session *s)
{
	jw_obj(w);
	jw_member_str(w, "url", s->webhook_url);
	jw_key(w, "events");
	jw_arr(w);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		jw_str(w, str_of(events[i]));
	jw_arr_end(w);
	if (s->webhook_secret.n > 0) {
		jw_key(w, "hmac");
		jw_obj(w);
		jw_member_str(w, "key", s->webhook_secret);
		jw_obj_end(w);
	}
	jw_obj_end(w);
}

static void body_write(struct json_writer *w, const struct bridge_call *call, struct arena *a)
{
	(void)a;
	jw_member_str(w, "name", call->session.name);
	if (call->action == BRIDGE_CREATE)
		jw_member_bool(w, "start", true);
	jw_key(w, "config");
	jw_obj(w);
	jw_key(w, "webhooks");
	jw_arr(w);
	webhook_write(w, &call->session);
	jw_arr_end(w);
	jw_obj_end(w);
}

static void item_read(const json *v, struct bridge_listed *out, struct bridge_reading *r)
{
	bool known;

	out->name = json_str(json_get(v, "name"));
	out->observed = bridge_observed_of(json_str(json_get(v, "status")), &known);
	out->phone = bridge_phone(json_str(json_path(v, "me.id")), r->arena);
	if (!known)
		r->out->oddity = ODDITY_UNKNOWN_WORD;
}

static void refusal_read(struct bridge_reading *r)
{
	struct str text = json_str(json_get(r->body, "message"));

	bridge_error_text(r, text);
	bridge_absence_read(r, text);
	if (r->status == 422 && (r->call->action == BRIDGE_CREATE || r->call->action == BRIDGE_START))
		r->out->outcome = BRIDGE_ALREADY_DONE;
}

static void session_read(struct bridge_reading *r)
{
	struct str state = json_str(json_get(r->body, "status"));

	if (!bridge_name_check(r, json_str(json_get(r->body, "name"))))
		return;
	if (state.n > 0 || r->call->action == BRIDGE_LOOK)
		bridge_state_read(r, state);
	r->out->phone = bridge_phone(json_str(json_path(r->body, "me.id")), r->arena);
}

static void qr_read(struct bridge_reading *r)
{
	struct str code = json_str(json_get(r->body, "value"));

	if (code.n == 0 || code.n > BRIDGE_QR_BYTES)
		bridge_odd(r, ODDITY_NOT_JSON);
	else
		r->out->qr = arena_str(r->arena, code);
}

static void read_answer(struct bridge_reading *r)
{
	if (!bridge_is_success(r)) {
		refusal_read(r);
		return;
	}
	switch (r->call->action) {
	case BRIDGE_PROBE:
		if (!str_is(json_str(json_get(r->body, "message")), "pong"))
			bridge_odd(r, ODDITY_NOT_JSON);
		break;
	case BRIDGE_LIST:
		bridge_list_read(r, r->body, item_read);
		break;
	case BRIDGE_FETCH_QR:
		qr_read(r);
		break;
	default:
		session_read(r);
	}
}

const struct bridge_api bridge_api_waha = {
	.key_header = "x-api-key: ",
	.routes = {
		[BRIDGE_PROBE] = { HTTP_GET, "/ping" },
		[BRIDGE_LIST] = { HTTP_GET, "/api/sessions?all=true" },
		[BRIDGE_LOOK] = { HTTP_GET, "/api/sessions/{}" },
		[BRIDGE_CREATE] = { HTTP_POST, "/api/sessions" },
		[BRIDGE_UPDATE] = { HTTP_PUT, "/api/sessions/{}" },
		[BRIDGE_START] = { HTTP_POST, "/api/sessions/{}/start" },
		[BRIDGE_STOP] = { HTTP_POST, "/api/sessions/{}/stop" },
		[BRIDGE_RESTART] = { HTTP_POST, "/api/sessions/{}/restart" },
		[BRIDGE_LOGOUT] = { HTTP_POST, "/api/sessions/{}/logout" },
		[BRIDGE_DELETE] = { HTTP_DELETE, "/api/sessions/{}" },
		[BRIDGE_FETCH_QR] = { HTTP_GET, "/api/{}/auth/qr?format=raw" },
	},
	.has_body = has_body,
	.body_write = body_write,
	.read = read_answer,
};
