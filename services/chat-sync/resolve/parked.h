/* Parked updates that join a batch. */
#ifndef CHAT_SYNC_RESOLVE_PARKED_H
#define CHAT_SYNC_RESOLVE_PARKED_H

#include "chat-sync/work.h"

/* Adds what is parked under these targets, and is not in the batch yet, as further ops, whose people, groups and targets are still to be
 * resolved. */
int parked_join(struct work *w, const struct message_key *targets, size_t n, struct err *err) ERR_MUST_USE;
/* parked_join() for the messages that the batch has just inserted. */
int parked_load(struct work *w, struct err *err) ERR_MUST_USE;

#endif
