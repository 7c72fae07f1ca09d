/* One sweep: its work, and the rows that it has found so far. Private to this folder. */
#ifndef CHAT_SYNC_SWEEP_PRIVATE_H
#define CHAT_SYNC_SWEEP_PRIVATE_H

#include "chat-sync/state.h"

struct ready_update {
	const struct parked_row *row;
	const struct inbound_event *event;
};

struct sweep {
	struct chat_sync *s;
	struct work *w;
	struct topic_partition partition; /* one of this replica's: events of failed syncs go to its outbox slot */
	LIST(struct ready_update) ready; /* parked updates whose message is stored by now */
	int64_t *gap_workspaces, *gap_accounts; /* of expired updates */
	size_t n_gaps;
	bool changed;
};

#endif
