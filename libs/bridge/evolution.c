/* Evolution API. It has no stop: a session that is not wanted is logged out. It also rejects with status 200 and
 * "error": true. Answers to CREATE and START contain a QR code, which is not kept: Evolution also posts it to ingest.
 * Source: Evolution API 2.3.6, src/api/controllers/instance.controller.ts. */
#include "bridge/kind.h"

/* What ingest reads: services/ingest/README.md, Evolution API; in the spelling of the settings. */
static const char *const events[] = { "MESSAGES_UPSERT", "SEND_MESSAGE", "MESSAGES_SET", "MESSAGES_UPDATE",
	"MESSAGES_EDITED", "MESSAGES_DELETE", "CONTACTS_UPSERT", "CONTACTS_UPDATE", "CONTACTS_SET", "CHATS_UPSERT",
	"CHATS_UPDATE", "CHATS_SET", "GROUPS_UPSERT", "GROUP_UPDATE", "GROUP_PARTICIPANTS_UPDATE", "CALL",
	"CONNECTION_UPDATE", "QRCODE_UPDATED", "LOGOUT_INSTANCE", "REMOVE_INSTANCE" };

static bool has_body(enum bridge_action action)
{
	return action == BRIDGE_CREATE;
}

static void webhook_write(struct json_writer *w, const struct bridge_session *s, struct arena *a)
{
	jw_key(w, "webhook");
	jw_obj(w);
	jw_member_bool(w, "enabled", true);
	jw_member_str(w, "url", s->webhook_url);
	if (s->webhook_secret.n > 0) {
		jw_key(w, "headers");
		jw_obj(w);
		jw_member_str(w, "authorization", arena_printf(a, "Bearer %.*s", STR_ARG(s->webhook_secret)));
		jw_obj_end(w);
	}
	jw_key(w, "events");
	jw_arr(w);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		jw_str(w, str_of(events[i]));
	jw_arr_end(w);
	jw_member_bool(w, "byEvents", false);
	jw_obj_end(w);
}

static void body_write(struct json_writer *w, const struct bridge_call *call, struct arena *a)
{
	jw_member_str(w, "instanceName", call->session.name);
	jw_member_str(w, "integration", STR("WHATSAPP-BAILEYS"));
	jw_member_str(w, "token", call->session.token);
	jw_member_bool(w, "qrcode", true);
	webhook_write(w, &call->session, a);
}

static void item_read(const json *v, struct bridge_listed *out, struct bridge_reading *r)
{
	bool known;

	out->name = json_str(json_get(v, "name"));
	out->observed = bridge_observed_of(json_str(json_get(v, "connectionStatus")), &known);
	out->phone = bridge_phone(json_str(json_get(v, "ownerJid")), r->arena);
	if (!known)
		r->out->oddity = ODDITY_UNKNOWN_WORD;
}

/* {"status": 404, "error": "Not Found", "response": {"message": ["…"]}}, or {"error": true, "message": "…"} */
static struct str message_of(const json *body)
{
	const json *messages = json_path(body, "response.message");
	struct json_iter it = json_iter(json_is_arr(messages) ? messages : NULL);
	struct str text = json_str(messages);

	if (text.n == 0)
		text = json_str(json_next(&it));
	return text.n > 0 ? text : json_str(json_get(body, "message"));
}

static void refusal_read(struct bridge_reading *r)
{
	enum bridge_action action = r->call->action;
	struct str text = message_of(r->body);

	r->out->outcome = BRIDGE_REJECTED;
	bridge_error_text(r, text);
	bridge_absence_read(r, text);
	if ((r->status == 403 && action == BRIDGE_CREATE) || (r->status == 400 && action == BRIDGE_LOGOUT))
		r->out->outcome = BRIDGE_ALREADY_DONE;
	/* Asked for a number that no session has. */
	if (r->status == 404 && action == BRIDGE_PROBE && json_is_obj(r->body))
		r->out->outcome = BRIDGE_OK;
}

static bool has_qr(const json *v)
{
	return json_str(json_get(v, "code")).n > 0 || json_str(json_get(v, "base64")).n > 0;
}

static void session_read(struct bridge_reading *r)
{
	const json *instance = json_get(r->body, "instance");
	struct str state = json_str(json_get(instance, "state"));

	if (!bridge_name_check(r, json_str(json_get(instance, "instanceName"))))
		return;
	if (has_qr(r->body) || has_qr(json_get(r->body, "qrcode")))
		r->out->observed = OBSERVED_QR;
	else if (state.n > 0 || r->call->action == BRIDGE_LOOK)
		bridge_state_read(r, state);
	if (r->call->action == BRIDGE_START && r->out->observed == OBSERVED_CONNECTED)
		r->out->outcome = BRIDGE_ALREADY_DONE;
}

static void read_answer(struct bridge_reading *r)
{
	if (!bridge_is_success(r) || json_true(json_get(r->body, "error")))
		refusal_read(r);
	else if (r->call->action == BRIDGE_LIST)
		bridge_list_read(r, r->body, item_read);
	else if (r->call->action != BRIDGE_PROBE)
		session_read(r);
}

const struct bridge_api bridge_api_evolution = {
	.key_header = "apikey: ",
	.routes = {
		/* Not "GET /", which calls WhatsApp's site. */
		[BRIDGE_PROBE] = { HTTP_GET, "/instance/fetchInstances?number=0" },
		[BRIDGE_LIST] = { HTTP_GET, "/instance/fetchInstances" },
		[BRIDGE_LOOK] = { HTTP_GET, "/instance/connectionState/{}" },
		[BRIDGE_CREATE] = { HTTP_POST, "/instance/create" },
		[BRIDGE_START] = { HTTP_GET, "/instance/connect/{}" },
		[BRIDGE_RESTART] = { HTTP_POST, "/instance/restart/{}" }, /* documented as PUT */
		[BRIDGE_LOGOUT] = { HTTP_DELETE, "/instance/logout/{}" },
		[BRIDGE_DELETE] = { HTTP_DELETE, "/instance/delete/{}" },
	},
	.has_body = has_body,
	.body_write = body_write,
	.read = read_answer,
};
