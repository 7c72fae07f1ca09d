/* libs/bridge/call: each request of each kind, as the tables of the README have it. */
#include "sample.h"

#include "crypto/webhook_signature.h"

#define BASE "http://bridge:3000/wa"

#define BLAZZ_CREATE \
	"{\"session_id\":\"sales-1\",\"workspace_id\":\"ab000000-0000-0000-0000-000000000000\",\"epoch\":7," \
	"\"webhook_url\":\"https://in.example.com/webhooks/x/1\",\"signing_keys\":[\"whsec_one\",\"whsec_two\"]}"
#define WAHA_CONFIG \
	"\"config\":{\"webhooks\":[{\"url\":\"https://in.example.com/webhooks/x/1\",\"events\":[\"session.status\"," \
	"\"message.any\",\"message.waiting\",\"message.reaction\",\"message.ack\",\"message.ack.group\"," \
	"\"message.edited\",\"message.revoked\",\"poll.vote\",\"group.v2.join\",\"group.v2.leave\"," \
	"\"group.v2.participants\",\"group.v2.update\",\"chat.archive\",\"call.received\",\"call.accepted\"," \
	"\"call.rejected\"],\"hmac\":{\"key\":\"secret\"}}]}}"
#define EVOLUTION_CREATE \
	"{\"instanceName\":\"sales-1\",\"integration\":\"WHATSAPP-BAILEYS\",\"qrcode\":true,\"webhook\":{" \
	"\"enabled\":true,\"url\":\"https://in.example.com/webhooks/x/1\",\"headers\":{\"authorization\":" \
	"\"Bearer secret\"},\"events\":[\"MESSAGES_UPSERT\",\"SEND_MESSAGE\",\"MESSAGES_SET\",\"MESSAGES_UPDATE\"," \
	"\"MESSAGES_EDITED\",\"MESSAGES_DELETE\",\"CONTACTS_UPSERT\",\"CONTACTS_UPDATE\",\"CONTACTS_SET\"," \
	"\"CHATS_UPSERT\",\"CHATS_UPDATE\",\"CHATS_SET\",\"GROUPS_UPSERT\",\"GROUP_UPDATE\"," \
	"\"GROUP_PARTICIPANTS_UPDATE\",\"CALL\",\"CONNECTION_UPDATE\",\"QRCODE_UPDATED\",\"LOGOUT_INSTANCE\"," \
	"\"REMOVE_INSTANCE\"],\"byEvents\":false}}"

