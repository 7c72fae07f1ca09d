/* See answer.h. Invariant: an answer that is not the bridge's own (a proxy's page, another session's state) is never taken
 * for an observation. */
#include "bridge/answer.h"

#include "base/utf8.h"
#include "bridge/kind.h"

#define PHONE_DIGITS_MAX 20

static const char *const outcomes[BRIDGE_OUTCOMES] = {
	[BRIDGE_OK] = "ok",
	[BRIDGE_ALREADY_DONE] = "already_done",
	[BRIDGE_GONE] = "gone",
	[BRIDGE_BUSY] = "busy",
	[BRIDGE_REJECTED] = "rejected",
	[BRIDGE_BAD_KEY] = "bad_key",
};
static const char *const observations[OBSERVED_COUNT] = {
	[OBSERVED_NONE] = "",
	[OBSERVED_ABSENT] = "absent",
	[OBSERVED_STOPPED] = "stopped",
	[OBSERVED_STARTING] = "starting",
	[OBSERVED_QR] = "qr",
	[OBSERVED_CONNECTED] = "connected",
	[OBSERVED_FAILED] = "failed",
};
static const char *const oddities[ODDITIES] = {
	[ODDITY_NONE] = "",
	[ODDITY_NOT_JSON] = "not_json",
	[ODDITY_OTHER_SESSION] = "other_session",
	[ODDITY_UNKNOWN_WORD] = "unknown_word",
	[ODDITY_TOO_MANY] = "too_many",
};

/* The words of all kinds, which do not contradict each other. */
static const struct {
	const char *word;
	enum bridge_observed observed;
} states[] = {
	{ "WORKING", OBSERVED_CONNECTED },
	{ "open", OBSERVED_CONNECTED },
	{ "CONNECTED", OBSERVED_CONNECTED },
	{ "connected", OBSERVED_CONNECTED },
	{ "SCAN_QR_CODE", OBSERVED_QR },
	{ "qr", OBSERVED_QR },
	{ "STARTING", OBSERVED_STARTING },
	{ "connecting", OBSERVED_STARTING },
	{ "OPENING", OBSERVED_STARTING },
	{ "PAIRING", OBSERVED_STARTING },
	{ "starting", OBSERVED_STARTING },
	{ "authenticated", OBSERVED_STARTING },
	{ "STOPPED", OBSERVED_STOPPED },
	{ "close", OBSERVED_STOPPED },
	{ "stopped", OBSERVED_STOPPED },
	{ "FAILED", OBSERVED_FAILED },
	{ "failed", OBSERVED_FAILED },
};

const char *bridge_outcome_word(enum bridge_outcome outcome)
{
	return outcomes[outcome];
}

const char *bridge_observed_word(enum bridge_observed observed)
{
	return observations[observed];
}

const char *bridge_oddity_word(enum bridge_oddity oddity)
{
	return oddities[oddity];
}

bool bridge_is_success(const struct bridge_reading *r)
{
	return r->status >= 200 && r->status < 300;
}

void bridge_odd(struct bridge_reading *r, enum bridge_oddity oddity)
{
	r->out->outcome = BRIDGE_BUSY;
	r->out->observed = OBSERVED_NONE;
	r->out->oddity = oddity;
}

void bridge_gone(struct bridge_reading *r)
{
	r->out->outcome = BRIDGE_GONE;
	r->out->observed = OBSERVED_ABSENT;
}

/* Of Express and NestJS, when the route does not exist: the URL is wrong, or the version. */
static bool is_of_route(struct str text)
{
	return str_starts(text, STR("Cannot GET ")) || str_starts(text, STR("Cannot POST ")) ||
		str_starts(text, STR("Cannot PUT ")) || str_starts(text, STR("Cannot DELETE "));
}

void bridge_absence_read(struct bridge_reading *r, struct str text)
{
	if (r->status == 404 && json_is_obj(r->body) && r->call->action != BRIDGE_CREATE &&
		bridge_is_about_session(r->call->action) && !is_of_route(text))
		bridge_gone(r);
}

void bridge_error_text(struct bridge_reading *r, struct str text)
{
	if (text.n > 0)
		r->out->error = arena_str(r->arena, utf8_truncate(text, BRIDGE_ERROR_BYTES));
}

bool bridge_name_check(struct bridge_reading *r, struct str name)
{
	if (name.n == 0 || str_eq(name, r->call->session.name))
		return true;
	bridge_odd(r, ODDITY_OTHER_SESSION);
	return false;
}

