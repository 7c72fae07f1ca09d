/* What calls to instances are, and what they do. See manage.h. Sources: libs/bridge/README.md; Evolution API 2.3.6,
 * src/api/controllers/instance.controller.ts; wwebjs-api, src/controllers/sessionController.js. */
#include "manage.h"

#define NAME_BYTES_MAX 600

static const struct {
	enum stub_provider provider;
	const char *method, *path; /* "{}": the session's name */
	enum stub_act act;
} routes[] = {
	{ STUB_BLAZZ, "POST", "/api/lease", STUB_PROBE },
	{ STUB_BLAZZ, "GET", "/health", STUB_HEALTH },
	{ STUB_BLAZZ, "GET", "/api/sessions/status", STUB_LIST },
	{ STUB_BLAZZ, "GET", "/api/sessions/{}", STUB_LOOK },
	{ STUB_BLAZZ, "POST", "/api/sessions", STUB_CREATE },
	{ STUB_BLAZZ, "POST", "/api/sessions/{}/stop", STUB_STOP },
	{ STUB_BLAZZ, "POST", "/api/sessions/{}/logout", STUB_LOGOUT },
	{ STUB_BLAZZ, "POST", "/api/sessions/{}/sync", STUB_SYNC },
	{ STUB_BLAZZ, "DELETE", "/api/sessions/{}", STUB_DELETE },
	{ STUB_WAHA, "GET", "/ping", STUB_PROBE },
	{ STUB_WAHA, "GET", "/api/sessions", STUB_LIST },
	{ STUB_WAHA, "GET", "/api/sessions/{}", STUB_LOOK },
	{ STUB_WAHA, "POST", "/api/sessions", STUB_CREATE },
	{ STUB_WAHA, "PUT", "/api/sessions/{}", STUB_UPDATE },
	{ STUB_WAHA, "POST", "/api/sessions/{}/start", STUB_START },
	{ STUB_WAHA, "POST", "/api/sessions/{}/stop", STUB_STOP },
	{ STUB_WAHA, "POST", "/api/sessions/{}/restart", STUB_RESTART },
	{ STUB_WAHA, "POST", "/api/sessions/{}/logout", STUB_LOGOUT },
	{ STUB_WAHA, "DELETE", "/api/sessions/{}", STUB_DELETE },
	{ STUB_WAHA, "GET", "/api/{}/auth/qr", STUB_FETCH_QR },
	{ STUB_EVOLUTION, "GET", "/instance/fetchInstances", STUB_LIST },
	{ STUB_EVOLUTION, "GET", "/instance/connectionState/{}", STUB_LOOK },
	{ STUB_EVOLUTION, "POST", "/instance/create", STUB_CREATE },
	{ STUB_EVOLUTION, "GET", "/instance/connect/{}", STUB_START },
	{ STUB_EVOLUTION, "POST", "/instance/restart/{}", STUB_RESTART },
	{ STUB_EVOLUTION, "DELETE", "/instance/logout/{}", STUB_LOGOUT },
	{ STUB_EVOLUTION, "DELETE", "/instance/delete/{}", STUB_DELETE },
	{ STUB_WWEBJS, "GET", "/session/getSessions", STUB_LIST },
	{ STUB_WWEBJS, "GET", "/session/status/{}", STUB_LOOK },
	{ STUB_WWEBJS, "GET", "/session/start/{}", STUB_START },
	{ STUB_WWEBJS, "GET", "/session/stop/{}", STUB_STOP },
	{ STUB_WWEBJS, "GET", "/session/restart/{}", STUB_RESTART },
	{ STUB_WWEBJS, "GET", "/session/terminate/{}", STUB_DELETE },
};

/* Segment by segment; the name is the segment at "{}". */
static bool matches(struct str pattern, struct str path, struct str *name)
{
	bool more = true;

	*name = STR_NONE;
	if (stub_segments(pattern) != stub_segments(path))
		return false;
	for (size_t i = 0; more && i < stub_segments(pattern); i++) {
		struct str wanted = stub_segment(pattern, i), got = stub_segment(path, i);

		if (str_is(wanted, "{}"))
			*name = got;
		more = str_is(wanted, "{}") ? got.n > 0 : str_eq(wanted, got);
	}
	return more;
}

bool manage_route(struct stub_call *c, enum stub_provider provider, struct str method, struct str path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (routes[i].provider != provider || !str_is(method, routes[i].method) ||
			!matches(str_of(routes[i].path), path, &c->account))
			continue;
		c->act = routes[i].act;
		return true;
	}
	return false;
}