static const struct {
	enum bridge_kind kind;
	enum bridge_action action;
	enum http_method method;
	const char *path, *body; /* NULL path: the kind has no such call */
	int timeout_s;
} cases[] = {
	{ BRIDGE_BLAZZ, BRIDGE_PROBE, HTTP_POST, "/api/lease", "{\"ttl_s\":60}", 5 },
	{ BRIDGE_BLAZZ, BRIDGE_HEALTH, HTTP_GET, "/health", "", 5 },
	{ BRIDGE_BLAZZ, BRIDGE_LIST, HTTP_GET, "/api/sessions/status", "", 15 },
	{ BRIDGE_BLAZZ, BRIDGE_LOOK, HTTP_GET, "/api/sessions/sales-1", "", 15 },
	{ BRIDGE_BLAZZ, BRIDGE_CREATE, HTTP_POST, "/api/sessions", BLAZZ_CREATE, 60 },
	{ BRIDGE_BLAZZ, BRIDGE_UPDATE, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_BLAZZ, BRIDGE_START, HTTP_POST, "/api/sessions", BLAZZ_CREATE, 60 },
	{ BRIDGE_BLAZZ, BRIDGE_STOP, HTTP_POST, "/api/sessions/sales-1/stop", "", 60 },
	{ BRIDGE_BLAZZ, BRIDGE_RESTART, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_BLAZZ, BRIDGE_LOGOUT, HTTP_POST, "/api/sessions/sales-1/logout", "", 60 },
	{ BRIDGE_BLAZZ, BRIDGE_DELETE, HTTP_DELETE, "/api/sessions/sales-1", "", 60 },
	{ BRIDGE_BLAZZ, BRIDGE_FETCH_QR, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_BLAZZ, BRIDGE_SYNC, HTTP_POST, "/api/sessions/sales-1/sync", "", 60 },

	{ BRIDGE_WAHA, BRIDGE_PROBE, HTTP_GET, "/ping", "", 5 },
	{ BRIDGE_WAHA, BRIDGE_HEALTH, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_WAHA, BRIDGE_LIST, HTTP_GET, "/api/sessions?all=true", "", 15 },
	{ BRIDGE_WAHA, BRIDGE_LOOK, HTTP_GET, "/api/sessions/sales-1", "", 15 },
	{ BRIDGE_WAHA, BRIDGE_CREATE, HTTP_POST, "/api/sessions", "{\"name\":\"sales-1\",\"start\":true," WAHA_CONFIG,
		60 },
	{ BRIDGE_WAHA, BRIDGE_UPDATE, HTTP_PUT, "/api/sessions/sales-1", "{\"name\":\"sales-1\"," WAHA_CONFIG, 60 },
	{ BRIDGE_WAHA, BRIDGE_START, HTTP_POST, "/api/sessions/sales-1/start", "", 60 },
	{ BRIDGE_WAHA, BRIDGE_STOP, HTTP_POST, "/api/sessions/sales-1/stop", "", 60 },
	{ BRIDGE_WAHA, BRIDGE_RESTART, HTTP_POST, "/api/sessions/sales-1/restart", "", 60 },
	{ BRIDGE_WAHA, BRIDGE_LOGOUT, HTTP_POST, "/api/sessions/sales-1/logout", "", 60 },
	{ BRIDGE_WAHA, BRIDGE_DELETE, HTTP_DELETE, "/api/sessions/sales-1", "", 60 },
	{ BRIDGE_WAHA, BRIDGE_FETCH_QR, HTTP_GET, "/api/sales-1/auth/qr?format=raw", "", 15 },
	{ BRIDGE_WAHA, BRIDGE_SYNC, HTTP_GET, NULL, NULL, 0 },

	{ BRIDGE_EVOLUTION, BRIDGE_PROBE, HTTP_GET, "/instance/fetchInstances?number=0", "", 5 },
	{ BRIDGE_EVOLUTION, BRIDGE_HEALTH, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_EVOLUTION, BRIDGE_LIST, HTTP_GET, "/instance/fetchInstances", "", 15 },
	{ BRIDGE_EVOLUTION, BRIDGE_LOOK, HTTP_GET, "/instance/connectionState/sales-1", "", 15 },
	{ BRIDGE_EVOLUTION, BRIDGE_CREATE, HTTP_POST, "/instance/create", EVOLUTION_CREATE, 60 },
	{ BRIDGE_EVOLUTION, BRIDGE_UPDATE, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_EVOLUTION, BRIDGE_START, HTTP_GET, "/instance/connect/sales-1", "", 60 },
	{ BRIDGE_EVOLUTION, BRIDGE_STOP, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_EVOLUTION, BRIDGE_RESTART, HTTP_POST, "/instance/restart/sales-1", "", 60 },
	{ BRIDGE_EVOLUTION, BRIDGE_LOGOUT, HTTP_DELETE, "/instance/logout/sales-1", "", 60 },
	{ BRIDGE_EVOLUTION, BRIDGE_DELETE, HTTP_DELETE, "/instance/delete/sales-1", "", 60 },
	{ BRIDGE_EVOLUTION, BRIDGE_FETCH_QR, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_EVOLUTION, BRIDGE_SYNC, HTTP_GET, NULL, NULL, 0 },

	{ BRIDGE_WWEBJS, BRIDGE_PROBE, HTTP_GET, "/session/getSessions", "", 5 },
	{ BRIDGE_WWEBJS, BRIDGE_HEALTH, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_WWEBJS, BRIDGE_LIST, HTTP_GET, "/session/getSessions", "", 15 },
	{ BRIDGE_WWEBJS, BRIDGE_LOOK, HTTP_GET, "/session/status/sales-1", "", 15 },
	{ BRIDGE_WWEBJS, BRIDGE_CREATE, HTTP_GET, "/session/start/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_UPDATE, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_WWEBJS, BRIDGE_START, HTTP_GET, "/session/start/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_STOP, HTTP_GET, "/session/stop/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_RESTART, HTTP_GET, "/session/restart/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_LOGOUT, HTTP_GET, "/session/terminate/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_DELETE, HTTP_GET, "/session/terminate/sales-1", "", 60 },
	{ BRIDGE_WWEBJS, BRIDGE_FETCH_QR, HTTP_GET, NULL, NULL, 0 },
	{ BRIDGE_WWEBJS, BRIDGE_SYNC, HTTP_GET, NULL, NULL, 0 },
};

static bool has_header(const struct bridge_request *r, const char *line)
{
	for (size_t i = 0; r->http.headers[i]; i++)
		if (strcmp(r->http.headers[i], line) == 0)
			return true;
	return false;
}

static struct str header_of(const struct bridge_request *r, const char *prefix)
{
	for (size_t i = 0; r->http.headers[i]; i++)
		if (strncmp(r->http.headers[i], prefix, strlen(prefix)) == 0)
			return str_of(r->http.headers[i] + strlen(prefix));
	return STR_NONE;
}

static bool is_signed(const struct bridge_request *r, struct str text)
{
	struct buf key = BUF_INIT;
	bool valid;

	webhook_key(STR(SECRET), &key);
	valid = webhook_verify(&(struct str){ key.p, key.n }, 1, header_of(r, "webhook-id: "),
		header_of(r, "webhook-timestamp: "), header_of(r, "webhook-signature: "), text, NOW_MS);
	buf_fini(&key);
	return valid;
}

static void each_kind_has_the_requests_of_its_table(void **state)
{
	struct signing_keys *keys = sample_keys();
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };

	(void)state;
	assert_int_equal(COUNT(cases), 4 * BRIDGE_ACTIONS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct bridge_instance at = sample_instance(cases[i].kind, keys);
		const struct bridge_call call = sample_call(cases[i].action);
		struct str url, body;
		struct err err;
		int rc = bridge_request_build(&at, &call, NOW_MS, a, &r, &err);

		print_message("%s %s\n", bridge_word(at.kind), bridge_action_word(call.action));
		assert_int_equal(bridge_has(at.kind, call.action), cases[i].path != NULL);
		assert_int_equal(rc, cases[i].path ? 0 : -1);
		if (!cases[i].path) {
			assert_int_equal(err.kind, ERR_INPUT);
			continue;
		}
		url = str_of(r.http.url.p);
		body = buf_str(&r.http.body);
		assert_true(str_starts(url, STR(BASE)));
		assert_string_equal(url.p + strlen(BASE), cases[i].path);
		assert_int_equal(r.http.method, cases[i].method);
		assert_true(str_is(body, cases[i].body));
		assert_int_equal(has_header(&r, "content-type: application/json"), body.n > 0);
		assert_true(has_header(&r, "accept: application/json"));
		assert_int_equal(r.timeout_ms, cases[i].timeout_s * 1000);
		assert_true(r.response_bytes > 0);
	}
	bridge_request_fini(&r);
	signing_keys_free(keys);
	arena_free(a);
}

