/* The participants of a group. Deltas and snapshots from several accounts arrive in any order. Invariant: each participant has the time of
 * its last change, also after leaving, and an older change has no effect. Pure. Stored as whatsapp_groups.participant_log, from which the
 * list for readers (participants) is derived. Every change rewrites both, so their sizes are bounded. Source: README.md, Groups.
 */
#ifndef CHAT_SYNC_MEMBERS_H
#define CHAT_SYNC_MEMBERS_H

#include "base/arena.h"
#include "base/map.h"
#include "wire/erased_names.h"
#include "wire/inbound.h"

#define MEMBERS_MAX 5000 /* in the group; at this limit no participant joins */
#define MEMBERS_MAX_BYTES \
	1048576 /* of their ids and names; at this limit no participant joins, and none gets a longer id or name */
#define MEMBERS_LEFT_MAX  1000 /* former members in the log: those who left last */
#define MEMBER_ID_BYTES   160 /* a participant with a longer id is left out */
#define MEMBER_NAME_BYTES 128

struct member {
	struct str phone, lid, name; /* digits; lid: another id of a participant without phone and LID */
	int64_t at_ms;
	int64_t joined_ms; /* of the latest event that says that the participant joined; 0: none */
	bool in, admin, super_admin;
	bool listed; /* while a snapshot is applied */
	bool merged; /* into another entry of the same person: to be skipped */
};

struct members {
	struct member **at;
	size_t n, cap;
	size_t n_in, bytes_in; /* members in the group: their number, and their part of MEMBERS_MAX_BYTES */
	size_t over_limit; /* participants left out because of the bounds */
	struct map *index; /* by phone and by LID */
	int64_t snapshot_ms; /* of the newest snapshot: a participant who is not in the log was not in the group then */
	struct arena *arena;
};

/* snapshot_ms 0: there was none. index: borrowed, an empty map that only this group uses as long as `m` is used. */
void members_read(struct members *m, struct str log, int64_t snapshot_ms, struct map *index, struct arena *a);
struct str members_log(const struct members
		*m); /* JSON for participant_log, with at most MEMBERS_LEFT_MAX former members */
struct str members_list(const struct members *m); /* JSON for participants: the members in the group */
int32_t members_count(const struct members *m);

/* Applies a change of one participant. True when something changed. */
bool members_change(struct members *m, enum group_action action, const struct participant *participant, int64_t at_ms);
/* Applies the whole list as of at_ms: a participant who is not on it has left. True when something changed. */
bool members_snapshot(struct members *m, const struct participant *list, size_t n, int64_t at_ms);
/* Removes every entry of a person, also that of a former member. True when there was one. */
bool members_forget(struct members *m, const struct erased_names *names);

#endif
