/* The event loop: timers, descriptors, signals, and stopping. */
#include "unit.h"

#include "loop/loop.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

struct fixture {
	struct loop *loop;
	struct loop_timer *timer;
	struct loop_io *io;
	int pipe[2];
	int n;
	int64_t fired_mono_ms;
};

static int setup(void **state)
{
	static struct fixture f;
	struct err err;

	f = (struct fixture){ 0 };
	*state = &f;
	return loop_new(&f.loop, &err) < 0 || pipe(f.pipe) < 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_io_free(f->io);
	loop_timer_free(f->timer);
	loop_free(f->loop);
	close(f->pipe[0]);
	close(f->pipe[1]);
	return 0;
}

static void run(struct fixture *f)
{
	struct err err;

	assert_int_equal(loop_run(f->loop, &err), 0);
}

static void stop(void *ctx)
{
	struct fixture *f = ctx;

	f->n++;
	f->fired_mono_ms = clock_mono_ms();
	loop_stop(f->loop);
}

static void a_timer_never_fires_early(void **state)
{
	struct fixture *f = *state;

	f->timer = loop_timer_new(f->loop, stop, f);
	for (int delay_ms = 0; delay_ms < 12; delay_ms++) {
		int64_t start_ms = clock_mono_ms();

		loop_timer_set(f->timer, delay_ms);
		run(f);
		assert_true(f->fired_mono_ms - start_ms >= delay_ms);
	}
	assert_int_equal(f->n, 12);
}

/* Takes long, then sets a timer: libevent's own idea of the time is old by then. */
static void dawdle(void *ctx)
{
	struct fixture *f = ctx;
	int64_t until_ms = clock_mono_ms() + 30;

	while (clock_mono_ms() < until_ms)
		;
	f->fired_mono_ms = clock_mono_ms();
	loop_timer_set(f->timer, 20);
	loop_io_set(f->io, false, false);
}

static void a_timer_counts_from_when_it_is_set(void **state)
{
	struct fixture *f = *state;
	int64_t set_mono_ms;

	f->timer = loop_timer_new(f->loop, stop, f);
	f->io = loop_io_new(f->loop, f->pipe[1], false, true, dawdle, f);
	set_mono_ms = clock_mono_ms() + 30;
	run(f);
	assert_true(f->fired_mono_ms - set_mono_ms >= 20);
}

static void a_disarmed_timer_does_not_fire(void **state)
{
	struct fixture *f = *state;
	struct loop_timer *other = loop_timer_new(f->loop, stop, f);

	f->timer = loop_timer_new(f->loop, stop, f);
	loop_timer_set(other, 1);
	loop_timer_set(other, -1);
	loop_timer_set(f->timer, 20);
	run(f);
	assert_int_equal(f->n, 1);
	loop_timer_free(other);
}

static void fire_other(void *ctx)
{
	struct fixture *f = ctx;

	loop_timer_fire(f->timer);
}

static void a_fired_timer_does_not_wait_for_its_time(void **state)
{
	struct fixture *f = *state;
	struct loop_timer *first = loop_timer_new(f->loop, fire_other, f);
	int64_t start_ms = clock_mono_ms();

	f->timer = loop_timer_new(f->loop, stop, f);
	loop_timer_set(f->timer, 10000);
	loop_timer_set(first, 1);
	run(f);
	assert_int_equal(f->n, 1);
	assert_true(f->fired_mono_ms - start_ms < 5000);
	loop_timer_free(first);
}

static void read_one(void *ctx)
{
	struct fixture *f = ctx;
	char c;

	assert_int_equal(read(f->pipe[0], &c, 1), 1);
	if (++f->n == 3)
		loop_stop(f->loop);
}

static void a_readable_descriptor_calls_until_it_is_read_empty(void **state)
{
	struct fixture *f = *state;

	f->io = loop_io_new(f->loop, f->pipe[0], true, false, read_one, f);
	assert_int_equal(write(f->pipe[1], "abc", 3), 3);
	run(f);
	assert_int_equal(f->n, 3);
}

