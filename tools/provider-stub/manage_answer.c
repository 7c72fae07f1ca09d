/* How each kind of bridge answers calls to an instance. See manage.h; sources: manage.c. */
#include <inttypes.h>

#include "base/map.h"
#include "manage.h"

#define QR_CODE "2@example-code"

/* The words of a kind for a state; NULL: it has none, or says null. */
static const char *const words[STUB_PROVIDERS][LIVE_STATES] = {
	[STUB_BLAZZ] = { NULL, "stopped", "starting", "qr", "connected", "failed" },
	[STUB_WAHA] = { NULL, "STOPPED", "STARTING", "SCAN_QR_CODE", "WORKING", "FAILED" },
	[STUB_EVOLUTION] = { NULL, "close", "connecting", "connecting", "open", "close" },
	[STUB_WWEBJS] = { NULL, NULL, "OPENING", NULL, "CONNECTED", NULL },
};

static struct str word_of(enum stub_provider provider, const struct live *l, int64_t now_mono_ms)
{
	return str_of(words[provider][live_state_of(l, now_mono_ms)]);
}

static void address_write(struct json_writer *w, const char *member, const struct live *l, const char *server)
{
	struct buf address = BUF_INIT;

	if (!l->phone)
		return;
	buf_printf(&address, "%s%s", l->phone, server);
	jw_member_str(w, member, buf_str(&address));
	buf_fini(&address);
}

static void blazz_session(struct json_writer *w, const struct live *l, int64_t now_mono_ms)
{
	jw_member_str(w, "session_id", str_of(l->name));
	jw_member_str(w, "state", word_of(STUB_BLAZZ, l, now_mono_ms));
	jw_member_str(w, "phone", str_of(l->phone));
	jw_member_i64(w, "epoch", l->epoch);
}

static void waha_session(struct json_writer *w, const struct live *l, int64_t now_mono_ms)
{
	jw_member_str(w, "name", str_of(l->name));
	jw_member_str(w, "status", word_of(STUB_WAHA, l, now_mono_ms));
	if (!l->phone)
		return;
	jw_key(w, "me");
	jw_obj(w);
	address_write(w, "id", l, "@c.us");
	jw_obj_end(w);
}

static void evolution_listed(struct json_writer *w, const struct live *l, int64_t now_mono_ms)
{
	jw_member_str(w, "name", str_of(l->name));
	jw_member_str(w, "connectionStatus", word_of(STUB_EVOLUTION, l, now_mono_ms));
	address_write(w, "ownerJid", l, "@s.whatsapp.net");
}

static void list_write(struct json_writer *w, const struct instance *at, int64_t now_mono_ms)
{
	static void (*const item[STUB_PROVIDERS])(struct json_writer *w, const struct live *l, int64_t now_mono_ms) = {
		[STUB_BLAZZ] = blazz_session,
		[STUB_WAHA] = waha_session,
		[STUB_EVOLUTION] = evolution_listed,
	};
	struct str key;
	void *value;

	jw_arr(w);
	for (size_t i = 0; map_each(at->live, &i, &key, &value);) {
		const struct live *l = value;

		if (l->state == LIVE_ABSENT || (at->provider == STUB_WWEBJS && l->state == LIVE_STOPPED))
			continue;
		if (at->provider == STUB_WWEBJS) {
			jw_str(w, key);
			continue;
		}
		jw_obj(w);
		item[at->provider](w, l, now_mono_ms);
		jw_obj_end(w);
	}
	jw_arr_end(w);
}

static int64_t live_count(const struct instance *at)
{
	struct str key;
	void *value;
	int64_t n = 0;

	for (size_t i = 0; map_each(at->live, &i, &key, &value);)
		n += ((const struct live *)value)->state > LIVE_STOPPED;
	return n;
}

static void blazz_write(struct json_writer *w, const struct instance *at, const struct stub_call *c,
	const struct live *l, int64_t now_mono_ms)
{
	jw_obj(w);
	if (c->act == STUB_PROBE) {
		jw_member_str(w, "token", arena_printf(c->arena, "%" PRIu64, at->token));
		jw_member_i64(w, "capacity", at->capacity);
		jw_member_i64(w, "sessions", live_count(at));
	} else if (c->act == STUB_LIST) {
		jw_key(w, "sessions");
		list_write(w, at, now_mono_ms);
	} else if (l) {
		blazz_session(w, l, now_mono_ms);
	}
	jw_obj_end(w);
}

static void waha_write(struct json_writer *w, const struct instance *at, const struct stub_call *c,
	const struct live *l, int64_t now_mono_ms)
{
	if (c->act == STUB_LIST) {
		list_write(w, at, now_mono_ms);
		return;
	}
	jw_obj(w);
	if (c->act == STUB_PROBE)
		jw_member_str(w, "message", STR("pong"));
	else if (c->act == STUB_FETCH_QR)
		jw_member_str(w, "value", STR(QR_CODE));
	else if (l && l->state != LIVE_ABSENT)
		waha_session(w, l, now_mono_ms);
	jw_obj_end(w);
}

static void evolution_instance(struct json_writer *w, const struct live *l, int64_t now_mono_ms)
{
	jw_key(w, "instance");
	jw_obj(w);
	jw_member_str(w, "instanceName", str_of(l->name));
	jw_member_str(w, "state", word_of(STUB_EVOLUTION, l, now_mono_ms));
	jw_obj_end(w);
}

