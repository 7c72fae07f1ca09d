/* Finds the agents that ops name, among the users of their workspace. */
#ifndef CHAT_SYNC_RESOLVE_USERS_H
#define CHAT_SYNC_RESOLVE_USERS_H

#include "chat-sync/work.h"

int users_resolve(struct work *w, struct err *err) ERR_MUST_USE;

#endif