static void a_request_has_the_key_of_its_instance(void **state)
{
	static const struct {
		enum bridge_kind kind;
		const char *line;
	} kinds[] = {
		{ BRIDGE_WAHA, "x-api-key: api-key" },
		{ BRIDGE_EVOLUTION, "apikey: api-key" },
		{ BRIDGE_WWEBJS, "x-api-key: api-key" },
	};
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct bridge_call call = sample_call(BRIDGE_LOOK);
		struct bridge_instance at = sample_instance(kinds[i].kind, NULL);
		struct err err;

		assert_int_equal(bridge_request_build(&at, &call, NOW_MS, a, &r, &err), 0);
		assert_true(has_header(&r, kinds[i].line));
		at.key = STR("two\r\nlines");
		assert_int_equal(bridge_request_build(&at, &call, NOW_MS, a, &r, &err), -1);
		assert_null(strstr(err.msg, "two"));
	}
	bridge_request_fini(&r);
	arena_free(a);
}

static void our_own_bridge_can_verify_each_request(void **state)
{
	static const struct {
		enum bridge_action action;
		const char *text; /* NULL: the body */
	} calls[] = {
		{ BRIDGE_PROBE, NULL },
		{ BRIDGE_CREATE, NULL },
		{ BRIDGE_LOOK, "GET /api/sessions/sales-1" },
		{ BRIDGE_STOP, "POST /api/sessions/sales-1/stop" },
		{ BRIDGE_DELETE, "DELETE /api/sessions/sales-1" },
	};
	struct signing_keys *keys = sample_keys();
	const struct bridge_instance at = sample_instance(BRIDGE_BLAZZ, keys);
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		const struct bridge_call call = sample_call(calls[i].action);
		struct err err;

		assert_int_equal(bridge_request_build(&at, &call, NOW_MS, a, &r, &err), 0);
		assert_true(is_signed(&r, calls[i].text ? str_of(calls[i].text) : buf_str(&r.http.body)));
		assert_false(is_signed(&r, STR("POST /api/sessions/sales-1/logout")));
	}
	bridge_request_fini(&r);
	signing_keys_free(keys);
	arena_free(a);
}

