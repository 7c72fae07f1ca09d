/* See assignment.h. */
#include "cleanup/policy/assignment.h"

static bool fits(const struct instance_room *r, enum bridge_kind kind, const struct str *storage_group)
{
	return r->state == INSTANCE_UP && r->active && r->kind == kind && r->assigned < r->capacity &&
		(!storage_group || (storage_group->n > 0 && str_eq(*storage_group, r->storage_group)));
}

static bool is_better(const struct instance_room *a, const struct instance_room *b)
{
	int64_t free_a = a->capacity - a->assigned, free_b = b->capacity - b->assigned;

	return free_a != free_b ? free_a > free_b : a->index < b->index;
}

const struct instance_room *assignment_choose(const struct instance_room *rooms, size_t n, enum bridge_kind kind,
	const struct str *storage_group, int64_t except)
{
	const struct instance_room *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (rooms[i].index != except && fits(&rooms[i], kind, storage_group) &&
			(!best || is_better(&rooms[i], best)))
			best = &rooms[i];
	return best;
}
