/* libs/bridge/answer: every answer of the README's tables, by kind. */
#include "sample.h"

struct answer_case {
	const char *name;
	enum bridge_action action;
	int status;
	const char *body;
	enum bridge_outcome outcome;
	enum bridge_observed observed;
	enum bridge_oddity oddity;
};

static struct bridge_answer answer_of(enum bridge_kind kind, enum bridge_action action, int status, struct str body,
	struct arena *a)
{
	const struct exchange_result result = {
		.failure = EXCHANGE_ANSWERED,
		.begun = true,
		.status = status,
		.retry_after_ms = -1,
		.body = body,
	};
	const struct bridge_call call = sample_call(action);
	struct bridge_answer out;

	bridge_answer_read(kind, &call, &result, a, &out);
	return out;
}

static void cases_check(enum bridge_kind kind, const struct answer_case *cases, size_t n)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < n; i++) {
		const struct answer_case *c = &cases[i];
		struct bridge_answer out = answer_of(kind, c->action, c->status, str_of(c->body), a);

		if (out.outcome != c->outcome || out.observed != c->observed || out.oddity != c->oddity)
			fail_msg("%s, %s, %s: %s, %s, %s", bridge_word(kind), bridge_action_word(c->action), c->name,
				bridge_outcome_word(out.outcome), bridge_observed_word(out.observed),
				bridge_oddity_word(out.oddity));
		assert_int_equal(out.qr.n > 0, c->action == BRIDGE_FETCH_QR && c->outcome == BRIDGE_OK);
	}
	arena_free(a);
}

