/* See agenda.h: a binary heap, smallest time first, and one timer. Invariant: the timer is armed for the first item. */
#include "agenda.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/vec.h"

#define RUN_AT_ONCE 256 /* then the loop serves its sockets */

struct agenda {
	struct loop_timer *timer;
	struct agenda_item **heap;
	size_t n, cap;
	uint64_t orders;
};

static bool before(const struct agenda_item *a, const struct agenda_item *b)
{
	return a->due_mono_ms != b->due_mono_ms ? a->due_mono_ms < b->due_mono_ms : a->order < b->order;
}

static void swap(struct agenda *a, size_t i, size_t j)
{
	struct agenda_item *kept = a->heap[i];

	a->heap[i] = a->heap[j];
	a->heap[j] = kept;
}

static void rise(struct agenda *a, size_t i)
{
	for (; i > 0 && before(a->heap[i], a->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(a, i, (i - 1) / 2);
}

static void sink(struct agenda *a, size_t i)
{
	for (size_t least = i;; i = least) {
		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < a->n && before(a->heap[child], a->heap[least]))
				least = child;
		if (least == i)
			return;
		swap(a, i, least);
	}
}

static void arm(struct agenda *a)
{
	int64_t wait_ms = a->n > 0 ? a->heap[0]->due_mono_ms - clock_mono_ms() : -1;

	loop_timer_set(a->timer, a->n > 0 && wait_ms < 0 ? 0 : wait_ms);
}

static void due(void *agenda)
{
	struct agenda *a = agenda;
	int64_t now = clock_mono_ms();

	for (int i = 0; i < RUN_AT_ONCE && a->n > 0 && a->heap[0]->due_mono_ms <= now; i++) {
		struct agenda_item *item = a->heap[0];

		a->heap[0] = a->heap[--a->n];
		sink(a, 0);
		item->run(item);
	}
	arm(a);
}

struct agenda *agenda_new(struct loop *loop)
{
	struct agenda *a = mem_calloc(1, sizeof(*a));

	a->timer = loop_timer_new(loop, due, a);
	return a;
}

void agenda_free(struct agenda *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		a->heap[i]->drop(a->heap[i]);
	loop_timer_free(a->timer);
	free(a->heap);
	free(a);
}

void agenda_add(struct agenda *a, struct agenda_item *item, int64_t delay_ms)
{
	item->due_mono_ms = clock_mono_ms() + delay_ms;
	item->order = a->orders++;
	a->heap = vec_grow(a->heap, a->n, &a->cap, sizeof(*a->heap));
	a->heap[a->n] = item;
	rise(a, a->n++);
	if (a->heap[0] == item)
		arm(a);
}

size_t agenda_count(const struct agenda *a)
{
	return a->n;
}
