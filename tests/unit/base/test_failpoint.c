/* libs/base/failpoint. A release has no failpoints, so this test compiles its own. FAILPOINT is read once in
 * a process: every case runs in a child, which writes one character a pass. */
#include "unit.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BLAZZ_FAILPOINTS
#define BLAZZ_FAILPOINTS
#endif
#define failpoint failpoint_under_test
#include "base/failpoint.c"

struct outcome {
	char passes[16]; /* '-' for went on, 'E' for told to fail */
	int status;      /* of waitpid */
};

static void child(const char *spec, int fd)
{
	setenv("FAILPOINT", spec, 1);
	for (int i = 0; i < 5; i++)
		if (write(fd, failpoint("point") ? "E" : "-", 1) != 1)
			_exit(9);
	_exit(0);
}

static struct outcome run(const char *spec)
{
	struct outcome o = { .status = -1 };
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(spec, fds[1]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &o.status, WUNTRACED), pid);
	if (WIFSTOPPED(o.status)) {
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	assert_true(read(fds[0], o.passes, sizeof(o.passes) - 1) >= 0);
	close(fds[0]);
	return o;
}

static void errors_occur_at_the_requested_pass(void **state)
{
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{ "", "-----" },
		{ "point:error", "E----" },
		{ "point:error@2", "-E---" },
		{ "point:error@*", "EEEEE" },
		{ "point:error@9", "-----" },
		{ "points:error,poin:error", "-----" },
		{ "other:kill,point:error@3", "--E--" },
		{ "point:error@2,point:error@4", "-E-E-" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = run(cases[i].spec);

		print_message("%s\n", cases[i].spec);
		assert_true(WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0);
		assert_string_equal(o.passes, cases[i].want);
	}
}

static void kill_ends_the_process_at_once(void **state)
{
	struct outcome o = run("point:kill@3");

	(void)state;
	assert_true(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGKILL);
	assert_string_equal(o.passes, "--");
}

static void stop_stops_the_process_at_once(void **state)
{
	struct outcome o = run("point:stop@2");

	(void)state;
	assert_true(WIFSTOPPED(o.status) && WSTOPSIG(o.status) == SIGSTOP);
	assert_string_equal(o.passes, "-");
}

static void an_invalid_failpoint_ends_the_process(void **state)
{
	static const char *const cases[] = { "point", "point:", ":kill", "point:explode", "point:kill@", "point:kill@0",
		"point:kill@-1", "point:kill@x", "other:error,,point:error" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = run(cases[i]);

		assert_true(WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGABRT);
		assert_string_equal(o.passes, "");
	}
}

static void *pass_often(void *hits)
{
	for (int i = 0; i < 1000; i++)
		if (failpoint("point"))
			atomic_fetch_add((atomic_int *)hits, 1);
	return NULL;
}

/* The only test that reads FAILPOINT in this process. */
static void threads_count_passes_together(void **state)
{
	pthread_t threads[4];
	atomic_int hits = 0;

	(void)state;
	setenv("FAILPOINT", "point:error@2500,point:error@4000,point:error@4001", 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &hits), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&hits), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_occur_at_the_requested_pass),
		cmocka_unit_test(kill_ends_the_process_at_once),
		cmocka_unit_test(stop_stops_the_process_at_once),
		cmocka_unit_test(an_invalid_failpoint_ends_the_process),
		cmocka_unit_test(threads_count_passes_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