/* What is the same for all kinds. */
static const struct answer_case any[] = {
	{ "wrong key", BRIDGE_LOOK, 401, "{}", BRIDGE_BAD_KEY, OBSERVED_NONE, ODDITY_NONE },
	{ "wrong key, HTML", BRIDGE_DELETE, 401, "<html>", BRIDGE_BAD_KEY, OBSERVED_NONE, ODDITY_NONE },
	{ "too many requests", BRIDGE_START, 429, "{}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
	{ "broken", BRIDGE_LOOK, 500, "{\"status\":\"WORKING\"}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
	{ "a proxy's 502", BRIDGE_LOOK, 502, "<html>", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
	{ "a proxy's 503", BRIDGE_LIST, 503, "", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
	{ "a proxy's 404", BRIDGE_LOOK, 404, "<html>", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "a proxy's 404 without a body", BRIDGE_LOOK, 404, "", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "redirect", BRIDGE_LOOK, 302, "<html>", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "redirect with JSON", BRIDGE_LOOK, 301, "{\"status\":\"WORKING\"}", BRIDGE_REJECTED, OBSERVED_NONE,
		ODDITY_NONE },
	{ "bad request", BRIDGE_CREATE, 400, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "conflict", BRIDGE_START, 409, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "404 to create", BRIDGE_CREATE, 404, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "404 to list", BRIDGE_LIST, 404, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "absent", BRIDGE_LOOK, 404, "{}", BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "absent to delete", BRIDGE_DELETE, 404, "{}", BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "absent to start", BRIDGE_START, 404, "{}", BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "absent to log out", BRIDGE_LOGOUT, 404, "{}", BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "HTML", BRIDGE_LOOK, 200, "<html>welcome</html>", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "nothing", BRIDGE_LOOK, 200, "", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "cut off", BRIDGE_LOOK, 200, "{\"name\":\"sales-1\",\"status\":\"WOR", BRIDGE_BUSY, OBSERVED_NONE,
		ODDITY_NOT_JSON },
	{ "not an object", BRIDGE_LOOK, 200, "[1]", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "no state", BRIDGE_LOOK, 200, "{}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "nothing to a delete", BRIDGE_DELETE, 204, "", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "a list that is none", BRIDGE_LIST, 200, "{\"result\":1,\"success\":true}", BRIDGE_BUSY, OBSERVED_NONE,
		ODDITY_NOT_JSON },
	{ "an empty list's answer", BRIDGE_LIST, 200, "", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
};

static void all_kinds_share_what_statuses_mean(void **state)
{
	(void)state;
	for (enum bridge_kind kind = BRIDGE_BLAZZ; kind <= BRIDGE_EVOLUTION; kind++)
		cases_check(kind, any, COUNT(any));
}

static const struct answer_case blazz[] = {
	{ "lease", BRIDGE_PROBE, 200, "{\"token\":\"t2\",\"capacity\":300,\"sessions\":4}", BRIDGE_OK, OBSERVED_NONE,
		ODDITY_NONE },
	{ "lease without a token", BRIDGE_PROBE, 200, "{\"capacity\":300}", BRIDGE_BUSY, OBSERVED_NONE,
		ODDITY_NOT_JSON },
	{ "lease, token of a wrong type", BRIDGE_PROBE, 200, "{\"token\":7}", BRIDGE_BUSY, OBSERVED_NONE,
		ODDITY_NOT_JSON },
	{ "healthy", BRIDGE_HEALTH, 200, "ok", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "unhealthy", BRIDGE_HEALTH, 503, "", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
	{ "no such page", BRIDGE_HEALTH, 404, "", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "connected", BRIDGE_LOOK, 200, "{\"session_id\":\"sales-1\",\"state\":\"connected\"}", BRIDGE_OK,
		OBSERVED_CONNECTED, ODDITY_NONE },
	{ "authenticated", BRIDGE_LOOK, 200, "{\"state\":\"authenticated\"}", BRIDGE_OK, OBSERVED_STARTING,
		ODDITY_NONE },
	{ "stopped", BRIDGE_LOOK, 200, "{\"state\":\"stopped\"}", BRIDGE_OK, OBSERVED_STOPPED, ODDITY_NONE },
	{ "qr", BRIDGE_LOOK, 200, "{\"state\":\"qr\",\"qr\":\"2@secret\"}", BRIDGE_OK, OBSERVED_QR, ODDITY_NONE },
	{ "failed", BRIDGE_LOOK, 200, "{\"state\":\"failed\"}", BRIDGE_OK, OBSERVED_FAILED, ODDITY_NONE },
	{ "unknown word", BRIDGE_LOOK, 200, "{\"state\":\"dreaming\"}", BRIDGE_OK, OBSERVED_STARTING,
		ODDITY_UNKNOWN_WORD },
	{ "another session", BRIDGE_LOOK, 200, "{\"session_id\":\"sales-2\",\"state\":\"connected\"}", BRIDGE_BUSY,
		OBSERVED_NONE, ODDITY_OTHER_SESSION },
	{ "forbidden", BRIDGE_LOOK, 403, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "created", BRIDGE_CREATE, 200, "{\"session_id\":\"sales-1\",\"state\":\"starting\"}", BRIDGE_OK,
		OBSERVED_STARTING, ODDITY_NONE },
	{ "stopped on request", BRIDGE_STOP, 200, "", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "stale epoch", BRIDGE_START, 409, "{\"error\":{\"code\":\"stale_epoch\"}}", BRIDGE_REJECTED, OBSERVED_NONE,
		ODDITY_NONE },
};

#define WAHA_SESSION(status) "{\"name\":\"sales-1\",\"status\":\"" status "\",\"me\":null}"

static const struct answer_case waha[] = {
	{ "pong", BRIDGE_PROBE, 200, "{\"message\":\"pong\"}", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "something else", BRIDGE_PROBE, 200, "{}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "working", BRIDGE_LOOK, 200, WAHA_SESSION("WORKING"), BRIDGE_OK, OBSERVED_CONNECTED, ODDITY_NONE },
	{ "scan", BRIDGE_LOOK, 200, WAHA_SESSION("SCAN_QR_CODE"), BRIDGE_OK, OBSERVED_QR, ODDITY_NONE },
	{ "starting", BRIDGE_LOOK, 200, WAHA_SESSION("STARTING"), BRIDGE_OK, OBSERVED_STARTING, ODDITY_NONE },
	{ "stopped", BRIDGE_LOOK, 200, WAHA_SESSION("STOPPED"), BRIDGE_OK, OBSERVED_STOPPED, ODDITY_NONE },
	{ "failed", BRIDGE_LOOK, 200, WAHA_SESSION("FAILED"), BRIDGE_OK, OBSERVED_FAILED, ODDITY_NONE },
	{ "unknown word", BRIDGE_LOOK, 200, WAHA_SESSION("PAUSED"), BRIDGE_OK, OBSERVED_STARTING, ODDITY_UNKNOWN_WORD },
	{ "state of a wrong type", BRIDGE_LOOK, 200, "{\"name\":\"sales-1\",\"status\":5}", BRIDGE_BUSY, OBSERVED_NONE,
		ODDITY_NOT_JSON },
	{ "another session", BRIDGE_LOOK, 200, "{\"name\":\"default\",\"status\":\"WORKING\"}", BRIDGE_BUSY,
		OBSERVED_NONE, ODDITY_OTHER_SESSION },
	{ "forbidden", BRIDGE_LOOK, 403, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "no such route", BRIDGE_LOOK, 404,
		"{\"message\":\"Cannot GET /wa/api/sessions/sales-1\",\"error\":\"Not Found\",\"statusCode\":404}",
		BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "absent", BRIDGE_LOOK, 404, "{\"message\":\"Session not found\",\"error\":\"Not Found\",\"statusCode\":404}",
		BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "created", BRIDGE_CREATE, 201, WAHA_SESSION("STARTING"), BRIDGE_OK, OBSERVED_STARTING, ODDITY_NONE },
	{ "exists", BRIDGE_CREATE, 422, "{\"message\":\"Session 'sales-1' already exists. Use PUT to update it.\"}",
		BRIDGE_ALREADY_DONE, OBSERVED_NONE, ODDITY_NONE },
	{ "updated", BRIDGE_UPDATE, 200, WAHA_SESSION("WORKING"), BRIDGE_OK, OBSERVED_CONNECTED, ODDITY_NONE },
	{ "runs", BRIDGE_START, 422, "{\"message\":\"already started\"}", BRIDGE_ALREADY_DONE, OBSERVED_NONE,
		ODDITY_NONE },
	{ "422 to something else", BRIDGE_STOP, 422, "{}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "stopped on request", BRIDGE_STOP, 201, WAHA_SESSION("STOPPED"), BRIDGE_OK, OBSERVED_STOPPED, ODDITY_NONE },
	{ "deleted", BRIDGE_DELETE, 200, "", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "QR code", BRIDGE_FETCH_QR, 200, "{\"value\":\"2@abc\"}", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "QR code is missing", BRIDGE_FETCH_QR, 200, "{}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "no QR code now", BRIDGE_FETCH_QR, 422, "{\"session\":\"sales-1\",\"status\":\"WORKING\"}", BRIDGE_REJECTED,
		OBSERVED_NONE, ODDITY_NONE },
};

#define EVOLUTION_STATE(state) "{\"instance\":{\"instanceName\":\"sales-1\",\"state\":\"" state "\"}}"
#define EVOLUTION_ERROR(status, text) \
	"{\"status\":" status ",\"error\":\"e\",\"response\":{\"message\":[\"" text "\"]}}"

static const struct answer_case evolution[] = {
	{ "nothing with that number", BRIDGE_PROBE, 404, EVOLUTION_ERROR("404", "no instance"), BRIDGE_OK,
		OBSERVED_NONE, ODDITY_NONE },
	{ "an empty list", BRIDGE_PROBE, 200, "[]", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "a proxy's 404", BRIDGE_PROBE, 404, "<html>", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NOT_JSON },
	{ "open", BRIDGE_LOOK, 200, EVOLUTION_STATE("open"), BRIDGE_OK, OBSERVED_CONNECTED, ODDITY_NONE },
	{ "connecting", BRIDGE_LOOK, 200, EVOLUTION_STATE("connecting"), BRIDGE_OK, OBSERVED_STARTING, ODDITY_NONE },
	{ "close", BRIDGE_LOOK, 200, EVOLUTION_STATE("close"), BRIDGE_OK, OBSERVED_STOPPED, ODDITY_NONE },
	{ "unknown word", BRIDGE_LOOK, 200, EVOLUTION_STATE("refused"), BRIDGE_OK, OBSERVED_STARTING,
		ODDITY_UNKNOWN_WORD },
	{ "another session", BRIDGE_LOOK, 200, "{\"instance\":{\"instanceName\":\"x\",\"state\":\"open\"}}",
		BRIDGE_BUSY, OBSERVED_NONE, ODDITY_OTHER_SESSION },
	{ "absent", BRIDGE_LOOK, 404, EVOLUTION_ERROR("404", "The \\\"sales-1\\\" instance does not exist"),
		BRIDGE_GONE, OBSERVED_ABSENT, ODDITY_NONE },
	{ "no such route", BRIDGE_LOOK, 404, EVOLUTION_ERROR("404", "Cannot GET /instance"), BRIDGE_REJECTED,
		OBSERVED_NONE, ODDITY_NONE },
	{ "error under 200", BRIDGE_START, 200, "{\"error\":true,\"message\":\"Error: no\"}", BRIDGE_REJECTED,
		OBSERVED_NONE, ODDITY_NONE },
	{ "error under 200 to a look", BRIDGE_LOOK, 200, "{\"error\":true}", BRIDGE_REJECTED, OBSERVED_NONE,
		ODDITY_NONE },
	{ "created, with a QR code", BRIDGE_CREATE, 201,
		"{\"instance\":{\"instanceName\":\"sales-1\",\"status\":\"created\"},\"hash\":\"key\",\"qrcode\":{\"code\":"
		"\"2@a\",\"base64\":\"data:image/png;base64,AA\"}}",
		BRIDGE_OK, OBSERVED_QR, ODDITY_NONE },
	{ "created, without", BRIDGE_CREATE, 201, "{\"instance\":{\"instanceName\":\"sales-1\"}}", BRIDGE_OK,
		OBSERVED_NONE, ODDITY_NONE },
	{ "exists", BRIDGE_CREATE, 403, EVOLUTION_ERROR("403", "already in use"), BRIDGE_ALREADY_DONE, OBSERVED_NONE,
		ODDITY_NONE },
	{ "forbidden", BRIDGE_LOOK, 403, EVOLUTION_ERROR("403", "no"), BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "started, with a QR code", BRIDGE_START, 200, "{\"pairingCode\":null,\"code\":\"2@a\",\"count\":1}",
		BRIDGE_OK, OBSERVED_QR, ODDITY_NONE },
	{ "started", BRIDGE_START, 200, "{\"count\":0}", BRIDGE_OK, OBSERVED_NONE, ODDITY_NONE },
	{ "runs", BRIDGE_START, 200, EVOLUTION_STATE("open"), BRIDGE_ALREADY_DONE, OBSERVED_CONNECTED, ODDITY_NONE },
	{ "restarted", BRIDGE_RESTART, 200, EVOLUTION_STATE("open"), BRIDGE_OK, OBSERVED_CONNECTED, ODDITY_NONE },
	{ "logged out", BRIDGE_LOGOUT, 200, "{\"status\":\"SUCCESS\",\"error\":false}", BRIDGE_OK, OBSERVED_NONE,
		ODDITY_NONE },
	{ "closed already", BRIDGE_LOGOUT, 400, EVOLUTION_ERROR("400", "not connected"), BRIDGE_ALREADY_DONE,
		OBSERVED_NONE, ODDITY_NONE },
	{ "deleted while open", BRIDGE_DELETE, 400, EVOLUTION_ERROR("400", "needs to be disconnected"), BRIDGE_REJECTED,
		OBSERVED_NONE, ODDITY_NONE },
	{ "deleted", BRIDGE_DELETE, 200, "{\"status\":\"SUCCESS\",\"error\":false}", BRIDGE_OK, OBSERVED_NONE,
		ODDITY_NONE },
};

#define WWEBJS_STATE(success, state, message) \
	"{\"success\":" success ",\"state\":" state ",\"message\":\"" message "\"}"

static const struct answer_case wwebjs[] = {
	{ "answers", BRIDGE_PROBE, 200, "{\"success\":true,\"result\":[\"a\"]}", BRIDGE_OK, OBSERVED_NONE,
		ODDITY_NONE },
	{ "wrong key", BRIDGE_PROBE, 403, "{\"success\":false,\"error\":\"Invalid API key\"}", BRIDGE_BAD_KEY,
		OBSERVED_NONE, ODDITY_NONE },
	{ "connected", BRIDGE_LOOK, 200, WWEBJS_STATE("true", "\"CONNECTED\"", "session_connected"), BRIDGE_OK,
		OBSERVED_CONNECTED, ODDITY_NONE },
	{ "opening", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "\"OPENING\"", "session_not_connected"), BRIDGE_OK,
		OBSERVED_STARTING, ODDITY_NONE },
	{ "pairing", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "\"PAIRING\"", "session_not_connected"), BRIDGE_OK,
		OBSERVED_STARTING, ODDITY_NONE },
	{ "no page yet", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "null", "session_not_connected"), BRIDGE_OK,
		OBSERVED_STARTING, ODDITY_NONE },
	{ "unknown state", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "\"UNLAUNCHED\"", "session_not_connected"),
		BRIDGE_OK, OBSERVED_STARTING, ODDITY_UNKNOWN_WORD },
	{ "its tab is closed", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "null", "browser tab closed"), BRIDGE_OK,
		OBSERVED_STARTING, ODDITY_UNKNOWN_WORD },
	{ "absent", BRIDGE_LOOK, 200, WWEBJS_STATE("false", "null", "session_not_found"), BRIDGE_GONE, OBSERVED_ABSENT,
		ODDITY_NONE },
	{ "absent, by status", BRIDGE_STOP, 404, "{\"success\":false,\"error\":\"session_not_found\"}", BRIDGE_GONE,
		OBSERVED_ABSENT, ODDITY_NONE },
	{ "started", BRIDGE_START, 200, "{\"success\":true,\"message\":\"Session initiated successfully\"}", BRIDGE_OK,
		OBSERVED_NONE, ODDITY_NONE },
	{ "runs", BRIDGE_START, 422, "{\"success\":false,\"error\":\"Session already exists for: sales-1\"}",
		BRIDGE_ALREADY_DONE, OBSERVED_NONE, ODDITY_NONE },
	{ "runs, whatever the text says", BRIDGE_START, 422, "{\"message\":\"session_not_found\"}", BRIDGE_ALREADY_DONE,
		OBSERVED_NONE, ODDITY_NONE },
	{ "runs, to create", BRIDGE_CREATE, 422, "{\"success\":false}", BRIDGE_ALREADY_DONE, OBSERVED_NONE,
		ODDITY_NONE },
	{ "name is wrong", BRIDGE_STOP, 422, "{\"success\":false,\"error\":\"Session ID should be alphanumerical\"}",
		BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
	{ "rejected under 200", BRIDGE_RESTART, 200, "{\"success\":false,\"error\":\"no\"}", BRIDGE_REJECTED,
		OBSERVED_NONE, ODDITY_NONE },
	{ "nothing to terminate", BRIDGE_DELETE, 200, WWEBJS_STATE("false", "null", "session_not_found"), BRIDGE_GONE,
		OBSERVED_ABSENT, ODDITY_NONE },
	{ "nothing to restart", BRIDGE_RESTART, 200, WWEBJS_STATE("false", "null", "session_not_found"), BRIDGE_GONE,
		OBSERVED_ABSENT, ODDITY_NONE },
	{ "terminated", BRIDGE_DELETE, 200, "{\"success\":true,\"message\":\"Logged out successfully\"}", BRIDGE_OK,
		OBSERVED_NONE, ODDITY_NONE },
	{ "list is rejected", BRIDGE_LIST, 200, "{\"success\":false,\"error\":\"no\"}", BRIDGE_REJECTED, OBSERVED_NONE,
		ODDITY_NONE },
};

static void blazz_answers_as_its_contract_says(void **state)
{
	(void)state;
	cases_check(BRIDGE_BLAZZ, blazz, COUNT(blazz));
}

static void waha_answers_mean_what_its_documentation_says(void **state)
{
	(void)state;
	cases_check(BRIDGE_WAHA, waha, COUNT(waha));
}

static void evolution_answers_mean_what_its_source_says(void **state)
{
	(void)state;
	cases_check(BRIDGE_EVOLUTION, evolution, COUNT(evolution));
}

static void wwebjs_answers_mean_what_its_source_says(void **state)
{
	(void)state;
	cases_check(BRIDGE_WWEBJS, wwebjs, COUNT(wwebjs));
}

static void an_exchange_without_an_answer_is_busy_unless_its_address_is_not_allowed(void **state)
{
	static const struct {
		enum exchange_failure failure;
		enum bridge_outcome outcome;
	} failures[] = {
		{ EXCHANGE_DNS, BRIDGE_BUSY },
		{ EXCHANGE_CONNECT, BRIDGE_BUSY },
		{ EXCHANGE_TLS, BRIDGE_BUSY },
		{ EXCHANGE_TIMEOUT, BRIDGE_BUSY },
		{ EXCHANGE_BROKEN, BRIDGE_BUSY },
		{ EXCHANGE_ABORTED, BRIDGE_BUSY },
		{ EXCHANGE_REFUSED, BRIDGE_REJECTED },
	};
	const struct bridge_call call = sample_call(BRIDGE_LOOK);
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++) {
		struct exchange_result result = exchange_failed(failures[i].failure, "", true);
		struct bridge_answer out;

		result.status = 200; /* may be set before the exchange fails */
		result.body = STR("{\"status\":\"WORKING\"}");
		bridge_answer_read(BRIDGE_WAHA, &call, &result, a, &out);
		assert_int_equal(out.outcome, failures[i].outcome);
		assert_int_equal(out.observed, OBSERVED_NONE);
	}
	arena_free(a);
}

static void a_lease_gives_token_and_capacity(void **state)
{
	struct arena *a = arena_new(0);
	struct bridge_answer out = answer_of(BRIDGE_BLAZZ, BRIDGE_PROBE, 200,
		STR("{\"token\":\"t2\",\"capacity\":300,\"sessions\":4}"), a);

	(void)state;
	assert_true(str_is(out.token, "t2"));
	assert_int_equal(out.capacity, 300);
	assert_int_equal(out.sessions, 4);
	out = answer_of(BRIDGE_BLAZZ, BRIDGE_PROBE, 200, STR("{\"token\":\"t\",\"capacity\":-1,\"sessions\":\"4\"}"),
		a);
	assert_int_equal(out.capacity, -1);
	assert_int_equal(out.sessions, -1);
	arena_free(a);
}

static void only_409_of_our_own_bridge_is_a_stale_epoch(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_true(answer_of(BRIDGE_BLAZZ, BRIDGE_CREATE, 409, STR("{}"), a).stale_epoch);
	assert_false(answer_of(BRIDGE_BLAZZ, BRIDGE_CREATE, 400, STR("{}"), a).stale_epoch);
	assert_false(answer_of(BRIDGE_WAHA, BRIDGE_CREATE, 409, STR("{}"), a).stale_epoch);
	arena_free(a);
}

static void a_phone_is_the_digits_of_an_account_only(void **state)
{
	static const struct {
		const char *id, *phone;
	} ids[] = {
		{ "6281234567890@c.us", "6281234567890" },
		{ "6281234567890:4@s.whatsapp.net", "6281234567890" },
		{ "6281234567890", "6281234567890" },
		{ "777@lid", "" },
		{ "abc@c.us", "" },
		{ "@c.us", "" },
		{ "123456789012345678901@c.us", "" },
	};
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct str body = arena_printf(a, "{\"status\":\"WORKING\",\"me\":{\"id\":\"%s\"}}", ids[i].id);
		struct bridge_answer out = answer_of(BRIDGE_WAHA, BRIDGE_LOOK, 200, body, a);

		assert_int_equal(out.phone.n, strlen(ids[i].phone));
		assert_int_equal(out.phone.n == 0 || str_is(out.phone, ids[i].phone), 1);
	}
	arena_free(a);
}

static void a_qr_code_has_a_bound(void **state)
{
	struct arena *a = arena_new(0);
	struct buf body = BUF_INIT;
	struct bridge_answer out = answer_of(BRIDGE_WAHA, BRIDGE_FETCH_QR, 200, STR("{\"value\":\"2@abc\"}"), a);

	(void)state;
	assert_true(str_is(out.qr, "2@abc"));
	buf_printf(&body, "{\"value\":\"%0*d\"}", BRIDGE_QR_BYTES + 1, 0);
	out = answer_of(BRIDGE_WAHA, BRIDGE_FETCH_QR, 200, buf_str(&body), a);
	assert_int_equal(out.outcome, BRIDGE_BUSY);
	assert_null(out.qr.p);
	buf_fini(&body);
	arena_free(a);
}

static const struct {
	enum bridge_kind kind;
	const char *body;
	enum bridge_observed first, second;
	const char *phone;
} lists[] = {
	{ BRIDGE_BLAZZ,
		"{\"sessions\":[{\"session_id\":\"a\",\"state\":\"connected\",\"phone\":\"628\"},{\"session_id\":\"b\","
		"\"state\":\"?\"},{\"state\":\"qr\"}]}",
		OBSERVED_CONNECTED, OBSERVED_STARTING, "628" },
	{ BRIDGE_WAHA,
		"[{\"name\":\"a\",\"status\":\"WORKING\",\"me\":{\"id\":\"628@c.us\"}},{\"name\":\"b\",\"status\":\"?\"},"
		"{\"name\":\"\"},5]",
		OBSERVED_CONNECTED, OBSERVED_STARTING, "628" },
	{ BRIDGE_EVOLUTION,
		"[{\"name\":\"a\",\"connectionStatus\":\"open\",\"ownerJid\":\"628@s.whatsapp.net\",\"token\":\"secret\"},"
		"{\"name\":\"b\",\"connectionStatus\":\"?\",\"ownerJid\":null},{}]",
		OBSERVED_CONNECTED, OBSERVED_STARTING, "628" },
	{ BRIDGE_WWEBJS, "{\"success\":true,\"result\":[\"a\",\"b\",7]}", OBSERVED_NONE, OBSERVED_NONE, "" },
};

static void a_list_has_the_sessions_that_have_a_name(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct bridge_answer out = answer_of(lists[i].kind, BRIDGE_LIST, 200, str_of(lists[i].body), a);

		assert_int_equal(out.outcome, BRIDGE_OK);
		assert_int_equal(out.n_list, 2);
		assert_true(str_is(out.list[0].name, "a"));
		assert_true(str_is(out.list[1].name, "b"));
		assert_int_equal(out.list[0].observed, lists[i].first);
		assert_int_equal(out.list[1].observed, lists[i].second);
		assert_true(out.list[0].phone.n == strlen(lists[i].phone));
		assert_int_equal(out.oddity, lists[i].second == OBSERVED_STARTING ? ODDITY_UNKNOWN_WORD : ODDITY_NONE);
	}
	arena_free(a);
}

static void a_list_that_is_too_long_is_none(void **state)
{
	struct arena *a = arena_new(0);
	struct buf body = BUF_INIT;

	(void)state;
	for (int n = BRIDGE_LIST_MAX; n <= BRIDGE_LIST_MAX + 1; n++) {
		struct bridge_answer out;

		buf_clear(&body);
		for (int i = 0; i < n; i++)
			buf_printf(&body, "%s{\"name\":\"s%d\",\"status\":\"WORKING\"}", i ? "," : "[", i);
		buf_add_char(&body, ']');
		out = answer_of(BRIDGE_WAHA, BRIDGE_LIST, 200, buf_str(&body), a);
		assert_int_equal(out.outcome, n > BRIDGE_LIST_MAX ? BRIDGE_BUSY : BRIDGE_OK);
		assert_int_equal(out.oddity, n > BRIDGE_LIST_MAX ? ODDITY_TOO_MANY : ODDITY_NONE);
		assert_int_equal(out.n_list, n > BRIDGE_LIST_MAX ? 0 : n);
	}
	buf_fini(&body);
	arena_free(a);
}

static void an_error_is_kept_of_refusals_only_and_cut(void **state)
{
	struct arena *a = arena_new(0);
	struct buf body = BUF_INIT;
	struct bridge_answer out =
		answer_of(BRIDGE_EVOLUTION, BRIDGE_DELETE, 400, STR(EVOLUTION_ERROR("400", "is open")), a);

	(void)state;
	assert_true(str_is(out.error, "is open"));
	out = answer_of(BRIDGE_WWEBJS, BRIDGE_START, 200, STR("{\"success\":true,\"message\":\"2@code\"}"), a);
	assert_null(out.error.p);
	buf_printf(&body, "{\"message\":\"%0*d\"}", 2 * BRIDGE_ERROR_BYTES, 0);
	out = answer_of(BRIDGE_WAHA, BRIDGE_STOP, 400, buf_str(&body), a);
	assert_int_equal(out.error.n, BRIDGE_ERROR_BYTES);
	buf_fini(&body);
	arena_free(a);
}

static void a_call_that_the_kind_does_not_have_is_rejected(void **state)
{
	struct arena *a = arena_new(0);

	(void)state;
	assert_int_equal(answer_of(BRIDGE_EVOLUTION, BRIDGE_STOP, 200, STR("{}"), a).outcome, BRIDGE_REJECTED);
	assert_int_equal(answer_of(BRIDGE_NONE, BRIDGE_LOOK, 200, STR("{}"), a).outcome, BRIDGE_REJECTED);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_share_what_statuses_mean),
		cmocka_unit_test(blazz_answers_as_its_contract_says),
		cmocka_unit_test(waha_answers_mean_what_its_documentation_says),
		cmocka_unit_test(evolution_answers_mean_what_its_source_says),
		cmocka_unit_test(wwebjs_answers_mean_what_its_source_says),
		cmocka_unit_test(an_exchange_without_an_answer_is_busy_unless_its_address_is_not_allowed),
		cmocka_unit_test(a_lease_gives_token_and_capacity),
		cmocka_unit_test(only_409_of_our_own_bridge_is_a_stale_epoch),
		cmocka_unit_test(a_phone_is_the_digits_of_an_account_only),
		cmocka_unit_test(a_qr_code_has_a_bound),
		cmocka_unit_test(a_list_has_the_sessions_that_have_a_name),
		cmocka_unit_test(a_list_that_is_too_long_is_none),
		cmocka_unit_test(an_error_is_kept_of_refusals_only_and_cut),
		cmocka_unit_test(a_call_that_the_kind_does_not_have_is_rejected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
