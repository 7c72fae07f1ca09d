/* See sweep.h. */
#include "chat-sync/sweep/sweep.h"
#include "chat-sync/apply.h"
#include "chat-sync/settings.h"
#include "chat-sync/sweep/gaps.h"
#include "chat-sync/sweep/parked.h"

int sync_sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n, struct err *err)
{
	struct chat_sync *s = ctx;
	struct work w;
	struct sweep due = { .s = s, .w = &w, .partition = partitions[0] };
	size_t limit = 2 * (size_t)s->settings->parked_sweep_max; /* updates of both topics may expire */
	int32_t *numbers;
	int rc = -1;

	report_clear(&s->report);
	work_open(s, &w, tx);
	numbers = ARENA_ARRAY(w.arena, int32_t, n);
	for (size_t i = 0; i < n; i++)
		numbers[i] = partitions[i].number;
	due.gap_workspaces = ARENA_ARRAY(w.arena, int64_t, limit);
	due.gap_accounts = ARENA_ARRAY(w.arena, int64_t, limit);
	if (parked_sweep(&due, INBOUND, numbers, n, err) == 0 &&
		parked_sweep(&due, INBOUND_BULK, numbers, n, err) == 0 && ready_apply(&due, err) == 0 &&
		gaps_sweep(&due, err) == 0)
		rc = 0;
	work_close(&w);
	if (rc < 0 || !due.changed) /* nothing will be committed */
		report_clear(&s->report);
	return rc < 0 ? -1 : due.changed;
}
