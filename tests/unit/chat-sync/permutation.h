/* Every order of a few things. */
#ifndef PERMUTATION_H
#define PERMUTATION_H

#include <stdbool.h>
#include <stddef.h>

static inline void places_swap(size_t *a, size_t *b)
{
	size_t kept = *a;

	*a = *b;
	*b = kept;
}

/* The next order in lexical order, begun with the sorted one; false after the last. */
static inline bool permutation_next(size_t *order, size_t n)
{
	size_t i = n - 1, k = n - 1;

	while (i > 0 && order[i - 1] >= order[i])
		i--;
	if (i == 0)
		return false;
	while (order[k] <= order[i - 1])
		k--;
	places_swap(&order[i - 1], &order[k]);
	for (k = n - 1; i < k; i++, k--)
		places_swap(&order[i], &order[k]);
	return true;
}

#endif
