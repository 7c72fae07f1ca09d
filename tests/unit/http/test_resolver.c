/* libs/http/resolver, and the sender pool's use of it: a name server that is silent costs threads and time of its own
 * tenant only. The system's resolver is replaced here. */
#include "unit.h"

#include "http/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "echo_server.h"
#include "http/sender_pool.h"

#define THREADS     8
#define PATIENCE_MS 20000
#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))

/* The system's resolver: "hang…" is not answered before it may. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int calls, hanging;
static bool answering;

static const struct {
	const char *host;
	int rc;
	const char *addresses[3];
} names[] = {
	{ "good.test", 0, { "127.0.0.1" } },
	{ "good.test.", 0, { "127.0.0.1" } },
	{ "six.test", 0, { "2600::1" } },
	{ "both.test", 0, { "10.0.0.1", "127.0.0.1", "2600::1" } },
	{ "inside.test", 0, { "10.0.0.1", "169.254.169.254" } },
	{ "busy.test", EAI_AGAIN, { NULL } },
	{ "memory.test", EAI_MEMORY, { NULL } },
	{ "system.test", EAI_SYSTEM, { NULL } },
};

static struct addrinfo *address_new(const char *text, struct addrinfo *next)
{
	struct addrinfo *a = mem_calloc(1, sizeof(*a));
	struct sockaddr_in6 *six = mem_calloc(1, sizeof(*six));
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)six;

	a->ai_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	a->ai_addr = (struct sockaddr *)six;
	a->ai_addr->sa_family = (sa_family_t)a->ai_family;
	assert_int_equal(a->ai_family == AF_INET6 ? inet_pton(AF_INET6, text, &six->sin6_addr)
						  : inet_pton(AF_INET, text, &four->sin_addr),
		1);
	a->ai_addrlen = a->ai_family == AF_INET6 ? sizeof(*six) : sizeof(*four);
	a->ai_socktype = SOCK_STREAM;
	a->ai_next = next;
	return a;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void freeaddrinfo(struct addrinfo *a)
{
	struct addrinfo *next;

	for (; a; a = next) {
		next = a->ai_next;
		free(a->ai_addr);
		free(a);
	}
}

static void hang(void)
{
	hanging++;
	pthread_cond_broadcast(&changed);
	while (!answering)
		pthread_cond_wait(&changed, &lock);
	hanging--;
}

/* What the server listens on. */
static int numeric(const char *host, const char *service, struct addrinfo **out)
{
	*out = address_new(host, NULL);
	((struct sockaddr_in *)(void *)(*out)->ai_addr)->sin_port =
		htons((uint16_t)(service ? strtol(service, NULL, 10) : 0));
	return 0;
}

static int named(const char *host, struct addrinfo **out)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i].host, host) == 0) {
			*out = NULL;
			for (size_t k = 3; k > 0; k--)
				if (names[i].addresses[k - 1])
					*out = address_new(names[i].addresses[k - 1], *out);
			return names[i].rc;
		}
	return EAI_NONAME;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1)
		return numeric(host, service, out);
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	calls++;
	if (strncmp(host, "hang", 4) == 0)
		hang();
	pthread_mutex_unlock(&lock);
	return named(host, out);
}

static int called(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = calls;
	pthread_mutex_unlock(&lock);
	return n;
}

