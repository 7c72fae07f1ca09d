/* What one sweep has found to be overdue. */
#ifndef CHAT_SYNC_SWEEP_DUE_H
#define CHAT_SYNC_SWEEP_DUE_H

#include "chat-sync/state.h"

struct ready_update {
	const struct parked_row *row;
	const struct inbound_event *event;
};

struct sweep {
	struct chat_sync *s;
	struct work *w;
	struct topic_partition partition; /* one of ours */
	LIST(struct ready_update) ready; /* parked updates whose message is stored by now */
	int64_t *gap_workspaces, *gap_accounts; /* of those that expired */
	size_t n_gaps;
	bool changed;
};

#endif