static void a_call_that_is_made_again_has_another_webhook_id(void **state)
{
	struct signing_keys *keys = sample_keys();
	const struct bridge_instance at = sample_instance(BRIDGE_BLAZZ, keys);
	const struct bridge_call call = sample_call(BRIDGE_LOOK);
	struct arena *a = arena_new(0);
	struct bridge_request first = { 0 }, second = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(bridge_request_build(&at, &call, NOW_MS, a, &first, &err), 0);
	assert_int_equal(bridge_request_build(&at, &call, NOW_MS + 1, a, &second, &err), 0);
	assert_false(str_eq(header_of(&first, "webhook-id: "), header_of(&second, "webhook-id: ")));
	bridge_request_fini(&first);
	bridge_request_fini(&second);
	signing_keys_free(keys);
	arena_free(a);
}

static void a_lease_is_renewed_with_the_previous_token(void **state)
{
	struct signing_keys *keys = sample_keys();
	const struct bridge_instance at = sample_instance(BRIDGE_BLAZZ, keys);
	struct bridge_call call = sample_call(BRIDGE_PROBE);
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };
	struct err err;

	(void)state;
	call.lease_token = STR("t1");
	assert_int_equal(bridge_request_build(&at, &call, NOW_MS, a, &r, &err), 0);
	assert_true(str_is(buf_str(&r.http.body), "{\"ttl_s\":60,\"token\":\"t1\"}"));
	bridge_request_fini(&r);
	signing_keys_free(keys);
	arena_free(a);
}

static void a_name_is_escaped_or_rejected(void **state)
{
	static const struct {
		enum bridge_kind kind;
		const char *name, *path; /* NULL: rejected */
	} names[] = {
		{ BRIDGE_WAHA, "a/b ?", "/api/sessions/a%2Fb%20%3F" },
		{ BRIDGE_EVOLUTION, "é", "/instance/connectionState/%C3%A9" },
		{ BRIDGE_WWEBJS, "A_b-9", "/session/status/A_b-9" },
		{ BRIDGE_WWEBJS, "a b", NULL },
		{ BRIDGE_WWEBJS, "a.b", NULL },
		{ BRIDGE_WAHA, "", NULL },
		{ BRIDGE_WAHA, "..", NULL },
	};
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct bridge_instance at = sample_instance(names[i].kind, NULL);
		struct bridge_call call = sample_call(BRIDGE_LOOK);
		struct err err;
		int rc;

		call.session.name = str_of(names[i].name);
		assert_int_equal(bridge_name_fits(at.kind, call.session.name), names[i].path != NULL);
		rc = bridge_request_build(&at, &call, NOW_MS, a, &r, &err);
		assert_int_equal(rc, names[i].path ? 0 : -1);
		if (names[i].path)
			assert_string_equal(r.http.url.p + strlen(BASE), names[i].path);
	}
	bridge_request_fini(&r);
	arena_free(a);
}

static void a_request_that_cannot_be_made_is_an_error(void **state)
{
	struct bridge_instance bad_url = sample_instance(BRIDGE_WAHA, NULL),
			       keyless = sample_instance(BRIDGE_BLAZZ, NULL);
	const struct bridge_instance waha = sample_instance(BRIDGE_WAHA, NULL), none = { .kind = BRIDGE_NONE };
	const struct bridge_call look = sample_call(BRIDGE_LOOK);
	struct bridge_call create = sample_call(BRIDGE_CREATE);
	struct arena *a = arena_new(0);
	struct bridge_request r = { 0 };
	struct err err;

	(void)state;
	bad_url.url = STR("ftp://bridge");
	create.session.webhook_url = STR_NONE;
	assert_int_equal(bridge_request_build(&bad_url, &look, NOW_MS, a, &r, &err), -1);
	assert_int_equal(bridge_request_build(&keyless, &look, NOW_MS, a, &r, &err), -1);
	assert_int_equal(bridge_request_build(&none, &look, NOW_MS, a, &r, &err), -1);
	assert_int_equal(bridge_request_build(&waha, &create, NOW_MS, a, &r, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	bridge_request_fini(&r);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_the_requests_of_its_table),
		cmocka_unit_test(a_request_has_the_key_of_its_instance),
		cmocka_unit_test(our_own_bridge_can_verify_each_request),
		cmocka_unit_test(a_call_that_is_made_again_has_another_webhook_id),
		cmocka_unit_test(a_lease_is_renewed_with_the_previous_token),
		cmocka_unit_test(a_name_is_escaped_or_rejected),
		cmocka_unit_test(a_request_that_cannot_be_made_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
