/* Reads every alias of the batch that is not cached, each once, and the contacts that hold them. */
#ifndef CHAT_SYNC_IDENTITY_LOOKUP_H
#define CHAT_SYNC_IDENTITY_LOOKUP_H

#include "chat-sync/work.h"

int aliases_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
