/* Which accounts move, so that instances that share the files of sessions are equally full. Pure. */
#ifndef REBALANCE_H
#define REBALANCE_H

#include "base/str.h"
#include "wire/party.h"

struct rebalance_room {
	int64_t index;
	enum bridge_kind kind;
	struct str storage_group; /* "": its own */
	int64_t capacity;
	bool usable; /* up and active */
	int64_t accounts, movable; /* filled */
};

struct rebalance_account {
	int64_t at; /* an instance's index */
	bool movable, connected;
	int64_t active_us; /* the account's last activity; PG_NO_TIME: never */
	int64_t to; /* filled: where it moves, an index; -1: it stays */
};

/* Usable instances of one kind and storage group end with no two whose accounts differ by more than one from their shares, which are
 * proportional to the capacities; no set of fewer moves does that. Instances without a group have nothing to share, nor do Evolution
 * servers, which cannot hand a session over. No account moves to an instance that is full. Of an instance, accounts that are not
 * connected move first, then those without activity for longest. */
void rebalance_choose(struct rebalance_room *rooms, size_t n_rooms, struct rebalance_account *accounts,
	size_t n_accounts);

#endif
