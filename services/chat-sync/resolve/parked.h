/* Parked updates whose message the batch has just inserted. */
#ifndef CHAT_SYNC_RESOLVE_PARKED_H
#define CHAT_SYNC_RESOLVE_PARKED_H

#include "chat-sync/work.h"

/* Adds them as further ops, whose people, groups and targets are still to be resolved. */
int parked_load(struct work *w, struct err *err) ERR_MUST_USE;

#endif
