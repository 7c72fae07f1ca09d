/* See call.h. Invariant: nothing that comes from an account can end a path segment, a header or a JSON string early. */
#include "bridge/call.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/kind.h"
#include "crypto/ids.h"

#define BODY_ROOM    16384 /* at once: what a buffer leaves behind when it grows is not wiped */
#define ANSWER_BYTES ((size_t)256 << 10) /* Evolution's answer to CREATE has an image of the QR code */
#define LIST_BYTES   ((size_t)4 << 20)
#define SECOND_MS    1000

static const struct {
	const char *word;
	int timeout_ms;
	bool about_session;
} actions[BRIDGE_ACTIONS] = {
	[BRIDGE_PROBE] = { "probe", 5 * SECOND_MS, false },
	[BRIDGE_HEALTH] = { "health", 5 * SECOND_MS, false },
	[BRIDGE_LIST] = { "list", 15 * SECOND_MS, false },
	[BRIDGE_LOOK] = { "look", 15 * SECOND_MS, true },
	[BRIDGE_CREATE] = { "create", 60 * SECOND_MS, true },
	[BRIDGE_UPDATE] = { "update", 60 * SECOND_MS, true },
	[BRIDGE_START] = { "start", 60 * SECOND_MS, true },
	[BRIDGE_STOP] = { "stop", 60 * SECOND_MS, true },
	[BRIDGE_RESTART] = { "restart", 60 * SECOND_MS, true },
	[BRIDGE_LOGOUT] = { "logout", 60 * SECOND_MS, true },
	[BRIDGE_DELETE] = { "delete", 60 * SECOND_MS, true },
	[BRIDGE_FETCH_QR] = { "fetch_qr", 15 * SECOND_MS, true },
	[BRIDGE_SYNC] = { "sync", 60 * SECOND_MS, true },
};

const char *bridge_action_word(enum bridge_action action)
{
	return actions[action].word;
}

bool bridge_is_about_session(enum bridge_action action)
{
	return actions[action].about_session;
}

const struct bridge_api *bridge_api_of(enum bridge_kind kind)
{
	switch (kind) {
	case BRIDGE_BLAZZ:
		return &bridge_api_blazz;
	case BRIDGE_WAHA:
		return &bridge_api_waha;
	case BRIDGE_EVOLUTION:
		return &bridge_api_evolution;
	case BRIDGE_WWEBJS:
		return &bridge_api_wwebjs;
	case BRIDGE_NONE:
		break;
	}
	return NULL;
}

