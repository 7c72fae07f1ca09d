/* services/cleanup/calls against a bridge of the test's own: how many calls are in flight, when sessions start, and that each
 * call ends once, whatever the bridge answers and whenever the lease is lost. */
#include "bridge_server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "fake_dns.h"

#define QUIET_MS 60 /* in which a request would arrive that must not */

static void at_most_five_calls_of_an_instance_are_in_flight(void **state)
{
	struct asked asked[9] = { 0 }, other = { 0 }, probe = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_STOP, "s", &asked[i]);
	ask(&w, 1, BRIDGE_STOP, "of-another-instance", &other);
	ask(&w, 0, BRIDGE_PROBE, "", &probe);
	assert_int_equal(calls_pending(w.calls, 0), COUNT(asked) + 1);
	assert_int_equal(calls_pending(w.calls, 1), 1);
	assert_int_equal(calls_pending(w.calls, 2), 0);
	assert_int_equal(calls_pending(w.calls, -1), COUNT(asked) + 2);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT + 2);
	arrival_of(&w, "POST /api/sessions/of-another-instance/stop");
	arrival_of(&w, "GET /ping");
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, CALLS_IN_FLIGHT + 2);
	while (w.n_done < w.n_asked) {
		size_t n = w.n_done + 1;

		answer_one(&w);
		wait_for(&w, &w.n_done, n);
		turn_for(&w, QUIET_MS / 6);
		assert_true(w.n_arrivals - w.n_done <= CALLS_IN_FLIGHT + 2);
	}
	assert_int_equal(w.n_arrivals, COUNT(asked) + 2);
	assert_int_equal(calls_pending(w.calls, -1), 0);
	world_close(&w);
}

static void an_instance_starts_one_session_a_second_and_other_calls_pass(void **state)
{
	struct asked starts[3] = { 0 }, passing = { 0 }, other = { 0 };
	const int64_t *begun_ms;
	struct world w;

	(void)state;
	world_open(&w);
	begun_ms = w.begun_mono_ms;
	ask(&w, 0, BRIDGE_CREATE, "a", &starts[0]);
	ask(&w, 0, BRIDGE_START, "b", &starts[1]);
	ask(&w, 0, BRIDGE_RESTART, "c", &starts[2]);
	ask(&w, 0, BRIDGE_STOP, "d", &passing);
	ask(&w, 1, BRIDGE_START, "e", &other);
	wait_for(&w, &w.n_done, 3);
	assert_int_equal(starts[0].answers + passing.answers + other.answers, 3);
	wait_for(&w, &w.n_done, 5);
	assert_string_equal(w.arrivals[3].line, "POST /api/sessions/b/start");
	assert_string_equal(w.arrivals[4].line, "POST /api/sessions/c/restart");
	assert_in_range(begun_ms[3] - begun_ms[0], CALLS_START_MS, CALLS_START_MS + 5000);
	assert_in_range(begun_ms[4] - begun_ms[3], CALLS_START_MS, CALLS_START_MS + 5000);
	world_close(&w);
}

static void calls_of_an_instance_are_sent_in_their_order(void **state)
{
	static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
	struct asked asked[CALLS_IN_FLIGHT + COUNT(names)] = { 0 };
	char line[100];
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < CALLS_IN_FLIGHT; i++)
		ask(&w, 0, BRIDGE_STOP, "first", &asked[i]);
	ask(&w, 0, BRIDGE_START, names[0], &asked[CALLS_IN_FLIGHT]);
	for (size_t i = 1; i < COUNT(names); i++)
		ask(&w, 0, BRIDGE_LOOK, names[i], &asked[CALLS_IN_FLIGHT + i]);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT);
	for (size_t i = 0; i < COUNT(names); i++) {
		answer_one(&w);
		wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT + i + 1);
		snprintf(line, sizeof(line), i == 0 ? "POST /api/sessions/%s/start" : "GET /api/sessions/%s", names[i]);
		assert_string_equal(w.arrivals[CALLS_IN_FLIGHT + i].line, line);
	}
	world_close(&w);
}

