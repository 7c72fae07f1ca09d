/* The participants of a group. Deltas and snapshots from several accounts come in any order: everybody keeps the time of the last
 * change, those who left included; older changes change nothing. Pure; stored as whatsapp_groups.participant_log, from which
 * the list that others read (participants) is derived. Both are written anew with every change, so they have a bound. Source: services/chat-sync/README.md, Groups.
 */
#ifndef CHAT_SYNC_MEMBERS_H
#define CHAT_SYNC_MEMBERS_H

#include "base/arena.h"
#include "base/map.h"
#include "wire/inbound.h"

#define MEMBERS_MAX       5000 /* in a group at a time; beyond: nobody joins */
#define MEMBERS_MAX_BYTES 1048576 /* of their ids and names; beyond: neither joins anybody, nor does any of them grow */
#define MEMBERS_LEFT_MAX  1000 /* of whom the log still knows that they left: the latest */
#define MEMBER_ID_BYTES   160 /* whoever has a longer one is left out */
#define MEMBER_NAME_BYTES 128

struct member {
	struct str phone, lid, name; /* digits; lid: or whatever else names who has neither */
	int64_t at_ms;
	int64_t joined_ms; /* the last time somebody said that they joined; 0: nobody has */
	bool in, admin, super_admin;
	bool listed; /* while a whole list is taken */
	bool gone; /* another entry turned out to be the same person */
};

struct members {
	struct member **at;
	size_t n, cap;
	size_t n_in, bytes_in; /* of those who are in: how many, and MEMBERS_MAX_BYTES of them */
	size_t refused; /* who would have joined beyond the bounds */
	struct map *index; /* names to members */
	int64_t snapshot_ms; /* of the newest whole list: who is not in the log was not in the group then */
	struct arena *arena;
};

/* snapshot_ms 0: there was none. index: an empty map, this group's alone until its members are no longer used. */
void members_read(struct members *m, struct str log, int64_t snapshot_ms, struct map *index, struct arena *a);
struct str members_log(const struct members *m); /* JSON for participant_log, of at most MEMBERS_LEFT_MAX who left */
struct str members_list(const struct members *m); /* JSON for participants: those who are in */
int32_t members_count(const struct members *m);

/* What a change means for one participant. true when something changed. */
bool members_change(struct members *m, enum group_action action, const struct participant *who, int64_t at_ms);
/* The whole list as of at_ms: who is not on it has left. */
bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms);

#endif
