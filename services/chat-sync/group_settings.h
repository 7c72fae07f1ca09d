/* A group's settings: one vocabulary whatever the dialect, each member the newest by its own time. Pure; has a table test. */
#ifndef CHAT_SYNC_GROUP_SETTINGS_H
#define CHAT_SYNC_GROUP_SETTINGS_H

#include "base/arena.h"

#include <stdint.h>

struct group_settings {
	struct str values; /* {"messagesAdminsOnly": true, ...}: JSON, only what was ever said */
	struct str times; /* when each was said, in microseconds: JSON */
};

/* Takes over what `got` says at at_us, member by member: the newest; at the same time the greater value, so that the order of arrival
 * does not matter. What is no member of the vocabulary says nothing. True when a value or a time moved; *out is unchanged else. */
bool group_settings_merge(struct group_settings have, struct str got, int64_t at_us, struct arena *a,
	struct group_settings *out);
/* Whether both have the same values, however jsonb writes them. */
bool group_settings_same(struct str a, struct str b);

#endif
