/* The shared life of a service: a tiny one runs in a child process, and is asked as an operator would: by arguments, signals
 * and its admin port.
 */
#include "unit.h"

#include "service/service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/client.h"
#include "metrics/metrics.h"

#define PATIENCE_MS 10000

/* The tiny service. */

struct tiny {
	int64_t limit;
	char *password;
	bool fixed;
	struct metric_cell *limit_now;
};

static const struct config_key tiny_keys[] = {
	{ "tiny.limit", CONFIG_INT, CONFIG_LIVE, offsetof(struct tiny, limit), "5", 1, 100, "A limit." },
	{ "tiny.password", CONFIG_STRING, CONFIG_SECRET, offsetof(struct tiny, password), NULL, 0, 0, "A secret." },
	{ "tiny.fixed", CONFIG_BOOL, 0, offsetof(struct tiny, fixed), "false", 0, 0, "Needs a restart." },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL },
};

static int tiny_check(const void *settings, struct err *err)
{
	const struct tiny *t = settings;

	return t->limit == 13 ? err_set(err, ERR_INPUT, "config", "tiny.limit: 13 brings bad luck") : 0;
}

static void tiny_reloaded(void *ctx)
{
	struct tiny *t = ctx;

	metric_set(t->limit_now, (double)t->limit);
}

/* Commands come through a pipe: '+' and '-' switch the condition, 's' stalls the loop, 'f' fails. */
static int tiny_main(int argc, char **argv, int commands)
{
	struct tiny t = { 0 };
	const struct service_spec spec = { .name = "tiny",
		.summary = "A service to test with.",
		.keys = tiny_keys,
		.settings = &t,
		.settings_size = offsetof(struct tiny, limit_now),
		.admin_listen = "127.0.0.1:0",
		.check = tiny_check,
		.reloaded = tiny_reloaded,
		.ctx = &t };
	struct service_condition *db;
	struct service *s = NULL;
	struct err err = { 0 };
	bool stalled = false;

	if (service_start(&s, &spec, argc, argv, &err) < 0)
		return service_end(&s, &err);
	t.limit_now = metric_with(metric_gauge("tiny_limit", "The limit.", NULL), NULL);
	db = service_condition(s, "postgres");
	while (!service_stopping(s) && err.kind == ERR_NONE) {
		struct pollfd fds[] = { { .fd = service_signal_fd(s), .events = POLLIN },
			{ .fd = commands, .events = POLLIN } };
		char c = 0;

		if (!stalled)
			service_alive(s);
		poll(fds, 2, 20);
		if ((fds[1].revents & POLLIN) && read(commands, &c, 1) != 1)
			c = 0;
		if (c == '+' || c == '-')
			service_condition_set(db, c == '+', "connection refused");
		stalled = stalled || c == 's';
		if (c == 'f')
			err_set(&err, ERR_FATAL, "test", "asked to fail");
	}
	return service_end(&s, &err);
}

/* Around it. */

struct child {
	pid_t pid;
	int commands;
	int port;
};

static char directory[] = "/tmp/test_service.XXXXXX";
static char config_path[64], port_path[64], out_path[64], err_path[64];
static struct http_client *client;

static int setup_group(void **state)
{
	struct err err;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/tiny.cfg", directory);
	snprintf(port_path, sizeof(port_path), "%s/port", directory);
	snprintf(out_path, sizeof(out_path), "%s/out", directory);
	snprintf(err_path, sizeof(err_path), "%s/err", directory);
	return http_client_open(&client, &err);
}

static int teardown_group(void **state)
{
	(void)state;
	http_client_close(&client);
	unlink(config_path);
	unlink(out_path);
	unlink(err_path);
	return rmdir(directory);
}

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* NUL-terminated; empty when there is no such file. */
static void file_read(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");

	out[f ? fread(out, 1, cap - 1, f) : 0] = '\0';
	if (f)
		fclose(f);
}

static struct child child_start(const char *const *arguments)
{
	char *argv[16] = { strdup("blazz-tiny") };
	struct child c = { 0 };
	int fds[2], argc = 1;