static void aborting_ends_all_calls_before_it_returns(void **state)
{
	struct asked asked[CALLS_IN_FLIGHT + 3] = { 0 }, start = { 0 }, probe = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_LOOK, "s", &asked[i]);
	ask(&w, 0, BRIDGE_PROBE, "", &probe);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT + 1);
	ask(&w, 0, BRIDGE_START, "s", &start);
	assert_int_equal(w.n_done, 0);
	calls_abort(w.calls);
	assert_int_equal(calls_pending(w.calls, -1), 0);
	for (size_t i = 0; i < COUNT(asked); i++) {
		assert_int_equal(asked[i].answers, 1);
		assert_int_equal(asked[i].outcome, BRIDGE_BUSY);
		assert_int_equal(asked[i].observed, OBSERVED_NONE);
	}
	assert_int_equal(start.outcome, BRIDGE_BUSY);
	assert_int_equal(probe.outcome, BRIDGE_BUSY);
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, CALLS_IN_FLIGHT + 1);
	assert_int_equal(w.n_done, w.n_asked);
	world_close(&w);
}

static void draining_ends_queued_calls_and_waits_for_those_in_flight(void **state)
{
	struct asked flying[CALLS_IN_FLIGHT] = { 0 }, start = { 0 }, look = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(flying); i++)
		ask(&w, 0, BRIDGE_STOP, "s", &flying[i]);
	wait_for(&w, &w.n_arrivals, COUNT(flying));
	ask(&w, 0, BRIDGE_START, "s", &start);
	ask(&w, 0, BRIDGE_LOOK, "s", &look);
	calls_drain(w.calls);
	assert_int_equal(start.outcome, BRIDGE_BUSY);
	assert_int_equal(look.outcome, BRIDGE_BUSY);
	assert_int_equal(calls_pending(w.calls, -1), COUNT(flying));
	while (w.n_done < w.n_asked) {
		size_t n = w.n_done + 1;

		answer_one(&w);
		wait_for(&w, &w.n_done, n);
	}
	for (size_t i = 0; i < COUNT(flying); i++)
		assert_int_equal(flying[i].outcome, BRIDGE_OK);
	assert_int_equal(w.n_arrivals, COUNT(flying));
	world_close(&w);
}

static void calls_go_on_after_an_abort(void **state)
{
	struct asked asked[CALLS_IN_FLIGHT] = { 0 }, next = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_STOP, "s", &asked[i]);
	wait_for(&w, &w.n_arrivals, COUNT(asked));
	calls_abort(w.calls);
	w.holds = false;
	ask(&w, 0, BRIDGE_STOP, "next", &next);
	wait_for(&w, &w.n_done, w.n_asked);
	assert_int_equal(next.outcome, BRIDGE_OK);
	world_close(&w);
}

static void nothing_is_sent_while_the_lease_is_not_fresh(void **state)
{
	static const enum bridge_action actions[] = { BRIDGE_PROBE, BRIDGE_LOOK, BRIDGE_START };
	struct asked asked[COUNT(actions)] = { 0 }, start = { 0 };
	int64_t asked_ms;
	struct world w;

	(void)state;
	world_open(&w);
	w.lease_is_old = true;
	for (size_t i = 0; i < COUNT(actions); i++)
		ask(&w, 0, actions[i], "s", &asked[i]);
	wait_for(&w, &w.n_done, w.n_asked);
	for (size_t i = 0; i < COUNT(actions); i++)
		assert_int_equal(asked[i].outcome, BRIDGE_BUSY);
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, 0);
	w.lease_is_old = false;
	asked_ms = clock_mono_ms();
	ask(&w, 0, BRIDGE_START, "s", &start); /* which the one that was not sent does not delay */
	wait_for(&w, &w.n_done, w.n_asked);
	assert_int_equal(start.outcome, BRIDGE_OK);
	assert_int_equal(w.n_arrivals, 1);
	assert_true(w.begun_mono_ms[0] - asked_ms < CALLS_START_MS - 2 * QUIET_MS);
	world_close(&w);
}

static void the_lease_is_checked_when_a_queued_call_is_sent(void **state)
{
	struct asked asked[CALLS_IN_FLIGHT + 1] = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_STOP, "s", &asked[i]);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT);
	w.lease_is_old = true;
	answer_one(&w);
	wait_for(&w, &w.n_done, 2);
	assert_int_equal(asked[CALLS_IN_FLIGHT].outcome, BRIDGE_BUSY);
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, CALLS_IN_FLIGHT);
	world_close(&w);
}

static struct fake_name names[] = {
	{ .name = "metadata.example", .addresses = { "169.254.169.254" } },
	{ .name = "slow.example", .addresses = { "127.0.0.1" } },
	{ .name = NULL },
};