/* The session that a body names. */
static struct str named(const struct stub_call *c)
{
	static const char *const members[STUB_PROVIDERS] = {
		[STUB_BLAZZ] = "session_id",
		[STUB_WAHA] = "name",
		[STUB_EVOLUTION] = "instanceName",
	};
	const char *member = members[c->dialect->provider];

	return c->account.n > 0 || !member ? c->account : json_str(json_get(c->body, member));
}

static bool is_stopped(const struct live *l)
{
	return l->state == LIVE_STOPPED || l->state == LIVE_FAILED;
}

/* Blazz and wwebjs-api create and start by the same call. */
static enum managed create(struct instance *at, const struct stub_call *c, struct live *l, int64_t now_mono_ms)
{
	int64_t epoch = 0;

	if (at->provider == STUB_BLAZZ) {
		if (!json_to_i64(json_get(c->body, "epoch"), &epoch) || !json_str(json_get(c->body, "webhook_url")).p)
			return MANAGED_INVALID;
		if (epoch < l->epoch)
			return MANAGED_STALE;
		if (!instance_has_lease(at, now_mono_ms))
			return MANAGED_NO_LEASE;
		l->epoch = epoch;
	} else if (l->state != LIVE_ABSENT && c->act == STUB_CREATE) {
		return MANAGED_EXISTS;
	}
	if (l->state == LIVE_ABSENT || is_stopped(l))
		live_start(at, l, now_mono_ms);
	else if (at->provider != STUB_BLAZZ)
		return MANAGED_RUNS;
	return MANAGED_DONE;
}

static enum managed removed(const struct instance *at, struct live *l)
{
	if (at->provider == STUB_EVOLUTION && l->state == LIVE_CONNECTED)
		return MANAGED_OPEN;
	live_logout(l);
	l->state = LIVE_ABSENT;
	return MANAGED_DONE;
}

static enum managed logged_out(const struct instance *at, struct live *l)
{
	bool closed = at->provider == STUB_EVOLUTION && is_stopped(l);

	if (!closed)
		live_logout(l);
	return closed ? MANAGED_STOPPED_ALREADY : MANAGED_DONE;
}

static enum managed change(struct instance *at, const struct stub_call *c, struct live *l, int64_t now_mono_ms)
{
	switch (c->act) {
	case STUB_START:
		return create(at, c, l, now_mono_ms);
	case STUB_STOP:
		l->state = LIVE_STOPPED;
		l->ready_mono_ms = 0;
		return MANAGED_DONE;
	case STUB_RESTART:
		live_start(at, l, now_mono_ms);
		return MANAGED_DONE;
	case STUB_LOGOUT:
		return logged_out(at, l);
	case STUB_DELETE:
		return removed(at, l);
	case STUB_FETCH_QR:
		return live_state_of(l, now_mono_ms) == LIVE_QR ? MANAGED_DONE : MANAGED_NO_QR;
	default:
		return MANAGED_DONE;
	}
}

/* wwebjs-api knows running sessions only; what it has on disk can be started. */
static bool is_unknown(const struct instance *at, const struct stub_call *c, const struct live *l)
{
	if (!l || l->state == LIVE_ABSENT)
		return at->provider != STUB_WWEBJS || c->act != STUB_START;
	return at->provider == STUB_WWEBJS && l->state == LIVE_STOPPED && c->act != STUB_START && c->act != STUB_STOP;
}

enum managed manage_do(struct instance *at, const struct stub_call *c, int64_t now_mono_ms, struct live **l)
{
	bool makes = c->act == STUB_CREATE || (at->provider == STUB_WWEBJS && c->act == STUB_START);
	int64_t ttl_s = 0;

	*l = NULL;
	if (c->act == STUB_PROBE && at->provider == STUB_BLAZZ) {
		if (!json_to_i64(json_get(c->body, "ttl_s"), &ttl_s) || ttl_s < 1)
			return MANAGED_INVALID;
		instance_lease(at, json_str(json_get(c->body, "token")), ttl_s * 1000, now_mono_ms);
	}
	if (c->act <= STUB_LIST)
		return MANAGED_DONE;
	if (c->account.n == 0 || c->account.n > NAME_BYTES_MAX)
		return MANAGED_INVALID;
	*l = instance_live(at, c->account, makes);
	if ((!*l || (*l)->state == LIVE_ABSENT) && at->provider == STUB_WWEBJS && c->act == STUB_STOP)
		return MANAGED_DONE; /* success, whatever the name */
	if (c->act == STUB_CREATE)
		return *l ? create(at, c, *l, now_mono_ms) : MANAGED_INVALID;
	return is_unknown(at, c, *l) || !*l ? MANAGED_ABSENT : change(at, c, *l, now_mono_ms);
}

void manage_name(struct stub_call *c)
{
	c->account = named(c);
}