	assert_int_equal(pipe(fds), 0);
	while (arguments[argc - 1]) {
		argv[argc] = strdup(arguments[argc - 1]);
		argc++;
	}
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		close(fds[1]);
		if (!freopen(out_path, "w", stdout) || !freopen(err_path, "w", stderr))
			_exit(99);
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		exit(tiny_main(argc, argv, fds[0]));
	}
	close(fds[0]);
	c.commands = fds[1];
	while (argc > 0)
		free(argv[--argc]);
	return c;
}

static int child_wait(struct child *c)
{
	int status;

	close(c->commands);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Starts it with a file of these lines and waits for its port. */
static struct child service_up(const char *text)
{
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
	const char *arguments[] = { "-c", config_path, NULL };
	struct buf b = BUF_INIT;
	char port[16];
	struct child c;

	buf_printf(&b,
		"kafka: { bootstrap_servers = \"127.0.0.1:9092\"; };\n"
		"admin: { port_file = \"%s\"; live_timeout = \"300ms\"; };\n%s",
		port_path, text);
	file_write(config_path, b.p);
	buf_fini(&b);
	c = child_start(arguments);
	do {
		assert_true(clock_mono_ms() < until_ms);
		poll(NULL, 0, 2);
		file_read(port_path, port, sizeof(port));
		c.port = (int)strtol(port, NULL, 10);
	} while (c.port == 0);
	return c;
}

static int ask(const struct child *c, const char *method, const char *path, char *out, size_t cap)
{
	struct http_call call = { .method = method, .timeout_ms = PATIENCE_MS };
	struct buf response = BUF_INIT;
	struct err err = { 0 };
	char url[64];
	int status;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", c->port, path);
	call.url = url;
	if (http_client_call(client, &call, &status, &response, &err) < 0)
		fail_msg("%s: %s", url, err.msg);
	snprintf(out, cap, "%.*s", STR_ARG(buf_str(&response)));
	buf_fini(&response);
	return status;
}

/* Asks until the answer is of this status and holds this text. */
static void wait_for(const struct child *c, const char *path, int status, const char *text)
{
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
	char body[16384];

	for (;;) {
		int got = ask(c, "GET", path, body, sizeof(body));

		if (got == status && strstr(body, text))
			return;
		if (clock_mono_ms() > until_ms)
			fail_msg("%s: %d '%s'", path, got, body);
		poll(NULL, 0, 5);
	}
}

static void command(const struct child *c, char what)
{
	assert_int_equal(write(c->commands, &what, 1), 1);
}

static void arguments_end_with_the_right_status(void **state)
{
	static const struct {
		const char *name, *config;
		const char *arguments[4];
		int status;
		const char *out, *err;
	} cases[] = {
		{ "help names the keys of both tables", "", { "--help" }, 0,
			"Usage: blazz-tiny [-c FILE] [-n]\nA service to test with.", "" },
		{ "help", "", { "--help" }, 0, "  tiny.limit = 5  (whole number 1..100, live)\n", "" },
		{ "help", "", { "--help" }, 0, "  admin.listen = 127.0.0.1:0  (text)\n", "" },
		{ "version", "", { "--version" }, 0, "blazz-tiny ", "" },
		{ "table", "", { "--config-table" }, 0, "| `tiny.password` | text, secret |", "" },
		{ "check shows what holds", "kafka: { bootstrap_servers = \"h:1\"; }; tiny: { limit = 7; };",
			{ "-n", "-c", config_path }, 0, "tiny.limit = 7\n", "" },
		{ "check hides secrets", "kafka: { bootstrap_servers = \"h:1\"; }; tiny: { password = \"p\"; };",
			{ "-n", "-c", config_path }, 0, "tiny.password = ***\n", "" },
		{ "a required key", "", { "-n", "-c", config_path }, 78, "",
			"blazz-tiny: kafka.bootstrap.servers: is required" },
		{ "a range", "kafka: { bootstrap_servers = \"h:1\"; };\ntiny: { limit = 0; };", { "-c", config_path },
			78, "", "tiny.cfg:2: tiny.limit: 0 is not in 1..100\n" },
		{ "the service's own check", "kafka: { bootstrap_servers = \"h:1\"; }; tiny: { limit = 13; };",
			{ "-c", config_path }, 78, "", "13 brings bad luck" },
		{ "a log level", "kafka: { bootstrap_servers = \"h:1\"; }; log: { level = \"loud\"; };",
			{ "-c", config_path }, 78, "", "log.level: loud is not debug, info, warn or error" },
		{ "a topic prefix", "kafka: { bootstrap_servers = \"h:1\"; }; topics: { prefix = \"a b\"; };",
			{ "-c", config_path }, 78, "", "topics.prefix: a b is not a part of a topic's name" },
		{ "a key that librdkafka does not know", "kafka: { bootstrap_servers = \"h:1\"; no_such_thing = 1; };",
			{ "-c", config_path }, 78, "", "no.such.thing" },
		{ "an address", "kafka: { bootstrap_servers = \"h:1\"; }; admin: { listen = \"nowhere\"; };",
			{ "-c", config_path }, 78, "", "admin.listen: 'nowhere' is not an address" },
		{ "a network", "kafka: { bootstrap_servers = \"h:1\"; }; admin: { listen = \"10.0.0.0/64:1\"; };",
			{ "-c", config_path }, 78, "", "10.0.0.0/64" },
		{ "a network of others",
			"kafka: { bootstrap_servers = \"h:1\"; }; admin: { listen = \"240.0.0.0/8:0\"; };",
			{ "-c", config_path }, 1, "", "this machine has no address in 240.0.0.0/8" },
		{ "an option", "", { "--frobnicate" }, 78, "", "--help" },
		{ "an argument", "", { "start" }, 78, "", "'start' is not an option" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static char out[16384], err[4096];
		struct child c;
		int status;

		file_write(config_path, cases[i].config);
		c = child_start(cases[i].arguments);
		status = child_wait(&c);
		file_read(out_path, out, sizeof(out));
		file_read(err_path, err, sizeof(err));
		if (status != cases[i].status || !strstr(out, cases[i].out) || !strstr(err, cases[i].err))
			fail_msg("%s: %d\n%s\n%s", cases[i].name, status, out, err);
	}
}

static void the_admin_port_answers(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
		const char *text;
	} cases[] = {
		{ "GET", "/", 200, "/metrics" },
		{ "GET", "/livez", 200, "alive\n" },
		{ "HEAD", "/livez", 200, "" },
		{ "GET", "/readyz", 503, "postgres: starting\n" },
		{ "GET", "/metrics", 200, "blazz_build_info{service=\"tiny\",version=\"" },
		{ "GET", "/metrics", 200, "\nblazz_ready 0\n" },
		{ "GET", "/metrics", 200, "\nblazz_config_reloads_total{result=\"failed\"} 0\n" },
		{ "GET", "/metrics", 200, "\nprocess_open_fds " },
		{ "GET", "/metrics", 200, "\nprocess_cpu_seconds_total " },
		{ "GET", "/metrics", 200, "\nprocess_resident_memory_bytes " },
		{ "GET", "/metrics", 200, "\nprocess_start_time_seconds " },
		{ "GET", "/metrics", 200, "\n# EOF\n" },
		{ "DELETE", "/livez", 405, "" },
		{ "GET", "/nothing", 404, "" },
	};
	struct child c = service_up("");

	(void)state;
	wait_for(&c, "/readyz", 503, "postgres");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[16384];
		int status = ask(&c, cases[i].method, cases[i].path, body, sizeof(body));

		if (status != cases[i].status || !strstr(body, cases[i].text))
			fail_msg("%s %s: %d '%s'", cases[i].method, cases[i].path, status, body);
	}
	kill(c.pid, SIGTERM);
	assert_int_equal(child_wait(&c), 0);
	assert_int_equal(access(port_path, F_OK), -1);
}