static void a_request_that_cannot_begin_within_seconds_is_not_sent(void **state)
{
	struct asked late = { 0 };
	struct bridge_instance at;
	struct bridge_call call = call_of(BRIDGE_STOP, "s");
	char url[100];
	struct world w;
	int ends[2];

	(void)state;
	world_open(&w);
	assert_int_equal(pipe(ends), 0);
	names[1].wait_fd = ends[0];
	at = instance_of(&w, BRIDGE_WAHA);
	snprintf(url, sizeof(url), "http://slow.example:%d", http_server_port(w.server));
	at.url = str_of(url);
	ask_at(&w, 0, &at, &call, &late);
	turn_for(&w, BEGIN_MS + QUIET_MS);
	assert_int_equal(late.answers, 0);
	close(ends[1]);
	wait_for(&w, &w.n_done, 1);
	assert_int_equal(late.outcome, BRIDGE_BUSY);
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, 0);
	world_close(&w);
	close(ends[0]);
}

static void a_call_that_cannot_be_sent_is_rejected_later(void **state)
{
	static const struct {
		const char *what;
		enum bridge_kind kind;
		enum bridge_action action;
		const char *url, *key, *session; /* NULL: a good one */
	} cases[] = {
		{ "a call that the kind does not have", BRIDGE_EVOLUTION, BRIDGE_STOP, NULL, NULL, NULL },
		{ "a session's name that does not suit the kind", BRIDGE_WWEBJS, BRIDGE_LOOK, NULL, NULL, "a b" },
		{ "a session's name that is a path", BRIDGE_WAHA, BRIDGE_LOOK, NULL, NULL, ".." },
		{ "no key", BRIDGE_WAHA, BRIDGE_PROBE, NULL, "", NULL },
		{ "a key that ends its header", BRIDGE_WAHA, BRIDGE_LOOK, NULL, "a\r\nb: c", NULL },
		{ "no signing keys", BRIDGE_BLAZZ, BRIDGE_PROBE, NULL, NULL, NULL },
		{ "no URL", BRIDGE_WAHA, BRIDGE_LOOK, "", NULL, NULL },
		{ "a URL that is none", BRIDGE_WAHA, BRIDGE_LOOK, "bridge:3000", NULL, NULL },
		{ "a scheme that is not HTTP", BRIDGE_WAHA, BRIDGE_LOOK, "file:///etc/passwd", NULL, NULL },
		{ "a link-local address", BRIDGE_WAHA, BRIDGE_LOOK, "http://169.254.169.254/", NULL, NULL },
		{ "a name with a link-local address", BRIDGE_WAHA, BRIDGE_LOOK, "http://metadata.example/", NULL,
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct asked asked = { 0 };
		struct bridge_call call = call_of(cases[i].action, cases[i].session ? cases[i].session : "s");
		struct bridge_instance at;
		struct world w;

		world_open(&w);
		at = instance_of(&w, cases[i].kind);
		if (cases[i].url)
			at.url = str_of(cases[i].url);
		if (cases[i].key)
			at.key = str_of(cases[i].key);
		ask_at(&w, 0, &at, &call, &asked);
		wait_for(&w, &w.n_done, 1);
		if (asked.outcome != BRIDGE_REJECTED || w.n_arrivals > 0)
			fail_msg("%s: %s", cases[i].what, bridge_outcome_word(asked.outcome));
		world_close(&w);
	}
}

static void a_rejected_call_says_why_to_operators(void **state)
{
	struct asked asked = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	ask(&w, 0, BRIDGE_SYNC, "s", &asked);
	wait_for(&w, &w.n_done, 1);
	assert_string_equal(asked.error, "bridges of kind waha have no call sync");
	world_close(&w);
}

static void an_instance_with_ten_thousand_calls_is_busy(void **state)
{
	struct asked asked = { 0 }, over = { 0 }, probe = { 0 }, other = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < CALLS_PENDING_MAX; i++)
		calls_add(w.calls, 0,
			&(struct bridge_instance){ .kind = BRIDGE_WAHA, .url = str_of(w.url), .key = STR("k") },
			&(struct bridge_call){ .action = BRIDGE_LOOK, .session.name = STR("s") }, on_done, &asked);
	asked.world = &w;
	w.n_asked += CALLS_PENDING_MAX;
	ask(&w, 0, BRIDGE_LOOK, "s", &over);
	ask(&w, 0, BRIDGE_PROBE, "", &probe);
	ask(&w, 1, BRIDGE_STOP, "other", &other);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT + 2);
	assert_int_equal(over.outcome, BRIDGE_BUSY);
	assert_int_equal(over.answers, 1);
	assert_int_equal(w.n_done, 1);
	assert_int_equal(calls_pending(w.calls, 0), CALLS_PENDING_MAX + 1);
	world_close(&w);
}

