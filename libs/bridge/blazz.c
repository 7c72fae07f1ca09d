/* The kind of bridge that is ours. Source: README.md, Sessions of our own bridge. */
#include "bridge/kind.h"

static bool is_creation(enum bridge_action action)
{
	return action == BRIDGE_CREATE || action == BRIDGE_START;
}

static bool has_body(enum bridge_action action)
{
	return is_creation(action) || action == BRIDGE_PROBE;
}

static void session_write(struct json_writer *w, const struct bridge_session *s)
{
	char workspace[37];

	uuid_format(&s->workspace, workspace);
	jw_member_str(w, "session_id", s->name);
	jw_member_str(w, "workspace_id", str_of(workspace));
	jw_member_i64(w, "epoch", s->epoch);
	jw_member_str(w, "webhook_url", s->webhook_url);
	jw_key(w, "signing_keys");
	jw_arr(w);
	for (size_t i = 0; i < s->n_signing_keys; i++)
		jw_str(w, s->signing_keys[i]);
	jw_arr_end(w);
}

static void body_write(struct json_writer *w, const struct bridge_call *call, struct arena *a)
{
	(void)a;
	if (is_creation(call->action)) {
		session_write(w, &call->session);
		return;
	}
	jw_member_i64(w, "ttl_s", call->lease_ttl_s);
	jw_member_str(w, "token", call->lease_token);
}

static int64_t count_of(const json *v)
{
	int64_t n;

	return json_type(v) == JSON_INT && json_to_i64(v, &n) && n >= 0 ? n : -1;
}

/* Without a token nothing says that the lease was granted. */
static void lease_read(struct bridge_reading *r)
{
	struct str token = json_str(json_get(r->body, "token"));

	if (token.n == 0 || token.n > WIRE_MAX_ID_BYTES) {
		bridge_odd(r, ODDITY_NOT_JSON);
		return;
	}
	r->out->token = arena_str(r->arena, token);
	r->out->capacity = count_of(json_get(r->body, "capacity"));
	r->out->sessions = count_of(json_get(r->body, "sessions"));
}

static void item_read(const json *v, struct bridge_listed *out, struct bridge_reading *r)
{
	bool known;

	out->name = json_str(json_get(v, "session_id"));
	out->observed = bridge_observed_of(json_str(json_get(v, "state")), &known);
	out->phone = bridge_phone(json_str(json_get(v, "phone")), r->arena);
	if (!known)
		r->out->oddity = ODDITY_UNKNOWN_WORD;
}

static void refusal_read(struct bridge_reading *r)
{
	struct str text = json_str(json_path(r->body, "error.message"));

	bridge_error_text(r, text.n > 0 ? text : json_str(json_path(r->body, "error.code")));
	bridge_absence_read(r, text);
	r->out->stale_epoch = r->status == 409;
}

static void session_read(struct bridge_reading *r)
{
	struct str state = json_str(json_get(r->body, "state"));

	if (!bridge_name_check(r, json_str(json_get(r->body, "session_id"))))
		return;
	if (state.n > 0 || r->call->action == BRIDGE_LOOK)
		bridge_state_read(r, state);
	r->out->phone = bridge_phone(json_str(json_get(r->body, "phone")), r->arena);
}

static void read_answer(struct bridge_reading *r)
{
	if (!bridge_is_success(r))
		refusal_read(r);
	else if (r->call->action == BRIDGE_PROBE)
		lease_read(r);
	else if (r->call->action == BRIDGE_LIST)
		bridge_list_read(r, json_get(r->body, "sessions"), item_read);
	else
		session_read(r);
}

const struct bridge_api bridge_api_blazz = {
	.routes = {
		[BRIDGE_PROBE] = { HTTP_POST, "/api/lease" },
		[BRIDGE_HEALTH] = { HTTP_GET, "/health" },
		[BRIDGE_LIST] = { HTTP_GET, "/api/sessions/status" },
		[BRIDGE_LOOK] = { HTTP_GET, "/api/sessions/{}" },
		[BRIDGE_CREATE] = { HTTP_POST, "/api/sessions" },
		[BRIDGE_START] = { HTTP_POST, "/api/sessions" },
		[BRIDGE_STOP] = { HTTP_POST, "/api/sessions/{}/stop" },
		[BRIDGE_LOGOUT] = { HTTP_POST, "/api/sessions/{}/logout" },
		[BRIDGE_DELETE] = { HTTP_DELETE, "/api/sessions/{}" },
		[BRIDGE_SYNC] = { HTTP_POST, "/api/sessions/{}/sync" },
	},
	.has_body = has_body,
	.body_write = body_write,
	.read = read_answer,
};
