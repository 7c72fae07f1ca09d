/* Reads every alias of the batch that the cache does not have, each once, and the contacts behind them. */
#ifndef CHAT_SYNC_IDENTITY_LOOKUP_H
#define CHAT_SYNC_IDENTITY_LOOKUP_H

#include "chat-sync/work.h"

int aliases_read(struct work *w, struct err *err) ERR_MUST_USE;

#endif
