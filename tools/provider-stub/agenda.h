/* What is to be done later: answers that are slow, and posts to ingest, in the order of their time. */
#ifndef PROVIDER_STUB_AGENDA_H
#define PROVIDER_STUB_AGENDA_H

#include <stddef.h>

#include "loop/loop.h"

struct agenda;

/* Embedded in what waits. */
struct agenda_item {
	void (*run)(struct agenda_item *item); /* it is due; may add items, itself too */
	void (*drop)(struct agenda_item *item); /* the agenda is freed before */
	int64_t due_mono_ms; /* set by agenda_add() */
	uint64_t order;
};

struct agenda *agenda_new(struct loop *loop);
void agenda_free(struct agenda *a); /* accepts NULL */
void agenda_add(struct agenda *a, struct agenda_item *item, int64_t delay_ms);
size_t agenda_count(const struct agenda *a);

#endif
