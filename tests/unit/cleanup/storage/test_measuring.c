/* services/cleanup/storage/measuring: measurements that end, and one that hangs. */
#include "cleanup/storage/measuring.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static sem_t hangs, over;

static int finds(int root_fd, const char *path, struct storage_found *out, struct err *err)
{
	(void)root_fd;
	if (strcmp(path, "session-a") != 0)
		return err_set(err, ERR_INPUT, "storage", "%s", path);
	*out = (struct storage_found){ .exists = true, .bytes = 12 };
	return 0;
}

static int hangs_until_told(int root_fd, const char *path, struct storage_found *out, struct err *err)
{
	sem_wait(&hangs);
	assert_true(fcntl(root_fd, F_GETFD) >= 0); /* it has a descriptor of its own */
	assert_string_equal(path, "session-a");
	sem_post(&over);
	return finds(root_fd, path, out, err);
}

static struct measuring *start(measure_fn *measure, const char *path)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct measuring *m;
	struct err err;

	assert_true(root >= 0);
	assert_int_equal(measuring_start(&m, measure, root, str_of(path), &err), 0);
	close(root);
	return m;
}

static void what_was_found_is_there_at_the_end(void **state)
{
	struct measuring *m = start(finds, "session-a"), *other = start(finds, "session-b");
	struct storage_found found;
	struct err err;

	(void)state;
	while (!measuring_has_ended(m) || !measuring_has_ended(other))
		usleep(1000);
	assert_int_equal(measuring_result(m, &found, &err), 0);
	assert_true(found.exists && found.bytes == 12);
	assert_true(str_is(measuring_path(m), "session-a"));
	assert_int_equal(measuring_result(other, &found, &err), -1);
	assert_string_equal(err.msg, "session-b");
	measuring_free(&m);
	measuring_free(&other);
	assert_null(m);
}

static void one_that_hangs_is_left_alone(void **state)
{
	struct measuring *m = start(hangs_until_told, "session-a");

	(void)state;
	usleep(10000);
	assert_false(measuring_has_ended(m));
	measuring_free(&m); /* does not wait */
	sem_post(&hangs);
	sem_wait(&over);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_found_is_there_at_the_end),
		cmocka_unit_test(one_that_hangs_is_left_alone),
	};

	sem_init(&hangs, 0, 0);
	sem_init(&over, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