enum bridge_observed bridge_observed_of(struct str word, bool *known)
{
	*known = true;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (str_is(word, states[i].word))
			return states[i].observed;
	*known = false;
	return OBSERVED_STARTING;
}

void bridge_state_read(struct bridge_reading *r, struct str word)
{
	bool known;

	if (word.n == 0) {
		bridge_odd(r, ODDITY_NOT_JSON);
		return;
	}
	r->out->observed = bridge_observed_of(word, &known);
	if (!known)
		r->out->oddity = ODDITY_UNKNOWN_WORD;
}

struct str bridge_phone(struct str address, struct arena *a)
{
	struct str user = address, server = STR_NONE, device;

	if (str_cut(address, '@', &user, &server) && !str_is(server, "s.whatsapp.net") && !str_is(server, "c.us"))
		return STR_NONE;
	str_cut(user, ':', &user, &device);
	return str_all_digits(user) && user.n <= PHONE_DIGITS_MAX ? arena_str(a, user) : STR_NONE;
}

void bridge_list_read(struct bridge_reading *r, const json *list,
	void (*item)(const json *v, struct bridge_listed *out, struct bridge_reading *r))
{
	struct json_iter it = json_iter(list);
	struct bridge_listed *found;
	const json *v;
	size_t n = 0;

	if (!json_is_arr(list) || json_count(list) > BRIDGE_LIST_MAX) {
		bridge_odd(r, json_is_arr(list) ? ODDITY_TOO_MANY : ODDITY_NOT_JSON);
		return;
	}
	found = ARENA_ARRAY(r->arena, struct bridge_listed, json_count(list) + 1);
	while ((v = json_next(&it))) {
		struct bridge_listed one = { .name = STR_NONE };

		item(v, &one, r);
		one.name = arena_str(r->arena, one.name);
		if (one.name.n > 0 && one.name.n <= WIRE_MAX_ID_BYTES)
			found[n++] = one;
	}
	r->out->list = found;
	r->out->n_list = n;
}

/* Decides what no body can change. */
static bool is_decided(const struct bridge_api *api, const struct exchange_result *result, struct bridge_answer *out)
{
	bool refused_key = result->status == 401 || (result->status == 403 && api->forbidden_is_bad_key);

	out->outcome = BRIDGE_BUSY;
	if (result->failure == EXCHANGE_REFUSED)
		out->outcome = BRIDGE_REJECTED; /* an address that the guard does not admit */
	else if (result->failure == EXCHANGE_ANSWERED && refused_key)
		out->outcome = BRIDGE_BAD_KEY;
	else if (result->failure == EXCHANGE_ANSWERED && result->status >= 200 && result->status < 500)
		return result->status == 429;
	return true;
}

/* Calls that change something may be answered without a body. */
static bool may_be_empty(enum bridge_action action)
{
	return action >= BRIDGE_CREATE && action != BRIDGE_FETCH_QR;
}

static void read_json(const struct bridge_api *api, struct bridge_reading *r, struct str text)
{
	struct json_doc *doc = NULL;
	bool parsed = text.n > 0 && json_parse(&doc, text, NULL) == 0;

	r->body = parsed ? json_root(doc) : NULL;
	r->out->outcome = bridge_is_success(r) ? BRIDGE_OK : BRIDGE_REJECTED;
	if (parsed || (text.n == 0 && may_be_empty(r->call->action) && bridge_is_success(r)))
		api->read(r);
	else if (bridge_is_success(r))
		bridge_odd(r, ODDITY_NOT_JSON);
	else
		r->out->oddity = ODDITY_NOT_JSON; /* a proxy's answer, or of a wrong URL */
	json_free(doc);
}

void bridge_answer_read(enum bridge_kind kind, const struct bridge_call *call, const struct exchange_result *result,
	struct arena *a, struct bridge_answer *out)
{
	const struct bridge_api *api = bridge_api_of(kind);
	struct bridge_reading r = { .call = call, .status = result->status, .arena = a, .out = out };

	*out = (struct bridge_answer){
		.outcome = BRIDGE_REJECTED,
		.retry_after_ms = result->retry_after_ms,
		.capacity = -1,
		.sessions = -1,
	};
	if (!api || !api->routes[call->action].path || is_decided(api, result, out))
		return;
	out->outcome = bridge_is_success(&r) ? BRIDGE_OK : BRIDGE_REJECTED;
	if (call->action != BRIDGE_HEALTH)
		read_json(api, &r, result->body);
}