static void wait_hanging(int n)
{
	pthread_mutex_lock(&lock);
	while (hanging != n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void answer_all(void)
{
	pthread_mutex_lock(&lock);
	answering = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

struct test {
	struct loop *loop;
	struct guard *guard;
	struct resolver *r;
};

struct ask {
	struct resolver_wait wait; /* first */
	int answers;
	bool refused, broken;
	char addresses[200];
};

static void networks_open(struct test *t)
{
	char network[] = "127.0.0.0/8";
	char *networks[] = { network, NULL };

	calls = hanging = 0;
	answering = false;
	assert_int_equal(loop_new(&t->loop, NULL), 0);
	assert_int_equal(guard_new(&t->guard, networks, true, NULL), 0);
}

static void test_open(struct test *t)
{
	networks_open(t);
	assert_int_equal(resolver_open(&t->r, &(struct resolver_options){ t->loop, t->guard, THREADS, 25 }, NULL), 0);
}

static void test_close(struct test *t)
{
	struct resolver_stats s;

	answer_all();
	do {
		resolver_stats(t->r, &s);
		if (s.in_flight > 0)
			loop_turn(t->loop, 100);
	} while (s.in_flight > 0);
	resolver_close(&t->r);
	guard_free(t->guard);
	loop_free(t->loop);
}

static void answered(struct resolver_wait *w, const struct resolver_answer *answer)
{
	struct ask *a = (struct ask *)w;

	a->answers++;
	a->refused = answer->refused;
	a->broken = answer->broken;
	snprintf(a->addresses, sizeof(a->addresses), "%s", answer->addresses ? answer->addresses : "");
}

/* True: it was known. */
static bool ask(struct test *t, uint64_t tenant, const char *host, struct ask *a)
{
	struct resolver_answer answer;

	*a = (struct ask){ .wait = { .done = answered } };
	if (!resolver_ask(t->r, tenant, host, &a->wait, &answer))
		return false;
	answered(&a->wait, &answer);
	return true;
}

static void ask_and_wait(struct test *t, uint64_t tenant, const char *host, struct ask *a)
{
	if (!ask(t, tenant, host, a))
		while (a->answers == 0)
			loop_turn(t->loop, 100);
}

static const struct {
	const char *host, *addresses;
	bool refused, broken;
} cases[] = {
	{ "good.test", "127.0.0.1", false, false },
	{ "good.test.", "127.0.0.1", false, false },
	{ "six.test", "[2600::1]", false, false },
	{ "both.test", "127.0.0.1,[2600::1]", false, false },
	{ "inside.test", "", true, false },
	{ "unknown.test", "", false, false },
	{ "busy.test", "", false, false },
	{ "memory.test", "", false, true },
	{ "system.test", "", false, true },
};

static void a_name_resolves_to_its_admitted_addresses(void **state)
{
	struct resolver_stats s;
	struct test t;

	(void)state;
	test_open(&t);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ask a;

		ask_and_wait(&t, 1, cases[i].host, &a);
		assert_string_equal(a.addresses, cases[i].addresses);
		assert_int_equal(a.refused, cases[i].refused);
		assert_int_equal(a.broken, cases[i].broken);
	}
	resolver_stats(t.r, &s);
	assert_int_equal(s.found, 4);
	assert_int_equal(s.refused, 1);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.broken, 2);
	test_close(&t);
}

static void positive_and_negative_answers_are_cached_but_not_local_failures(void **state)
{
	struct test t;
	struct ask a;

	(void)state;
	test_open(&t);
	for (int i = 0; i < 100; i++) {
		ask_and_wait(&t, 1, "good.test", &a);
		ask_and_wait(&t, 1, "unknown.test", &a);
		ask_and_wait(&t, 1, "inside.test", &a);
	}
	assert_int_equal(called(), 3);
	ask_and_wait(&t, 2, "good.test", &a);
	assert_int_equal(called(), 4); /* to each tenant its own */
	ask_and_wait(&t, 1, "memory.test", &a);
	ask_and_wait(&t, 1, "memory.test", &a);
	assert_int_equal(called(), 6);
	test_close(&t);
}

static void two_thousand_requests_to_a_silent_name_server_cost_one_look_up(void **state)
{
	struct ask *asks = mem_calloc(2000, sizeof(*asks));
	struct test t;

	(void)state;
	test_open(&t);
	for (size_t i = 0; i < 2000; i++)
		assert_false(ask(&t, 1, "hang.test", &asks[i]));
	wait_hanging(1);
	assert_int_equal(called(), 1);
	for (size_t i = 0; i < 1000; i++)
		assert_true(resolver_cancel(t.r, &asks[i].wait)); /* their deadline came; the look-up goes on */
	answer_all();
	while (asks[1999].answers == 0)
		loop_turn(t.loop, 100);
	for (size_t i = 0; i < 2000; i++)
		assert_int_equal(asks[i].answers, i >= 1000);
	assert_int_equal(called(), 1);
	test_close(&t);
	free(asks);
}

static void hosts_whose_name_servers_are_silent_leave_threads_to_other_tenants(void **state)
{
	struct resolver_stats s;
	struct ask asks[2][50], good;
	struct test t;
	char host[30];

	(void)state;
	test_open(&t);
	for (int i = 0; i < 50; i++) {
		snprintf(host, sizeof(host), "hang%d.test", i);
		assert_false(ask(&t, 1, host, &asks[0][i]));
	}
	wait_hanging(THREADS - THREADS / 4);
	ask_and_wait(&t, 2, "good.test", &good);
	assert_string_equal(good.addresses, "127.0.0.1");
	for (int i = 0; i < 50; i++) {
		snprintf(host, sizeof(host), "hang%d.test", i);
		assert_false(ask(&t, 3, host, &asks[1][i]));
	}
	wait_hanging(THREADS - 1); /* a third of what is free, which is one */
	ask_and_wait(&t, 4, "good.test", &good);
	assert_string_equal(good.addresses, "127.0.0.1");
	resolver_stats(t.r, &s);
	assert_int_equal(s.in_flight, THREADS - 1);
	assert_int_equal(s.waiting, 2 * 50 - (THREADS - 1));
	test_close(&t);
	for (int i = 0; i < 50; i++)
		assert_int_equal(asks[0][i].answers + asks[1][i].answers, 2);
}

static void look_ups_beyond_a_tenants_threads_and_without_a_free_thread_differ(void **state)
{
	struct ask asks[20], other;
	struct test t;
	char host[30];

	(void)state;
	test_open(&t);
	for (uint64_t i = 0; i < THREADS; i++) {
		snprintf(host, sizeof(host), "hang%d.test", (int)i);
		assert_false(ask(&t, i, host, &asks[i]));
	}
	wait_hanging(THREADS);
	assert_false(ask(&t, 1, "hang-more.test", &asks[THREADS]));
	assert_false(ask(&t, 100, "good.test", &other));
	assert_true(resolver_cancel(t.r, &asks[0].wait));
	assert_true(resolver_cancel(t.r, &asks[THREADS].wait));
	assert_false(resolver_cancel(t.r, &other.wait));
	assert_true(resolver_cancel(t.r, &other.wait)); /* it does not wait any more */
	test_close(&t);
	assert_int_equal(other.answers, 0);
}

static void a_tenants_cached_answers_are_bounded(void **state)
{
	struct test t;
	struct ask a;
	char host[30];

	(void)state;
	test_open(&t);
	ask_and_wait(&t, 2, "good.test", &a);
	for (int i = 0; i <= RESOLVER_TENANT_HOSTS; i++) {
		snprintf(host, sizeof(host), "h%d.test", i);
		ask_and_wait(&t, 1, host, &a);
	}
	assert_int_equal(called(), RESOLVER_TENANT_HOSTS + 2);
	ask_and_wait(&t, 1, "h1.test", &a);
	ask_and_wait(&t, 2, "good.test", &a);
	assert_int_equal(called(), RESOLVER_TENANT_HOSTS + 2);
	ask_and_wait(&t, 1, "h0.test", &a);
	assert_int_equal(called(), RESOLVER_TENANT_HOSTS + 3);
	test_close(&t);
}

/* The pool */

struct pool_test {
	struct test t;
	struct sender_pool *pool;
	struct http_server *server;
	int waiting;
};

struct post {
	struct pool_test *test;
	struct pool_request *request;
	int answers;
	struct exchange_result result;
	char detail[256];
};

static void pool_open(struct pool_test *t)
{
	struct sender_pool_options options = { .sender = { .max_connections = 20, .user_agent = "blazz-test" },
		.threads = 1,
		.lookups = THREADS,
		.lookup_share = 25 };

	*t = (struct pool_test){ 0 };
	networks_open(&t->t);
	t->server = echo_server_open();
	options.sender.loop = t->t.loop;
	options.sender.guard = t->t.guard;
	assert_int_equal(sender_pool_open(&t->pool, &options, NULL), 0);
}

static void pool_close(struct pool_test *t)
{
	sender_pool_close(&t->pool);
	answer_all();
	http_server_close(&t->server);
	guard_free(t->t.guard);
	loop_free(t->t.loop);
}

static void post_done(void *ctx, const struct exchange_result *r)
{
	struct post *p = ctx;

	p->request = NULL;
	p->answers++;
	p->result = *r;
	snprintf(p->detail, sizeof(p->detail), "%s", r->detail);
	p->test->waiting--;
}

static void post_send(struct pool_test *t, struct post *p, uint64_t tenant, const char *host, int timeout_ms)
{
	const char *headers[] = { "content-type: application/json", NULL };
	char url[200];
	struct send_request request = {
		.url = url,
		.headers = headers,
		.body = STR("{}"),
		.timeout_ms = timeout_ms,
		.done = post_done,
		.ctx = p,
	};
	struct url_host to_host;
	const struct send_target to = { 0, tenant, &to_host };

	snprintf(url, sizeof(url), "http://%s:%d/hook", host, http_server_port(t->server));
	assert_int_equal(guard_host(t->t.guard, str_of(url), &to_host, NULL), 0);
	*p = (struct post){ .test = t };
	t->waiting++;
	sender_pool_send(t->pool, &to, &request, &p->request);
	assert_int_equal(p->answers, 0);
}

static void wait_answered(struct pool_test *t)
{
	while (t->waiting > 0)
		loop_turn(t->t.loop, 100);
}

#define NOWHERE "its name does not resolve to a public address"

static void a_request_uses_the_resolved_address_and_reveals_no_internal_names(void **state)
{
	static const struct {
		const char *host;
		enum exchange_failure failure;
		const char *detail;
		bool refused;
	} rows[] = {
		{ "good.test", EXCHANGE_ANSWERED, "", false },
		{ "GOOD.test", EXCHANGE_DNS, NOWHERE, false }, /* asked for as it is written */
		{ "good.test.", EXCHANGE_ANSWERED, "", false },
		{ "g%6fod.test", EXCHANGE_ANSWERED, "", false },
		{ "both.test", EXCHANGE_ANSWERED, "", false },
		{ "127.0.0.1", EXCHANGE_ANSWERED, "", false },
		{ "0x7f.1", EXCHANGE_ANSWERED, "", false },
		{ "unknown.test", EXCHANGE_DNS, NOWHERE, false },
		{ "inside.test", EXCHANGE_DNS, NOWHERE, true },
		{ "memory.test", EXCHANGE_ABORTED, "resolving its name failed for lack of resources on this machine",
			false },
	};
	struct pool_test t;

	(void)state;
	pool_open(&t);
	for (size_t i = 0; i < 2 * COUNT(rows); i++) { /* twice: what was found is kept */
		struct post p;

		post_send(&t, &p, 1, rows[i / 2].host, PATIENCE_MS);
		wait_answered(&t);
		if (p.result.failure != rows[i / 2].failure)
			fail_msg("%s: %d %s", rows[i / 2].host, (int)p.result.failure, p.detail);
		assert_string_equal(p.detail, rows[i / 2].detail);
		assert_int_equal(p.result.refused, rows[i / 2].refused);
		assert_true(rows[i / 2].failure == EXCHANGE_ANSWERED ||
			(p.result.dns_us == -1 && p.result.total_us == -1));
	}
	pool_close(&t);
}

static void a_look_up_counts_towards_the_deadline_and_does_not_delay_other_tenants(void **state)
{
	struct post hung[20], good, more;
	struct pool_test t;
	char host[30];

	(void)state;
	pool_open(&t);
	for (int i = 0; i < 20; i++) {
		snprintf(host, sizeof(host), "hang%d.test", i);
		post_send(&t, &hung[i], 1, host, 300);
	}
	post_send(&t, &good, 2, "good.test", PATIENCE_MS);
	wait_answered(&t);
	assert_int_equal(good.result.failure, EXCHANGE_ANSWERED);
	for (int i = 0; i < 20; i++)
		assert_int_equal(hung[i].result.failure, EXCHANGE_TIMEOUT); /* whose own share it is */
	post_send(&t, &more, 1, "hang0.test", 50);
	wait_answered(&t);
	assert_int_equal(more.result.failure, EXCHANGE_TIMEOUT);
	assert_int_equal(called(), THREADS - THREADS / 4 + 1);
	pool_close(&t);
}

static void a_look_up_without_a_free_thread_is_not_a_failure_of_the_endpoint(void **state)
{
	struct post hung[THREADS], p;
	struct pool_test t;
	char host[30];

	(void)state;
	pool_open(&t);
	for (uint64_t i = 0; i < THREADS; i++) {
		snprintf(host, sizeof(host), "hang%d.test", (int)i);
		post_send(&t, &hung[i], i, host, PATIENCE_MS);
	}
	wait_hanging(THREADS);
	post_send(&t, &p, 100, "good.test", 50);
	while (p.answers == 0)
		loop_turn(t.t.loop, 100);
	assert_int_equal(p.result.failure, EXCHANGE_ABORTED);
	sender_pool_abort(t.pool, hung[0].request);
	assert_int_equal(hung[0].result.failure, EXCHANGE_ABORTED);
	pool_close(&t);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(hung[i].answers, 1);
		assert_int_equal(hung[i].result.failure, EXCHANGE_ABORTED);
	}
}

