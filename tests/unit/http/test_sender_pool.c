/* libs/http/sender_pool against a server of ours: answers come in the owner's thread, each once, whoever aborts and
 * whenever it is closed. */
#include "unit.h"

#include "http/sender_pool.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "echo_server.h"

#define PATIENCE_MS 20000
#define MANY        500

struct test {
	struct loop *loop;
	struct guard *guard;
	struct sender_pool *pool;
	struct http_server *echo;
	char echo_url[100], silent_url[100];
	int silent; /* takes connections, and never answers */
	pthread_t owner;
	int waiting;
};

struct post {
	struct test *test;
	struct pool_request *request;
	int answers;
	enum exchange_failure failure;
	int status;
	char detail[256];
	struct buf sent, body;
	struct post *victim; /* done() aborts it */
	struct post *sequel; /* done() sends it */
};

static void silent_open(struct test *t)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	t->silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t->silent, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(t->silent, 1000), 0);
	assert_int_equal(getsockname(t->silent, (struct sockaddr *)&at, &n), 0);
	snprintf(t->silent_url, sizeof(t->silent_url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
}

static void test_open(struct test *t, int threads)
{
	struct sender_pool_options options = {
		.sender = { .max_connections = 20, .user_agent = "blazz-test" },
		.threads = threads,
		.lookups = 1,
		.lookup_share = 25,
	};
	char network[] = "127.0.0.0/8";
	char *networks[] = { network, NULL };

	*t = (struct test){ .owner = pthread_self() };
	t->echo = echo_server_open();
	snprintf(t->echo_url, sizeof(t->echo_url), "http://127.0.0.1:%d/hook", http_server_port(t->echo));
	silent_open(t);
	assert_int_equal(loop_new(&t->loop, NULL), 0);
	assert_int_equal(guard_new(&t->guard, networks, true, NULL), 0);
	options.sender.loop = t->loop;
	options.sender.guard = t->guard;
	assert_int_equal(sender_pool_open(&t->pool, &options, NULL), 0);
}

static void test_close(struct test *t)
{
	sender_pool_close(&t->pool);
	http_server_close(&t->echo);
	close(t->silent);
	guard_free(t->guard);
	loop_free(t->loop);
}

static void post_send(struct test *t, struct post *p, uint64_t key, const char *url, int timeout_ms);

static void answer_take(void *ctx, const struct exchange_result *r)
{
	struct post *p = ctx;

	assert_true(pthread_equal(pthread_self(), p->test->owner));
	p->request = NULL;
	p->answers++;
	p->failure = r->failure;
	p->status = r->status;
	snprintf(p->detail, sizeof(p->detail), "%s", r->detail);
	buf_add_str(&p->body, r->body);
	if (p->victim && p->victim->request)
		sender_pool_abort(p->test->pool, p->victim->request);
	if (p->sequel)
		post_send(p->test, p->sequel, 7, p->test->echo_url, PATIENCE_MS);
	if (--p->test->waiting == 0)
		loop_stop(p->test->loop);
}

/* Everything that the request is made of is gone when it returns. */
static void post_send(struct test *t, struct post *p, uint64_t key, const char *url, int timeout_ms)
{
	char *line = mem_cstr(STR("content-type: application/json")), *own_url = mem_cstr(str_of(url));
	char *body = mem_cstr(buf_str(&p->sent));
	const char *headers[] = { line, NULL };
	struct send_request request = {
		.url = own_url,
		.headers = headers,
		.body = { body, p->sent.n },
		.timeout_ms = timeout_ms,
		.done = answer_take,
		.ctx = p,
	};
	const struct url_host address = { .port = 0 };
	const struct send_target to = { key, 1, &address };

	p->test = t;
	t->waiting++;
	sender_pool_send(t->pool, &to, &request, &p->request);
	assert_int_equal(p->answers, 0);
	free(line);
	free(own_url);
	free(body);
}

static void wait_for_all(struct test *t)
{
	assert_int_equal(loop_run(t->loop, NULL), 0);
	assert_int_equal(t->waiting, 0);
	assert_int_equal(sender_pool_in_flight(t->pool), 0);
}

static struct post *posts_new(size_t n)
{
	struct post *posts = mem_calloc(n, sizeof(*posts));

	for (size_t i = 0; i < n; i++)
		buf_printf(&posts[i].sent, "{\"n\":%zu}", i);
	return posts;
}

static void posts_free(struct post *posts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_fini(&posts[i].sent);
		buf_fini(&posts[i].body);
	}
	free(posts);
}

