/* Connecting: the session's settings, and failures told apart. */
#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"

static void a_session_has_its_settings(void **state)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "TimeZone", "UTC" },
		{ "client_encoding", "UTF8" },
		{ "statement_timeout", "9s" },
		{ "lock_timeout", "4s" },
		{ "idle_in_transaction_session_timeout", "10s" },
		{ "client_connection_check_interval", "2s" },
		{ "plan_cache_mode", "auto" },
		{ "application_name", "name of the test" },
	};
	struct pg *pg = session_open_with(&(struct pg_options){
		.conninfo = pg_temp_conninfo(), .application_name = "name of the test", .statement_timeout_ms = 8000 });
	struct pg_args *args = pg_args_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_rows *rows;

		pg_args_clear(args);
		pg_arg_text(args, str_of(cases[i].name));
		rows = query(pg, "SELECT current_setting($1)", args);
		if (!str_is(pg_text(rows, 0, 0), cases[i].want))
			fail_msg("%s is %.*s", cases[i].name, STR_ARG(pg_text(rows, 0, 0)));
		pg_rows_free(rows);
	}
	assert_true(pg_socket(pg) >= 0);
	pg_args_free(args);
	pg_close(&pg);
	pg_close(&pg); /* accepts NULL */
}

/* What follows the server's own conninfo wins over it. */
static void assert_open_fails(const char *conninfo, enum err_kind kind, const char *code)
{
	struct pg *pg = NULL;
	struct err err = { 0 };

	assert_failed(pg_open(&pg, &(struct pg_options){ .conninfo = conninfo, .connect_timeout_ms = 1000 }, &err), err,
		kind, code);
	assert_null(pg);
}

static void only_an_invalid_connection_string_is_fatal(void **state)
{
	static const struct {
		const char *settings, *code;
		enum err_kind kind;
	} cases[] = {
		{ "dbname=nowhere", "3D000", ERR_RETRY },
		{ "user=nobody_here", "28000", ERR_RETRY },
		{ "sslmode=sometimes", "conninfo", ERR_FATAL },
		{ "host=/nonexistent", "lost", ERR_RETRY },
		{ "host=127.0.0.1 port=1", "lost", ERR_RETRY },
		{ "host=name.invalid", "lost", ERR_RETRY },
		{ "password", "conninfo", ERR_FATAL },
		{ "nonsense=1", "conninfo", ERR_FATAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char conninfo[512];

		snprintf(conninfo, sizeof(conninfo), "%s %s", pg_temp_conninfo(), cases[i].settings);
		assert_open_fails(conninfo, cases[i].kind, cases[i].code);
	}
}

/* Accepts connections (the kernel does) and never answers. */
static void a_call_to_a_silent_server_ends_at_the_deadline(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t began = clock_mono_ms();
	char conninfo[128];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
	snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d user=x", ntohs(addr.sin_port));
	assert_open_fails(conninfo, ERR_RETRY, "timeout");
	assert_in_range(clock_mono_ms() - began, 1000, 2000);
	close(fd);
}

static void a_broken_conninfo_is_not_quoted(void **state)
{
	struct pg *pg = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(pg_open(&pg, &(struct pg_options){ .conninfo = "user=x password=my hush" }, &err), -1);
	assert_null(strstr(err.msg, "hush"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_has_its_settings),
		cmocka_unit_test(only_an_invalid_connection_string_is_fatal),
		cmocka_unit_test(a_call_to_a_silent_server_ends_at_the_deadline),
		cmocka_unit_test(a_broken_conninfo_is_not_quoted),
	};

	return cmocka_run_group_tests(tests, pg_temp_start, pg_temp_stop);
}
