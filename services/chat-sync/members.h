/* The participants of a group. Deltas and snapshots from several accounts come in any order: everybody keeps the time of the last
 * change, those who left included; older changes change nothing. Pure; stored as whatsapp_groups.participant_log, from which
 * the list that others read (participants) is derived. Source: spec 10, Group deltas.
 */
#ifndef CHAT_SYNC_MEMBERS_H
#define CHAT_SYNC_MEMBERS_H

#include "base/arena.h"
#include "wire/inbound.h"

struct member {
	struct str phone, lid, name; /* digits */
	int64_t at_ms, joined_ms;
	bool in, admin, super_admin;
};

struct members {
	struct member *at;
	size_t n, cap;
	struct arena *arena;
};

void members_read(struct members *m, struct str log, struct arena *a);
struct str members_log(const struct members *m);          /* JSON for participant_log */
struct str members_list(const struct members *m);         /* JSON for participants: those who are in */
int32_t members_count(const struct members *m);

/* What a change means for one participant. true when something changed. */
bool members_change(struct members *m, enum group_action action, const struct participant *who, int64_t at_ms);
/* The whole list as of at_ms: who is not on it has left. */
bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms);

#endif
