/* Signs of missing data. */
#ifndef CHAT_SYNC_SWEEP_GAPS_H
#define CHAT_SYNC_SWEEP_GAPS_H

#include "chat-sync/sweep/due.h"

int gaps_sweep(struct sweep *d, struct err *err) ERR_MUST_USE;

#endif