static long open_descriptors_of(const struct child *c)
{
	char body[16384];
	const char *at;

	assert_int_equal(ask(c, "GET", "/metrics", body, sizeof(body)), 200);
	at = strstr(body, "\nprocess_open_fds ");
	assert_non_null(at);
	return strtol(at + strlen("\nprocess_open_fds "), NULL, 10);
}

/* A connection that was just answered may still be open. */
static void scrapes_leave_no_descriptor_open(void **state)
{
	struct child c = service_up("");
	long before = open_descriptors_of(&c), after = before;

	(void)state;
	assert_in_range(before, 4, 100);
	for (int i = 0; i < 50; i++)
		after = open_descriptors_of(&c);
	assert_in_range(after, before - 10, before + 10);
	kill(c.pid, SIGTERM);
	assert_int_equal(child_wait(&c), 0);
}

static void readiness_follows_the_conditions(void **state)
{
	struct child c = service_up("");

	(void)state;
	command(&c, '+');
	wait_for(&c, "/readyz", 200, "ready\n");
	wait_for(&c, "/metrics", 200, "\nblazz_ready 1\n");
	command(&c, '-');
	wait_for(&c, "/readyz", 503, "postgres: connection refused\n");
	wait_for(&c, "/metrics", 200, "\nblazz_ready 0\n");
	kill(c.pid, SIGINT);
	assert_int_equal(child_wait(&c), 0);
}

