/* Which instance an account gets. Pure. Source: README.md, Assignment. */
#ifndef CLEANUP_ASSIGNMENT_H
#define CLEANUP_ASSIGNMENT_H

#include "cleanup/policy/probe.h"
#include "wire/party.h"

struct instance_room {
	int64_t index;
	enum bridge_kind kind;
	enum instance_state state;
	bool active; /* desired */
	struct str storage_group; /* "": its own */
	int64_t capacity;
	int64_t assigned; /* accounts */
};

/* The one with the most free room (capacity minus assigned) of those that are up, active, of the kind and below capacity;
 * ties go to the lowest index. With a storage group (NULL: any instance) only its members; "" has none, as such an instance shares its
 * files with no other. `except`, an index or -1, is left out. NULL: none. */
const struct instance_room *assignment_choose(const struct instance_room *rooms, size_t n, enum bridge_kind kind,
	const struct str *storage_group, int64_t except);

#endif