static void a_descriptor_calls_only_for_what_was_asked(void **state)
{
	struct fixture *f = *state;

	f->timer = loop_timer_new(f->loop, stop, f);
	f->io = loop_io_new(f->loop, f->pipe[1], false, true, stop, f);
	run(f);
	assert_int_equal(f->n, 1);
	loop_io_set(f->io, false, false);
	loop_timer_set(f->timer, 20);
	run(f);
	assert_int_equal(f->n, 2); /* the timer */
	loop_io_set(f->io, false, true);
	run(f);
	assert_int_equal(f->n, 3);
}

static void free_self(void *ctx)
{
	struct fixture *f = ctx;

	loop_io_free(f->io);
	f->io = NULL;
	f->n++;
	loop_timer_set(f->timer, 5);
}

static void a_callback_may_free_its_own_source(void **state)
{
	struct fixture *f = *state;

	f->timer = loop_timer_new(f->loop, stop, f);
	f->io = loop_io_new(f->loop, f->pipe[1], false, true, free_self, f);
	run(f);
	assert_int_equal(f->n, 2);
}

static void a_stop_before_the_run_is_not_lost(void **state)
{
	struct fixture *f = *state;

	loop_stop(f->loop);
	run(f);
}

static void a_signal_arrives_in_the_loop(void **state)
{
	struct fixture *f = *state;
	struct loop_signal *s = loop_signal_new(f->loop, SIGUSR1, stop, f);

	raise(SIGUSR1);
	assert_int_equal(f->n, 0);
	run(f);
	assert_int_equal(f->n, 1);
	loop_signal_free(s);
}

static void count(void *ctx)
{
	struct fixture *f = ctx;

	f->n++;
}

static void a_turn_ends_at_its_deadline_or_with_an_event(void **state)
{
	struct fixture *f = *state;
	int64_t began_ms = clock_mono_ms();

	loop_turn(f->loop, 20);
	assert_in_range(clock_mono_ms() - began_ms, 19, 5000);
	f->io = loop_io_new(f->loop, f->pipe[1], false, true, count, f);
	began_ms = clock_mono_ms();
	loop_turn(f->loop, 60000);
	assert_in_range(clock_mono_ms() - began_ms, 0, 5000);
	assert_int_equal(f->n, 1);
	loop_turn(f->loop, 0);
	assert_int_equal(f->n, 2);
}

static void a_turn_runs_the_timers_that_are_due(void **state)
{
	struct fixture *f = *state;

	f->timer = loop_timer_new(f->loop, count, f);
	loop_timer_set(f->timer, 10);
	loop_turn(f->loop, 0);
	assert_int_equal(f->n, 0);
	while (f->n == 0)
		loop_turn(f->loop, 60000);
}

static void write_one(void *ctx)
{
	struct fixture *f = ctx;

	f->n++;
	assert_int_equal(write(f->pipe[1], "x", 1), 1);
}

/* The timer belongs to somebody else, who goes on meanwhile. */
static void waiting_for_a_descriptor_serves_the_others(void **state)
{
	struct fixture *f = *state;

	f->timer = loop_timer_new(f->loop, write_one, f);
	loop_timer_set(f->timer, 30);
	assert_false(loop_wait(f->loop, f->pipe[0], false, 0));
	assert_false(loop_wait(f->loop, f->pipe[0], false, 5));
	assert_int_equal(f->n, 0);
	assert_true(loop_wait(f->loop, f->pipe[0], false, 60000));
	assert_int_equal(f->n, 1);
	assert_true(loop_wait(f->loop, f->pipe[0], false, 0)); /* nobody has read it */
	assert_true(loop_wait(f->loop, f->pipe[1], true, 60000));
	assert_false(loop_wait(f->loop, f->pipe[1], false, 5));
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_LOOP(a_timer_never_fires_early),
		IN_LOOP(a_timer_counts_from_when_it_is_set),
		IN_LOOP(a_disarmed_timer_does_not_fire),
		IN_LOOP(a_fired_timer_does_not_wait_for_its_time),
		IN_LOOP(a_readable_descriptor_calls_until_it_is_read_empty),
		IN_LOOP(a_descriptor_calls_only_for_what_was_asked),
		IN_LOOP(a_callback_may_free_its_own_source),
		IN_LOOP(a_stop_before_the_run_is_not_lost),
		IN_LOOP(a_signal_arrives_in_the_loop),
		IN_LOOP(a_turn_ends_at_its_deadline_or_with_an_event),
		IN_LOOP(a_turn_runs_the_timers_that_are_due),
		IN_LOOP(waiting_for_a_descriptor_serves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
