/* libs/base/vec: arrays that grow. */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/vec.h"

#define MANY 1000

static void elements_survive_each_growth(void **state)
{
	struct arena *a = arena_new(4096);
	int64_t *heap = NULL, *kept = NULL;
	size_t heap_cap = 0, kept_cap = 0;

	(void)state;
	for (size_t n = 0; n < MANY; n++) {
		heap = vec_grow(heap, n, &heap_cap, sizeof(*heap));
		kept = vec_grow_in(a, kept, n, &kept_cap, sizeof(*kept));
		assert_true(n < heap_cap && n < kept_cap);
		heap[n] = kept[n] = (int64_t)n;
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(heap[i], i);
		assert_int_equal(kept[i], i);
	}
	free(heap);
	arena_free(a);
}

static void an_array_with_room_stays_where_it_is(void **state)
{
	size_t cap = 0, moves = 0;
	char *at = NULL;

	(void)state;
	for (size_t n = 0; n < MANY; n++) {
		size_t before = cap;

		at = vec_grow(at, n, &cap, 1);
		moves += cap != before;
		at[n] = 'x';
	}
	assert_int_equal(moves, 7); /* 16, 32, ... 1024 */
	free(at);
}

static void room_in_an_arena_is_zeroed(void **state)
{
	struct arena *a = arena_new(256);
	int *at = NULL;
	size_t cap = 0;

	(void)state;
	at = vec_grow_in(a, at, 0, &cap, sizeof(*at));
	for (size_t i = 0; i < cap; i++)
		assert_int_equal(at[i], 0);
	arena_free(a);
}

/* As for any allocation that cannot be had. */
static void a_size_that_overflows_ends_the_process(void **state)
{
	size_t cap = SIZE_MAX / 16;
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		close(STDERR_FILENO);
		free(vec_grow(NULL, cap, &cap, 32));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_survive_each_growth),
		cmocka_unit_test(an_array_with_room_stays_where_it_is),
		cmocka_unit_test(room_in_an_arena_is_zeroed),
		cmocka_unit_test(a_size_that_overflows_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