static void an_answer_is_read_as_its_kind_means_it(void **state)
{
	static const struct {
		const char *what;
		enum bridge_kind kind;
		enum bridge_action action;
		int status;
		const char *body;
		enum bridge_outcome outcome;
		enum bridge_observed observed;
		enum bridge_oddity oddity;
	} cases[] = {
		{ "a session that works", BRIDGE_WAHA, BRIDGE_LOOK, 200, "{\"name\":\"s\",\"status\":\"WORKING\"}",
			BRIDGE_OK, OBSERVED_CONNECTED, ODDITY_NONE },
		{ "an unknown word", BRIDGE_WAHA, BRIDGE_LOOK, 200, "{\"status\":\"DREAMING\"}", BRIDGE_OK,
			OBSERVED_STARTING, ODDITY_UNKNOWN_WORD },
		{ "another session", BRIDGE_WAHA, BRIDGE_LOOK, 200, "{\"name\":\"t\",\"status\":\"WORKING\"}",
			BRIDGE_BUSY, OBSERVED_NONE, ODDITY_OTHER_SESSION },
		{ "a page", BRIDGE_WAHA, BRIDGE_LOOK, 200, "<html>", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NOT_JSON },
		{ "no session", BRIDGE_WAHA, BRIDGE_LOOK, 404, "{\"message\":\"Session not found\"}", BRIDGE_GONE,
			OBSERVED_ABSENT, ODDITY_NONE },
		{ "a session that runs", BRIDGE_WAHA, BRIDGE_START, 422, "{}", BRIDGE_ALREADY_DONE, OBSERVED_NONE,
			ODDITY_NONE },
		{ "a wrong key", BRIDGE_WAHA, BRIDGE_LOOK, 401, "{}", BRIDGE_BAD_KEY, OBSERVED_NONE, ODDITY_NONE },
		{ "an error", BRIDGE_WAHA, BRIDGE_START, 500, "{}", BRIDGE_BUSY, OBSERVED_NONE, ODDITY_NONE },
		{ "an error of Evolution under status 200", BRIDGE_EVOLUTION, BRIDGE_RESTART, 200,
			"{\"error\":true,\"message\":\"not connected\"}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
		{ "no success of wwebjs-api under status 200", BRIDGE_WWEBJS, BRIDGE_STOP, 200,
			"{\"success\":false,\"error\":\"no\"}", BRIDGE_REJECTED, OBSERVED_NONE, ODDITY_NONE },
		{ "a session that wwebjs-api does not know", BRIDGE_WWEBJS, BRIDGE_LOOK, 200,
			"{\"success\":false,\"message\":\"session_not_found\"}", BRIDGE_GONE, OBSERVED_ABSENT,
			ODDITY_NONE },
		{ "a key that wwebjs-api refuses", BRIDGE_WWEBJS, BRIDGE_LOOK, 403, "{}", BRIDGE_BAD_KEY, OBSERVED_NONE,
			ODDITY_NONE },
	};
	struct world w;

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct bridge_instance at = instance_of(&w, cases[i].kind);
		const struct bridge_call call = call_of(cases[i].action, "s");
		struct asked asked = { 0 };

		w.response = (struct response){ .status = cases[i].status, .body = str_of(cases[i].body) };
		ask_at(&w, (int64_t)i, &at, &call, &asked);
		wait_for(&w, &w.n_done, i + 1);
		if (asked.outcome != cases[i].outcome || asked.observed != cases[i].observed ||
			asked.oddity != cases[i].oddity)
			fail_msg("%s: %s, %s, %s", cases[i].what, bridge_outcome_word(asked.outcome),
				bridge_observed_word(asked.observed), bridge_oddity_word(asked.oddity));
	}
	world_close(&w);
}