bool bridge_has(enum bridge_kind kind, enum bridge_action action)
{
	const struct bridge_api *api = bridge_api_of(kind);

	return api && api->routes[action].path;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool bridge_name_fits(enum bridge_kind kind, struct str name)
{
	bool fits = name.n > 0 && name.n <= WIRE_MAX_ID_BYTES && !str_is(name, ".") && !str_is(name, "..");

	for (size_t i = 0; kind == BRIDGE_WWEBJS && i < name.n; i++)
		fits &= is_word(name.p[i]);
	return fits;
}

void bridge_request_fini(struct bridge_request *r)
{
	buf_wipe(&r->http.body);
	provider_request_fini(&r->http);
}

static int check(const struct bridge_instance *at, const struct bridge_call *call, struct err *err)
{
	const struct bridge_api *api = bridge_api_of(at->kind);

	if (!bridge_has(at->kind, call->action))
		return err_set(err, ERR_INPUT, "bridge", "bridges of kind %s have no call %s", bridge_word(at->kind),
			bridge_action_word(call->action));
	if (bridge_is_about_session(call->action) && !bridge_name_fits(at->kind, call->session.name))
		return err_set(err, ERR_INPUT, "bridge", "the session's name does not suit a bridge of kind %s",
			bridge_word(at->kind));
	if (!api->key_header && !at->signing)
		return err_set(err, ERR_INPUT, "bridge", "the instance has no signing key");
	if ((call->action == BRIDGE_CREATE || call->action == BRIDGE_UPDATE) && at->kind != BRIDGE_WWEBJS &&
		call->session.webhook_url.n == 0)
		return err_set(err, ERR_INPUT, "bridge", "the session has no webhook URL");
	return 0;
}

/* The path, with the session's name in place of "{}". */
static int path_write(struct provider_request *r, const char *path, struct str name, struct err *err)
{
	const char *place = strstr(path, "{}");

	if (!place) {
		provider_request_path(r, path);
		return 0;
	}
	buf_add(&r->url, path, (size_t)(place - path));
	if (provider_request_segment(r, name, "session's name", err) < 0)
		return -1;
	provider_request_path(r, place + 2);
	return 0;
}

static const char *method_word(enum http_method method)
{
	static const char *const words[] = {
		[HTTP_POST] = "POST",
		[HTTP_GET] = "GET",
		[HTTP_PUT] = "PUT",
		[HTTP_PATCH] = "PATCH",
		[HTTP_DELETE] = "DELETE",
	};

	return words[method];
}

/* The time is a part of the webhook-id, so that a bridge that rejects repeated ids answers a call that is made again. */
static void sign(struct provider_request *r, const struct bridge_instance *at, int64_t now_ms, struct arena *a)
{
	struct str path = str_slice(buf_str(&r->url), r->path_at, r->url.n);
	struct str line = arena_printf(a, "%s %.*s", method_word(r->method), STR_ARG(path));
	const struct str parts[] = { uuid_bytes(&at->uuid), line, arena_printf(a, "%" PRId64, now_ms) };
	char id[SIGNING_ID_SIZE] = "msg_";
	struct uuid uuid;

	uuid_v8(&uuid, parts, 3);
	uuid_format(&uuid, id + 4);
	signing_standard_headers(at->signing, id, now_ms, r->body.n > 0 ? buf_str(&r->body) : line, &r->header_text);
}

static void body_write(struct provider_request *r, const struct bridge_api *api, const struct bridge_call *call,
	struct arena *a)
{
	struct json_writer w = json_writer(&r->body);

	if (!api->has_body || !api->has_body(call->action))
		return;
	buf_reserve(&r->body, BODY_ROOM);
	jw_obj(&w);
	api->body_write(&w, call, a);
	jw_obj_end(&w);
}

static int key_write(struct provider_request *r, const char *prefix, struct str key, struct err *err)
{
	if (provider_request_secret(r, prefix, key, NULL) < 0)
		return err_set(err, ERR_INPUT, "bridge", "the instance's key is missing or not printable");
	return 0;
}

int bridge_request_build(const struct bridge_instance *at, const struct bridge_call *call, int64_t now_ms,
	struct arena *a, struct bridge_request *out, struct err *err)
{
	const struct bridge_api *api = bridge_api_of(at->kind);
	const struct bridge_route *route;
	bool lists = call->action == BRIDGE_LIST || call->action == BRIDGE_PROBE;

	if (check(at, call, err) < 0)
		return -1;
	route = &api->routes[call->action];
	buf_wipe(&out->http.body);
	if (provider_request_begin(&out->http, route->method, at->url, NULL) < 0)
		return err_set(err, ERR_INPUT, "bridge", "the instance's address is not a valid http or https URL");
	if (path_write(&out->http, route->path, call->session.name, err) < 0)
		return -1;
	body_write(&out->http, api, call, a);
	if (!api->key_header)
		sign(&out->http, at, now_ms, a);
	else if (key_write(&out->http, api->key_header, at->key, err) < 0)
		return -1;
	buf_add_str(&out->http.header_text, STR("accept: application/json\0"));
	provider_request_end(&out->http);
	out->timeout_ms = actions[call->action].timeout_ms;
	out->response_bytes = lists ? LIST_BYTES : ANSWER_BYTES;
	return 0;
}
