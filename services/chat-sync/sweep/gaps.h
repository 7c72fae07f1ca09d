/* Signs of missing data: stalled syncs and history transfers, silent sessions, expired updates. Source: README.md, Gaps. */
#ifndef CHAT_SYNC_SWEEP_GAPS_H
#define CHAT_SYNC_SWEEP_GAPS_H

#include "chat-sync/sweep/private.h"

/* Each is counted, and its account marked for re-sync. */
int gaps_sweep(struct sweep *d, struct err *err) ERR_MUST_USE;

#endif
