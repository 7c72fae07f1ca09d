/* libs/pacing/fair_queue: no tenant waits while it has work and a share that is free, and none exceeds its share. */
#include "pacing/fair_queue.h"

#include <stdlib.h>

#include "unit.h"

#define SLOTS   40
#define TENANTS 12
#define STEPS   100000

struct world {
	struct fair_queue q;
	struct fair_tenant tenants[TENANTS];
	struct fair_flow flows[TENANTS];
	size_t work[TENANTS];
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	fair_queue_init(&w->q, 8192, SLOTS, 25);
	for (size_t i = 0; i < TENANTS; i++)
		fair_tenant_init(&w->tenants[i]);
}

static void work_set(struct world *w, size_t i, size_t work)
{
	w->work[i] = work;
	fair_queue_put(&w->q, &w->tenants[i], &w->flows[i], work > 0, FAIR_NEVER);
}

/* Which tenant began a request; TENANTS: none may. */
static size_t pump_one(struct world *w, int64_t cost)
{
	struct fair_flow *f = fair_queue_next(&w->q);
	size_t i = f ? (size_t)(f - w->flows) : TENANTS;

	if (!f)
		return i;
	assert_true(w->work[i] > 0);
	fair_queue_charge(&w->tenants[i], f, cost);
	fair_queue_acquire(&w->q, &w->tenants[i]);
	work_set(w, i, w->work[i] - 1);
	return i;
}

static void a_tenant_that_arrives_late_gets_a_slot_at_once(void **state)
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
	fair_queue_release(&w.q, &w.tenants[1]);
	for (int i = 0; i < 20; i++) { /* down to its share it gets nothing while another holds one */
		work_set(&w, 1, 1);
		assert_int_equal(pump_one(&w, 100), 1);
		fair_queue_release(&w.q, &w.tenants[0]);
		assert_int_equal(pump_one(&w, 100), TENANTS);
		fair_queue_release(&w.q, &w.tenants[1]);
	}
	assert_int_equal(pump_one(&w, 100), 0); /* alone again */
}

static void being_held_back_is_counted_once_until_the_next_request(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	work_set(&w, 0, 100);
	work_set(&w, 1, 100);
	while (pump_one(&w, 0) != TENANTS)
		;
	assert_int_equal(w.q.limited, 2);
	assert_int_equal(pump_one(&w, 0), TENANTS);
	assert_int_equal(w.q.limited, 2);
	fair_queue_release(&w.q, &w.tenants[1]);
	assert_int_equal(pump_one(&w, 0), 1);
	assert_int_equal(pump_one(&w, 0), TENANTS);
	assert_int_equal(w.q.limited, 3);
}

/* No tenant that has work could have begun a request. */
static void assert_none_waits(const struct world *w)
{
	size_t wanting = 0;

	for (size_t i = 0; i < TENANTS; i++)
		wanting += w->work[i] > 0;
	for (size_t i = 0; i < TENANTS; i++)
		if (w->work[i] > 0)
			assert_false(share_admits(&w->q.slots, w->tenants[i].in_flight, wanting > 1));
}

static void random_steps_leave_no_startable_request_waiting_and_no_share_exceeded(void **state)
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
			fair_queue_release(&w.q, &w.tenants[i]);
		while ((began = pump_one(&w, rand_r(&seed) % 20000)) < TENANTS)
			assert_true(w.tenants[began].in_flight <= SLOTS / 4 || w.q.slots.holders == 1);
		assert_none_waits(&w);
		for (size_t k = 0; k < TENANTS; k++)
			sum += w.tenants[k].in_flight;
		assert_int_equal(sum, w.q.slots.used);
	}
}

/* Deficits go on counting for those that are passed over. */
static void turns_are_by_cost_among_startable_tenants(void **state)
{
	struct world w;
	size_t begun[2] = { 0, 0 };

	(void)state;
	world_init(&w);
	work_set(&w, 0, 100000);
	work_set(&w, 1, 100000);
	for (int n = 0; n < 10000; n++) {
		size_t i = fair_queue_next(&w.q) == &w.flows[0] ? 0 : 1;

		assert_int_equal(pump_one(&w, i == 0 ? 8192 : 1024), i);
		begun[i]++;
		fair_queue_release(&w.q, &w.tenants[i]);
	}
	assert_in_range(begun[1] / begun[0], 7, 8);
}

static void a_tenants_flows_alternate(void **state)
{
	struct fair_flow flows[3] = { { 0 } };
	struct fair_tenant tenant;
	struct fair_queue q;

	(void)state;
	fair_queue_init(&q, 8, SLOTS, 25);
	fair_tenant_init(&tenant);
	for (size_t i = 0; i < 3; i++)
		fair_queue_put(&q, &tenant, &flows[i], true, FAIR_NEVER);
	for (size_t i = 0; i < 30; i++) {
		struct fair_flow *f = fair_queue_next(&q);

		assert_ptr_equal(f, &flows[i % 3]);
		fair_queue_charge(&tenant, f, 1);
	}
}

static void a_sleeping_flow_is_due_at_its_time_and_does_not_delay_others(void **state)
{
	struct fair_flow *next, *f;
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < 3; i++)
		fair_queue_put(&w.q, &w.tenants[0], &w.flows[i], false, 1000 + 10 * (int64_t)i);
	fair_queue_put(&w.q, &w.tenants[0], &w.flows[3], true, FAIR_NEVER);
	assert_ptr_equal(fair_queue_next(&w.q), &w.flows[3]);
	next = fair_queue_asleep(&w.q);
	assert_null(fair_queue_due(&next, 999));
	for (next = fair_queue_asleep(&w.q); (f = fair_queue_due(&next, 1010));) /* one can run, one must wait again */
		fair_queue_put(&w.q, &w.tenants[0], f, f == &w.flows[0], 2000);
	assert_true(w.flows[0].runnable && !w.flows[0].asleep);
	next = fair_queue_asleep(&w.q);
	assert_ptr_equal(fair_queue_due(&next, 1999), &w.flows[2]);
	assert_null(fair_queue_due(&next, 1999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_that_arrives_late_gets_a_slot_at_once),
		cmocka_unit_test(being_held_back_is_counted_once_until_the_next_request),
		cmocka_unit_test(random_steps_leave_no_startable_request_waiting_and_no_share_exceeded),
		cmocka_unit_test(turns_are_by_cost_among_startable_tenants),
		cmocka_unit_test(a_tenants_flows_alternate),
		cmocka_unit_test(a_sleeping_flow_is_due_at_its_time_and_does_not_delay_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
