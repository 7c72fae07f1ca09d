/* wwebjs-api. It rejects with status 200 and "success": false, answers a wrong key with 403, and lists the names of running
 * sessions only. Deleting is terminating, which a stopped session must be started for: its folder stays otherwise.
 * Source: wwebjs-api e45da16, src/controllers/sessionController.js, src/sessions.js. */
#include "bridge/kind.h"

static void item_read(const json *v, struct bridge_listed *out, struct bridge_reading *r)
{
	(void)r;
	out->name = json_str(v);
}

static struct str message_of(const json *body)
{
	struct str text = json_str(json_get(body, "error"));

	return text.n > 0 ? text : json_str(json_get(body, "message"));
}

static void refusal_read(struct bridge_reading *r)
{
	struct str text = message_of(r->body);

	bridge_error_text(r, text);
	if (r->status == 422 && (r->call->action == BRIDGE_CREATE || r->call->action == BRIDGE_START)) {
		r->out->outcome = BRIDGE_ALREADY_DONE; /* it runs, whatever the text says */
		return;
	}
	r->out->outcome = BRIDGE_REJECTED;
	bridge_absence_read(r, text);
	if (str_is(text, "session_not_found"))
		bridge_gone(r);
}

/* "success" says whether the session is connected. Its state is null until whatsapp-web.js has loaded the page. */
static void look_read(struct bridge_reading *r)
{
	struct str message = json_str(json_get(r->body, "message")), state = json_str(json_get(r->body, "state"));

	if (str_is(message, "session_not_found"))
		bridge_gone(r);
	else if (state.n == 0 && str_is(message, "session_not_connected"))
		r->out->observed = OBSERVED_STARTING;
	else
		bridge_state_read(r, state.n > 0 ? state : message); /* "browser tab closed" */
}

static void read_answer(struct bridge_reading *r)
{
	bool success = bridge_is_success(r);
	enum bridge_action action = r->call->action;

	if (success && action == BRIDGE_LOOK)
		look_read(r);
	else if (!success || (r->body && !json_true(json_get(r->body, "success"))))
		refusal_read(r);
	else if (action == BRIDGE_LIST || action == BRIDGE_PROBE)
		bridge_list_read(r, json_get(r->body, "result"), item_read);
}

const struct bridge_api bridge_api_wwebjs = {
	.key_header = "x-api-key: ",
	.forbidden_is_bad_key = true,
	.routes = {
		[BRIDGE_PROBE] = { HTTP_GET, "/session/getSessions" }, /* GET /ping needs no key */
		[BRIDGE_LIST] = { HTTP_GET, "/session/getSessions" },
		[BRIDGE_LOOK] = { HTTP_GET, "/session/status/{}" },
		[BRIDGE_CREATE] = { HTTP_GET, "/session/start/{}" },
		[BRIDGE_START] = { HTTP_GET, "/session/start/{}" },
		[BRIDGE_STOP] = { HTTP_GET, "/session/stop/{}" },
		[BRIDGE_RESTART] = { HTTP_GET, "/session/restart/{}" },
		[BRIDGE_LOGOUT] = { HTTP_GET, "/session/terminate/{}" },
		[BRIDGE_DELETE] = { HTTP_GET, "/session/terminate/{}" },
	},
	.read = read_answer,
};
