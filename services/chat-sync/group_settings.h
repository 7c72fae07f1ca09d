/* A group's settings in the names that all dialects share. Invariant: each member is the newest by its own time. Pure; has a table test. */
#ifndef CHAT_SYNC_GROUP_SETTINGS_H
#define CHAT_SYNC_GROUP_SETTINGS_H

#include "base/arena.h"

#include <stdint.h>

struct group_settings {
	struct str values; /* {"messagesAdminsOnly": true, ...}: JSON, only members that an event has set */
	struct str times; /* the time of each, in microseconds: JSON */
};

/* Merges the members of `got`, as of at_us, into `have`: of each the newest wins, at equal times the greater value, so that the order of
 * arrival does not matter. Other members of `got` are ignored. True when a value or a time changed; else *out is unchanged. */
bool group_settings_merge(struct group_settings have, struct str got, int64_t at_us, struct arena *a,
	struct group_settings *out);
/* Whether both have the same values; jsonb may write them differently. */
bool group_settings_same(struct str a, struct str b);

#endif