static void a_forbidden_request_is_refused_with_the_reason(void **state)
{
	struct send_request request = { .url = "http://127.0.0.1/", .done = post_done };
	struct pool_test t;
	struct post p = { .test = &t };

	(void)state;
	pool_open(&t);
	request.ctx = &p;
	t.waiting = 1;
	sender_pool_refuse(t.pool, &request, "its header", NULL);
	assert_int_equal(p.answers, 0);
	wait_answered(&t);
	assert_int_equal(p.result.failure, EXCHANGE_REFUSED);
	assert_string_equal(p.detail, "its header");
	pool_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_resolves_to_its_admitted_addresses),
		cmocka_unit_test(positive_and_negative_answers_are_cached_but_not_local_failures),
		cmocka_unit_test(two_thousand_requests_to_a_silent_name_server_cost_one_look_up),
		cmocka_unit_test(hosts_whose_name_servers_are_silent_leave_threads_to_other_tenants),
		cmocka_unit_test(look_ups_beyond_a_tenants_threads_and_without_a_free_thread_differ),
		cmocka_unit_test(a_tenants_cached_answers_are_bounded),
		cmocka_unit_test(a_request_uses_the_resolved_address_and_reveals_no_internal_names),
		cmocka_unit_test(a_look_up_counts_towards_the_deadline_and_does_not_delay_other_tenants),
		cmocka_unit_test(a_look_up_without_a_free_thread_is_not_a_failure_of_the_endpoint),
		cmocka_unit_test(a_forbidden_request_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
