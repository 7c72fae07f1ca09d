/* A growable array of structs of one size. */
#ifndef WEBHOOK_DISPATCHER_ITEMS_H
#define WEBHOOK_DISPATCHER_ITEMS_H

#include <stddef.h>

struct items {
	void *at;
	size_t n, cap;
};
#define ITEMS_ADD(list, type) ((type *)items_add((list), sizeof(type)))
#define ITEMS(list, type)     ((type *)(list)->at)

/* Adds an element of zeros. The pointer is valid until the next one is added. */
void *items_add(struct items *l, size_t size);
void items_clear(struct items *l); /* keeps its memory */
void items_fini(struct items *l);

#endif
