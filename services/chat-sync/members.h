/* The participants of a group. Deltas and snapshots from several accounts come in any order: everybody keeps the time of the last
 * change, those who left included; older changes change nothing. Pure; stored as whatsapp_groups.participant_log, from which
 * the list that others read (participants) is derived. Source: services/chat-sync/README.md, Groups.
 */
#ifndef CHAT_SYNC_MEMBERS_H
#define CHAT_SYNC_MEMBERS_H

#include "base/arena.h"
#include "wire/inbound.h"

struct member {
	struct str phone, lid, name; /* digits; lid: or whatever else names who has neither */
	int64_t at_ms;
	int64_t joined_ms; /* the last time somebody said that they joined; 0: nobody has */
	bool in, admin, super_admin;
};

struct members {
	struct member *at;
	size_t n, cap;
	int64_t snapshot_ms; /* of the newest whole list: who is not in the log was not in the group then */
	struct arena *arena;
};

/* snapshot_ms 0: there was none. */
void members_read(struct members *m, struct str log, int64_t snapshot_ms, struct arena *a);
struct str members_log(const struct members *m); /* JSON for participant_log */
struct str members_list(const struct members *m); /* JSON for participants: those who are in */
int32_t members_count(const struct members *m);

/* What a change means for one participant. true when something changed. */
bool members_change(struct members *m, enum group_action action, const struct participant *who, int64_t at_ms);
/* The whole list as of at_ms: who is not on it has left. */
bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms);

#endif
