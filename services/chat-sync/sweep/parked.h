/* Parked updates that are overdue, or whose message is stored by now. */
#ifndef CHAT_SYNC_SWEEP_PARKED_H
#define CHAT_SYNC_SWEEP_PARKED_H

#include "chat-sync/sweep/due.h"

int parked_sweep(struct sweep *d, int topic, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;
int ready_apply(struct sweep *d, struct err *err) ERR_MUST_USE;

#endif
