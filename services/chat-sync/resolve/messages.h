/* Messages of a batch: new ones are inserted, copies of stored ones and the targets of updates are read. */
#ifndef CHAT_SYNC_RESOLVE_MESSAGES_H
#define CHAT_SYNC_RESOLVE_MESSAGES_H

#include "chat-sync/work.h"

int messages_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
