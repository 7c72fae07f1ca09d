/* The blocking HTTP client against a server of ours. */
#include "unit.h"

#include "http/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/listen.h"
#include "http/server.h"

struct fixture {
	struct http_server *server;
	struct http_client *client;
};

static struct http_admission admit(void *ctx, struct http_request *r)
{
	(void)ctx;
	(void)r;
	return (struct http_admission){ 0, 4096 };
}

/* Says back what it got. */
static void handle(void *ctx, struct http_request *r)
{
	static const struct http_extra_header moved = { "Location", "/elsewhere" };
	struct buf text = BUF_INIT;

	(void)ctx;
	buf_printf(&text, "%.*s %.*s [%.*s] %.*s", STR_ARG(http_method(r)), STR_ARG(http_path(r)),
		STR_ARG(http_header(r, "X-Test")), STR_ARG(http_body(r)));
	if (str_is(http_path(r), "/moved"))
		http_respond(r, 302, NULL, STR_NONE, &moved, 1);
	else
		http_respond(r, 200, "text/plain", buf_str(&text), NULL, 0);
	buf_fini(&text);
}

static int setup(void **state)
{
	const struct http_server_options options = { .listen = "127.0.0.1:0", .admit = admit, .handle = handle };
	static struct fixture f;
	struct err err;

	*state = &f;
	return http_server_open(&f.server, &options, &err) < 0 || http_client_open(&f.client, &err) < 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_client_close(&f->client);
	http_server_close(&f->server);
	return 0;
}

static int call(struct fixture *f, const char *path, struct http_call *c, struct buf *response, struct err *err)
{
	int status = -1, rc;
	char url[100];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", http_server_port(f->server), path);
	c->url = c->url ? c->url : url;
	rc = http_client_call(f->client, c, &status, response, err);
	buf_add_char(response, '\0');
	return rc < 0 ? -1 : status;
}

static void a_call_carries_method_headers_and_body(void **state)
{
	static const char *const headers[] = { "X-Test: v", NULL };
	static const struct {
		struct http_call call;
		const char *path, *response;
		int status;
	} cases[] = {
		{ { .method = "GET" }, "/a", "GET /a [] ", 200 },
		{ { .method = "POST", .headers = headers, .body = { "hello", 5 } }, "/b", "POST /b [v] hello", 200 },
		{ { .method = "PUT", .body = { "", 0 } }, "/c", "PUT /c [] ", 200 },
		{ { .method = "DELETE" }, "/d", "DELETE /d [] ", 200 },
		{ { .method = "HEAD" }, "/e", "", 200 },
		{ { .method = "GET" }, "/moved", "", 302 },
	};
	struct fixture *f = *state;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_call c = cases[i].call;
		struct buf response = BUF_INIT;
		struct err err = { 0 };

		assert_int_equal(call(f, cases[i].path, &c, &response, &err), cases[i].status);
		assert_string_equal(response.p, cases[i].response);
		buf_fini(&response);
	}
	unsetenv("http_proxy");
	assert_int_equal(http_server_connections(f->server), 1);
}

static void each_failure_has_its_error_kind(void **state)
{
	static const struct {
		const char *name;
		struct http_call call;
		enum err_kind kind;
	} cases[] = {
		{ "nobody there", { .method = "GET", .url = "http://127.0.0.1:1/" }, ERR_RETRY },
		{ "not an URL", { .method = "GET", .url = "http://[/" }, ERR_INPUT },
		{ "not HTTP", { .method = "GET", .url = "file:///etc/passwd" }, ERR_INPUT },
		{ "too large", { .method = "GET", .max_response_bytes = 3 }, ERR_FATAL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_call c = cases[i].call;
		struct buf response = BUF_INIT;
		struct err err = { 0 };

		assert_int_equal(call(f, "/", &c, &response, &err), -1);
		if (err.kind != cases[i].kind)
			fail_msg("%s: %s (%s)", cases[i].name, err.msg, err_kind_name(err.kind));
		assert_int_equal(response.n, 1);
		buf_fini(&response);
	}
}

static void a_call_to_a_silent_server_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	struct http_call c = { .method = "GET", .timeout_ms = 100 };
	struct buf response = BUF_INIT;
	struct err err = { 0 };
	char url[100];
	int fd, port;

	assert_int_equal(listen_open("127.0.0.1:0", &fd, &port, &err), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	c.url = url;
	assert_int_equal(call(f, "/", &c, &response, &err), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	buf_fini(&response);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_carries_method_headers_and_body, setup, teardown),
		cmocka_unit_test_setup_teardown(each_failure_has_its_error_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(a_call_to_a_silent_server_ends_at_the_deadline, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
