/* Parked updates whose message the batch has inserted. */
#ifndef CHAT_SYNC_RESOLVE_PARKED_H
#define CHAT_SYNC_RESOLVE_PARKED_H

#include "chat-sync/work.h"

/* They join the batch as further ops, of which nothing is resolved yet. */
int parked_load(struct work *w, struct err *err) ERR_MUST_USE;

#endif