static void each_of_many_requests_gets_its_own_answer_whatever_the_number_of_threads(void **state)
{
	(void)state;
	for (int threads = 1; threads <= 3; threads++) {
		struct post *posts = posts_new(MANY);
		struct test t;

		test_open(&t, threads);
		for (size_t i = 0; i < MANY; i++)
			post_send(&t, &posts[i], i % 5, t.echo_url, PATIENCE_MS);
		assert_int_equal(sender_pool_in_flight(t.pool), MANY);
		wait_for_all(&t);
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(posts[i].answers, 1);
			assert_int_equal(posts[i].failure, EXCHANGE_ANSWERED);
			assert_int_equal(posts[i].status, 200);
			assert_string_equal(posts[i].detail, "");
			assert_true(str_eq(buf_str(&posts[i].body), buf_str(&posts[i].sent)));
		}
		posts_free(posts, MANY);
		test_close(&t);
	}
}

static void a_failure_comes_with_its_reason(void **state)
{
	struct post *posts = posts_new(2);
	struct test t;

	(void)state;
	test_open(&t, 1);
	post_send(&t, &posts[0], 0, "http://10.0.0.1/", PATIENCE_MS);
	post_send(&t, &posts[1], 0, t.silent_url, 50);
	wait_for_all(&t);
	assert_int_equal(posts[0].failure, EXCHANGE_REFUSED);
	assert_string_equal(posts[0].detail, "its address is not public");
	assert_int_equal(posts[1].failure, EXCHANGE_TIMEOUT);
	assert_true(strlen(posts[1].detail) > 0);
	posts_free(posts, 2);
	test_close(&t);
}

static void an_aborted_request_is_answered_immediately_and_once(void **state)
{
	struct post *posts = posts_new(MANY), *last = posts_new(1);
	struct test t;

	(void)state;
	test_open(&t, 2);
	for (size_t i = 0; i < MANY; i++)
		post_send(&t, &posts[i], i, i % 2 ? t.silent_url : t.echo_url, PATIENCE_MS);
	for (size_t i = 0; i < MANY; i++) {
		sender_pool_abort(t.pool, posts[i].request);
		assert_int_equal(posts[i].answers, 1);
		assert_int_equal(posts[i].failure, EXCHANGE_ABORTED);
	}
	wait_for_all(&t);
	for (int i = 0; i < 2; i++) { /* each thread has come past its aborts when this is answered */
		last->answers = 0;
		post_send(&t, last, (uint64_t)i, t.echo_url, PATIENCE_MS);
		wait_for_all(&t);
		assert_int_equal(last->failure, EXCHANGE_ANSWERED);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(posts[i].answers, 1);
	posts_free(posts, MANY);
	posts_free(last, 1);
	test_close(&t);
}

static void an_answer_may_abort_others_and_send_more(void **state)
{
	struct post *posts = posts_new(3);
	struct test t;

	(void)state;
	test_open(&t, 2);
	post_send(&t, &posts[0], 0, t.silent_url, PATIENCE_MS);
	posts[1].victim = &posts[0];
	posts[1].sequel = &posts[2];
	post_send(&t, &posts[1], 1, t.echo_url, PATIENCE_MS);
	wait_for_all(&t);
	assert_int_equal(posts[0].failure, EXCHANGE_ABORTED);
	assert_int_equal(posts[1].failure, EXCHANGE_ANSWERED);
	assert_int_equal(posts[2].failure, EXCHANGE_ANSWERED);
	posts_free(posts, 3);
	test_close(&t);
}

static void closing_answers_all_requests_in_flight(void **state)
{
	struct post *posts = posts_new(MANY);
	struct test t;

	(void)state;
	test_open(&t, 2);
	for (size_t i = 0; i < MANY; i++) {
		posts[i].victim = i + 1 < MANY ? &posts[i + 1] : NULL;
		post_send(&t, &posts[i], i, t.silent_url, PATIENCE_MS);
	}
	test_close(&t);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(posts[i].answers, 1);
		assert_int_equal(posts[i].failure, EXCHANGE_ABORTED);
	}
	posts_free(posts, MANY);
}

static void the_pool_does_not_open_without_ca_certificates(void **state)
{
	struct sender_pool_options options = { .sender = { .max_connections = 1, .ca_file = "/nowhere" },
		.threads = 2,
		.lookups = 1,
		.lookup_share = 25 };
	struct sender_pool *pool = NULL;
	struct err err;

	(void)state;
	assert_int_equal(loop_new(&options.sender.loop, NULL), 0);
	assert_int_equal(sender_pool_open(&pool, &options, &err), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_null(pool);
	loop_free(options.sender.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_many_requests_gets_its_own_answer_whatever_the_number_of_threads),
		cmocka_unit_test(a_failure_comes_with_its_reason),
		cmocka_unit_test(an_aborted_request_is_answered_immediately_and_once),
		cmocka_unit_test(an_answer_may_abort_others_and_send_more),
		cmocka_unit_test(closing_answers_all_requests_in_flight),
		cmocka_unit_test(the_pool_does_not_open_without_ca_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