static void the_admin_port_reports_a_hanging_loop_as_not_alive(void **state)
{
	struct child c = service_up("");

	(void)state;
	command(&c, 's');
	wait_for(&c, "/livez", 503, "the loop has not turned for ");
	kill(c.pid, SIGTERM);
	assert_int_equal(child_wait(&c), 0);
}

static void a_failure_is_logged_once_and_decides_the_status(void **state)
{
	char log[4096];
	const char *first;
	struct child c = service_up("");

	(void)state;
	command(&c, 'f');
	assert_int_equal(child_wait(&c), 1);
	file_read(err_path, log, sizeof(log));
	first = strstr(log, "asked to fail");
	assert_non_null(first);
	assert_null(strstr(first + 1, "asked to fail"));
}

static void sighup_reads_live_keys_again(void **state)
{
	struct child c = service_up("tiny: { limit = 6; };");
	char text[512], log[8192];
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

	(void)state;
	file_read(config_path, text, sizeof(text));
	memcpy(strstr(text, "limit = 6"), "limit = 9", 9);
	strcat(text, "log: { level = \"debug\"; }; topics: { prefix = \"x\"; };");
	file_write(config_path, text);
	kill(c.pid, SIGHUP);
	wait_for(&c, "/metrics", 200, "\ntiny_limit 9\n");
	file_read(err_path, log, sizeof(log));
	assert_non_null(strstr(log, "keys=topics.prefix"));
	wait_for(&c, "/metrics", 200, "\nblazz_config_reloads_total{result=\"partial\"} 1\n");

	memcpy(strstr(text, "limit = 9"), "limit =13", 9); /* what the service's check refuses */
	file_write(config_path, text);
	kill(c.pid, SIGHUP);
	do {
		assert_true(clock_mono_ms() < until_ms);
		poll(NULL, 0, 5);
		file_read(err_path, log, sizeof(log));
	} while (!strstr(log, "13 brings bad luck"));
	wait_for(&c, "/metrics", 200, "\ntiny_limit 9\n");
	wait_for(&c, "/metrics", 200, "\nblazz_config_reloads_total{result=\"failed\"} 1\n");
	kill(c.pid, SIGTERM);
	assert_int_equal(child_wait(&c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_end_with_the_right_status),
		cmocka_unit_test(the_admin_port_answers),
		cmocka_unit_test(scrapes_leave_no_descriptor_open),
		cmocka_unit_test(readiness_follows_the_conditions),
		cmocka_unit_test(the_admin_port_reports_a_hanging_loop_as_not_alive),
		cmocka_unit_test(a_failure_is_logged_once_and_decides_the_status),
		cmocka_unit_test(sighup_reads_live_keys_again),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