static void evolution_write(struct json_writer *w, const struct instance *at, const struct stub_call *c,
	const struct live *l, int64_t now_mono_ms)
{
	bool starts = c->act == STUB_CREATE || c->act == STUB_START;

	if (c->act == STUB_LIST) {
		list_write(w, at, now_mono_ms);
		return;
	}
	jw_obj(w);
	if (starts && live_state_of(l, now_mono_ms) == LIVE_QR) {
		if (c->act == STUB_CREATE) {
			evolution_instance(w, l, now_mono_ms);
			jw_key(w, "qrcode");
			jw_obj(w);
		}
		jw_member_str(w, "code", STR(QR_CODE));
		jw_member_str(w, "base64", STR("data:image/png;base64,AAAA"));
		if (c->act == STUB_CREATE)
			jw_obj_end(w);
	} else if (l && l->state != LIVE_ABSENT) {
		evolution_instance(w, l, now_mono_ms);
	}
	jw_member_bool(w, "error", false);
	jw_obj_end(w);
}

static void wwebjs_write(struct json_writer *w, const struct instance *at, const struct stub_call *c,
	const struct live *l, int64_t now_mono_ms)
{
	bool connected = l && live_state_of(l, now_mono_ms) == LIVE_CONNECTED;

	jw_obj(w);
	jw_member_bool(w, "success", c->act != STUB_LOOK || connected);
	if (c->act == STUB_LIST) {
		jw_key(w, "result");
		list_write(w, at, now_mono_ms);
	} else if (c->act == STUB_LOOK) {
		jw_key(w, "state");
		jw_str(w, word_of(STUB_WWEBJS, l, now_mono_ms));
		jw_member_str(w, "message", connected ? STR("session_connected") : STR("session_not_connected"));
	}
	jw_obj_end(w);
}

/* A status and what is wrong, in the form of each kind. */
static void refusal_write(const struct stub_call *c, int status, const char *code, struct stub_answer *out)
{
	struct json_writer w = stub_answer_begin(out, status);

	jw_obj(&w);
	switch (c->dialect->provider) {
	case STUB_BLAZZ:
		jw_key(&w, "error");
		jw_obj(&w);
		jw_member_str(&w, "code", str_of(code));
		jw_obj_end(&w);
		break;
	case STUB_WWEBJS:
		jw_member_bool(&w, "success", false);
		jw_key(&w, "state");
		jw_null(&w);
		jw_member_str(&w, status == 200 ? "message" : "error", str_of(code));
		break;
	case STUB_EVOLUTION:
		jw_member_i64(&w, "status", status);
		jw_key(&w, "response");
		jw_obj(&w);
		jw_key(&w, "message");
		jw_arr(&w);
		jw_str(&w, str_of(code));
		jw_arr_end(&w);
		jw_obj_end(&w);
		break;
	default:
		jw_member_i64(&w, "statusCode", status);
		jw_member_str(&w, "message", str_of(code));
	}
	jw_obj_end(&w);
}

static bool is_refused(const struct stub_call *c, enum managed result, struct stub_answer *out)
{
	enum stub_provider provider = c->dialect->provider;

	switch (result) {
	case MANAGED_DONE:
		return false;
	case MANAGED_EXISTS:
		refusal_write(c, provider == STUB_EVOLUTION ? 403 : 422, "session_exists", out);
		return true;
	case MANAGED_RUNS: /* Evolution answers with the state. */
		if (provider != STUB_EVOLUTION)
			refusal_write(c, 422, "session_runs", out);
		return provider != STUB_EVOLUTION;
	case MANAGED_ABSENT:
		refusal_write(c, provider == STUB_WWEBJS ? 200 : 404, "session_not_found", out);
		return true;
	case MANAGED_STALE:
		refusal_write(c, 409, "stale_epoch", out);
		return true;
	case MANAGED_NO_LEASE:
		refusal_write(c, 503, "no_lease", out);
		return true;
	case MANAGED_NO_QR:
		refusal_write(c, 422, "no_qr", out);
		return true;
	case MANAGED_STOPPED_ALREADY:
	case MANAGED_OPEN:
	case MANAGED_INVALID:
		break;
	}
	refusal_write(c, 400, "invalid", out);
	return true;
}

void manage_answer(struct instance *at, const struct stub_call *c, const struct live *l, enum managed result,
	int64_t now_mono_ms, struct stub_answer *out)
{
	static void (*const writers[STUB_PROVIDERS])(struct json_writer *w, const struct instance *at,
		const struct stub_call *c, const struct live *l, int64_t now_mono_ms) = {
		[STUB_BLAZZ] = blazz_write,
		[STUB_WAHA] = waha_write,
		[STUB_EVOLUTION] = evolution_write,
		[STUB_WWEBJS] = wwebjs_write,
	};
	bool created = c->act == STUB_CREATE && c->dialect->provider != STUB_BLAZZ;
	struct json_writer w;

	if (is_refused(c, result, out))
		return;
	if (c->dialect->provider == STUB_EVOLUTION && c->act == STUB_PROBE) { /* no session has the number 0 */
		refusal_write(c, 404, "Instance not found", out);
		return;
	}
	w = stub_answer_begin(out, created ? 201 : 200);
	writers[c->dialect->provider](&w, at, c, l, now_mono_ms);
}