static void a_redirect_is_not_followed(void **state)
{
	struct asked asked = { 0 };
	char target[150];
	struct world w;

	(void)state;
	world_open(&w);
	snprintf(target, sizeof(target), "%s/elsewhere", w.url);
	w.response = (struct response){ .status = 302, .body = STR("{}"), .header = { "location", target } };
	ask(&w, 0, BRIDGE_LOOK, "s", &asked);
	wait_for(&w, &w.n_done, 1);
	assert_int_equal(asked.outcome, BRIDGE_REJECTED);
	turn_for(&w, QUIET_MS);
	assert_int_equal(w.n_arrivals, 1);
	world_close(&w);
}

static void a_bridge_that_is_overloaded_says_when_to_call_again(void **state)
{
	struct asked asked = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.response = (struct response){ .status = 429, .body = STR("{}"), .header = { "retry-after", "7" } };
	ask(&w, 0, BRIDGE_LOOK, "s", &asked);
	wait_for(&w, &w.n_done, 1);
	assert_int_equal(asked.outcome, BRIDGE_BUSY);
	assert_int_equal(asked.retry_after_ms, 7000);
	world_close(&w);
}

/* Accepts one connection, and answers until the client closes it. */
static void *endless_run(void *arg)
{
	static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[";
	static const char filler[] = "{\"name\":\"s\",\"status\":\"WORKING\"},";
	int fd = accept(*(int *)arg, NULL, NULL);
	ssize_t n = send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL);

	while (n > 0)
		n = send(fd, filler, sizeof(filler) - 1, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static void an_answer_that_never_ends_is_cut_off(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct bridge_call call = call_of(BRIDGE_LIST, "");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(address);
	struct asked asked = { 0 };
	struct bridge_instance at;
	pthread_t thread;
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	assert_int_equal(pthread_create(&thread, NULL, endless_run, &fd), 0);
	at = instance_of(&w, BRIDGE_WAHA);
	snprintf(w.url, sizeof(w.url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	at.url = str_of(w.url);
	ask_at(&w, 0, &at, &call, &asked);
	wait_for(&w, &w.n_done, 1);
	assert_int_equal(asked.outcome, BRIDGE_BUSY);
	assert_int_equal(asked.oddity, ODDITY_NOT_JSON);
	pthread_join(thread, NULL);
	world_close(&w);
	close(fd);
}

static void a_call_is_copied_with_all_that_it_points_to(void **state)
{
	char text[] = "s api-key https://hook.example whsec_hook";
	const struct str name = { text, 1 }, hook = { text + 10, 20 }, secret = { text + 31, 10 };
	struct asked asked[CALLS_IN_FLIGHT] = { 0 }, create = { 0 };
	const struct arrival *a;
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_STOP, "before", &asked[i]);
	ask_at(&w, 0, &(struct bridge_instance){ .kind = BRIDGE_WAHA, .url = str_of(w.url), .key = { text + 2, 7 } },
		&(struct bridge_call){ .action = BRIDGE_CREATE,
			.session = { .name = name, .webhook_url = hook, .webhook_secret = secret } },
		&create);
	memset(text, 'x', sizeof(text) - 1);
	wait_for(&w, &w.n_arrivals, COUNT(asked));
	answer_one(&w);
	wait_for(&w, &w.n_arrivals, COUNT(asked) + 1);
	a = arrival_of(&w, "POST /api/sessions");
	assert_string_equal(a->key, "api-key");
	assert_non_null(strstr(a->body, "\"name\":\"s\""));
	assert_non_null(strstr(a->body, "\"url\":\"https://hook.example\""));
	assert_non_null(strstr(a->body, "\"key\":\"whsec_hook\""));
	world_close(&w);
}

static void a_lease_is_renewed_with_the_token_of_the_answer_before(void **state)
{
	const struct str secret = STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	struct asked first = { 0 }, second = { 0 };
	struct signing_keys *keys = NULL;
	struct bridge_instance at;
	struct bridge_call call = { .action = BRIDGE_PROBE, .lease_ttl_s = 60 };
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(signing_keys_of(&keys, &secret, 1, NULL), 0);
	at = (struct bridge_instance){ .kind = BRIDGE_BLAZZ, .url = str_of(w.url), .signing = keys };
	w.response.body = STR("{\"token\":\"t1\",\"capacity\":3,\"sessions\":0}");
	ask_at(&w, 0, &at, &call, &first);
	wait_for(&w, &w.n_done, 1);
	assert_string_equal(first.token, "t1");
	assert_true(strlen(w.arrivals[0].signature) > 0);
	call.lease_token = str_of(first.token);
	ask_at(&w, 0, &at, &call, &second);
	wait_for(&w, &w.n_done, 2);
	assert_non_null(strstr(w.arrivals[1].body, "\"token\":\"t1\""));
	world_close(&w);
	signing_keys_free(keys);
}

static void then_abort(struct asked *a)
{
	calls_abort(a->world->calls);
}

static void an_answer_may_abort_all_other_calls(void **state)
{
	struct asked asked[CALLS_IN_FLIGHT + 2] = { 0 };
	struct world w;

	(void)state;
	world_open(&w);
	w.holds = true;
	w.response = (struct response){ .status = 400, .body = STR("{\"message\":\"no\"}") };
	asked[1].then = asked[2].then = then_abort;
	for (size_t i = 0; i < COUNT(asked); i++)
		ask(&w, 0, BRIDGE_STOP, i == 1 ? "aborts" : "s", &asked[i]);
	wait_for(&w, &w.n_arrivals, CALLS_IN_FLIGHT);
	arrival_answer(&w, arrival_of(&w, "POST /api/sessions/aborts/stop"));
	wait_for(&w, &w.n_done, w.n_asked);
	assert_int_equal(asked[1].outcome, BRIDGE_REJECTED);
	assert_string_equal(asked[1].error, "no");
	for (size_t i = 0; i < COUNT(asked); i++)
		assert_int_equal(asked[i].answers, 1);
	world_close(&w);
}

static void then_ask_again(struct asked *a)
{
	ask(a->world, 0, BRIDGE_LOOK, "s", a);
}

static void a_call_that_is_added_by_an_abort_stays(void **state)
{
	struct asked asked = { .then = then_ask_again };
	struct world w;

	(void)state;
	world_open(&w);
	ask(&w, 0, BRIDGE_LOOK, "s", &asked);
	calls_abort(w.calls);
	assert_int_equal(asked.answers, 1);
	assert_int_equal(calls_pending(w.calls, 0), 1);
	asked.then = NULL;
	world_close(&w);
}

static void a_call_that_is_repeated_in_vain_lets_others_run(void **state)
{
	struct asked vain = { .then = then_ask_again };
	struct world w;

	(void)state;
	world_open(&w);
	w.lease_is_old = true;
	ask(&w, 0, BRIDGE_LOOK, "s", &vain);
	for (int turns = 1; turns <= 10; turns++) {
		loop_turn(w.loop, 100);
		assert_in_range(vain.answers, 1, turns);
	}
	vain.then = NULL;
	world_close(&w);
}

static int dns_set(void **state)
{
	(void)state;
	fake_names = names;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_most_five_calls_of_an_instance_are_in_flight),
		cmocka_unit_test(an_instance_starts_one_session_a_second_and_other_calls_pass),
		cmocka_unit_test(calls_of_an_instance_are_sent_in_their_order),
		cmocka_unit_test(aborting_ends_all_calls_before_it_returns),
		cmocka_unit_test(draining_ends_queued_calls_and_waits_for_those_in_flight),
		cmocka_unit_test(calls_go_on_after_an_abort),
		cmocka_unit_test(nothing_is_sent_while_the_lease_is_not_fresh),
		cmocka_unit_test(the_lease_is_checked_when_a_queued_call_is_sent),
		cmocka_unit_test(a_request_that_cannot_begin_within_seconds_is_not_sent),
		cmocka_unit_test(a_call_that_cannot_be_sent_is_rejected_later),
		cmocka_unit_test(a_rejected_call_says_why_to_operators),
		cmocka_unit_test(an_instance_with_ten_thousand_calls_is_busy),
		cmocka_unit_test(an_answer_is_read_as_its_kind_means_it),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(a_bridge_that_is_overloaded_says_when_to_call_again),
		cmocka_unit_test(an_answer_that_never_ends_is_cut_off),
		cmocka_unit_test(a_call_is_copied_with_all_that_it_points_to),
		cmocka_unit_test(a_lease_is_renewed_with_the_token_of_the_answer_before),
		cmocka_unit_test(an_answer_may_abort_all_other_calls),
		cmocka_unit_test(a_call_that_is_added_by_an_abort_stays),
		cmocka_unit_test(a_call_that_is_repeated_in_vain_lets_others_run),
	};

	return cmocka_run_group_tests(tests, dns_set, NULL);
}
