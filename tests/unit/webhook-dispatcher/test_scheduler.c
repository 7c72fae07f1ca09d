/* services/webhook-dispatcher/scheduler: no workspace waits while it has work and a share that is free, and none exceeds its share. */
#include "webhook-dispatcher/scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define SLOTS   40
#define TENANTS 12
#define STEPS   100000

struct world {
	struct scheduler s;
	struct tenant tenants[TENANTS];
	struct endpoint endpoints[TENANTS];
	struct lane lanes[TENANTS];
	size_t work[TENANTS];
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	scheduler_init(&w->s, SLOTS, 25);
	for (size_t i = 0; i < TENANTS; i++) {
		TAILQ_INIT(&w->tenants[i].lanes);
		w->endpoints[i].tenant = &w->tenants[i];
		w->lanes[i].endpoint = &w->endpoints[i];
	}
}

static void work_set(struct world *w, size_t i, size_t work)
{
	w->work[i] = work;
	scheduler_put(&w->s, &w->lanes[i], work > 0, INT64_MAX);
}

/* Which one began a delivery; TENANTS: none may. */
static size_t pump_one(struct world *w, size_t bytes)
{
	struct lane *l = scheduler_next(&w->s);
	size_t i = l ? (size_t)(l - w->lanes) : TENANTS;

	if (!l)
		return i;
	assert_true(w->work[i] > 0);
	scheduler_charge(l, bytes);
	scheduler_begun(&w->s, &w->tenants[i]);
	work_set(w, i, w->work[i] - 1);
	return i;
}

static void a_workspace_that_begins_late_gets_a_slot_at_once(void **state)
{
	struct world w;
	size_t n = 0;

	(void)state;
	world_init(&w);
	work_set(&w, 0, 8000);
	while (pump_one(&w, 100) == 0)
		n++;
	assert_int_equal(n, 30); /* alone: all but a quarter */
	work_set(&w, 1, 1);
	assert_int_equal(pump_one(&w, 100), 1);
	scheduler_ended(&w.s, &w.tenants[1]);
	for (int i = 0; i < 20; i++) { /* down to its share it gets nothing while another holds one */
		work_set(&w, 1, 1);
		assert_int_equal(pump_one(&w, 100), 1);
		scheduler_ended(&w.s, &w.tenants[0]);
		assert_int_equal(pump_one(&w, 100), TENANTS);
		scheduler_ended(&w.s, &w.tenants[1]);
	}
	assert_int_equal(pump_one(&w, 100), 0); /* alone again */
}

static void being_held_back_is_counted_once_until_the_next_delivery(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	work_set(&w, 0, 100);
	work_set(&w, 1, 100);
	while (pump_one(&w, 0) != TENANTS)
		;
	assert_int_equal(w.s.limited, 2);
	assert_int_equal(pump_one(&w, 0), TENANTS);
	assert_int_equal(w.s.limited, 2);
	scheduler_ended(&w.s, &w.tenants[1]);
	assert_int_equal(pump_one(&w, 0), 1);
	assert_int_equal(pump_one(&w, 0), TENANTS);
	assert_int_equal(w.s.limited, 3);
}

/* Nobody that has work could have begun. */
static void assert_none_waits(const struct world *w)
{
	size_t wanting = 0;

	for (size_t i = 0; i < TENANTS; i++)
		wanting += w->work[i] > 0;
	for (size_t i = 0; i < TENANTS; i++)
		if (w->work[i] > 0)
			assert_false(share_admits(&w->s.slots, w->tenants[i].in_flight, wanting > 1));
}

static void at_random_none_waits_that_may_begin_and_none_exceeds_its_share(void **state)
{
	struct world w;
	unsigned seed = 4;

	(void)state;
	world_init(&w);
	for (int step = 0; step < STEPS; step++) {
		size_t i = (size_t)rand_r(&seed) % TENANTS, began, sum = 0;

		if (rand_r(&seed) % 3 == 0)
			work_set(&w, i, w.work[i] + (size_t)rand_r(&seed) % 5);
		else if (w.tenants[i].in_flight > 0)
			scheduler_ended(&w.s, &w.tenants[i]);
		while ((began = pump_one(&w, (size_t)rand_r(&seed) % 20000)) < TENANTS)
			assert_true(w.tenants[began].in_flight <= SLOTS / 4 || w.s.slots.holders == 1);
		assert_none_waits(&w);
		for (size_t k = 0; k < TENANTS; k++)
			sum += w.tenants[k].in_flight;
		assert_int_equal(sum, w.s.slots.used);
	}
}

/* Deficits go on counting for those that are passed over. */
static void turns_are_by_bytes_among_those_that_may_begin(void **state)
{
	struct world w;
	size_t begun[2] = { 0, 0 };

	(void)state;
	world_init(&w);
	work_set(&w, 0, 100000);
	work_set(&w, 1, 100000);
	for (int i = 0; i < 10000; i++) {
		size_t who = scheduler_next(&w.s) == &w.lanes[0] ? 0 : 1;

		assert_int_equal(pump_one(&w, who == 0 ? 7680 : 512), who);
		begun[who]++;
		scheduler_ended(&w.s, &w.tenants[who]);
	}
	assert_in_range(begun[1] / begun[0], 7, 8); /* 8192 to 1024 bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_workspace_that_begins_late_gets_a_slot_at_once),
		cmocka_unit_test(being_held_back_is_counted_once_until_the_next_delivery),
		cmocka_unit_test(at_random_none_waits_that_may_begin_and_none_exceeds_its_share),
		cmocka_unit_test(turns_are_by_bytes_among_those_that_may_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
