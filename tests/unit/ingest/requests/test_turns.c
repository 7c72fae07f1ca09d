/* services/ingest/requests/turns: a large body has its turn, however many others join and leave the queue. */
#include "unit.h"

#include "base/clock.h"
#include "ingest/requests/request.h"
#include "ingest/requests/turns.h"

#define PATIENCE_MS  20000 /* a deadline that no test reaches */
#define LAST_STEP_MS 400 /* a pause of 50 ms */

static struct ingest in;
static struct request *resumed;

/* The remaining steps of the request are cheap. */
static void resume(struct request *req)
{
	resumed = req;
	turns_leave(req);
}

static void on_turn(void *ingest)
{
	turns_next(ingest, resume);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	in = (struct ingest){ .turn_ms = LAST_STEP_MS };
	TAILQ_INIT(&in.turns);
	resumed = NULL;
	if (loop_new(&in.loop, &err) < 0)
		return -1;
	in.turn = loop_timer_new(in.loop, on_turn, &in);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_timer_free(in.turn);
	loop_free(in.loop);
	return 0;
}

static void requests_that_join_and_leave_do_not_postpone_the_first(void **state)
{
	struct request first = { .ingest = &in }, other = { .ingest = &in };
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	(void)state;
	turns_wait(&first);
	while (!resumed && clock_mono_ms() < until) {
		loop_turn(in.loop, 5);
		turns_leave(&other);
		turns_wait(&other);
	}
	assert_ptr_equal(resumed, &first);
	turns_leave(&other);
}

static void when_the_first_leaves_the_next_has_its_turn(void **state)
{
	struct request first = { .ingest = &in }, second = { .ingest = &in };
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	(void)state;
	turns_wait(&first);
	turns_wait(&second);
	turns_leave(&first);
	while (!resumed && clock_mono_ms() < until)
		loop_turn(in.loop, 5);
	assert_ptr_equal(resumed, &second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_that_join_and_leave_do_not_postpone_the_first, setup,
			teardown),
		cmocka_unit_test_setup_teardown(when_the_first_leaves_the_next_has_its_turn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
