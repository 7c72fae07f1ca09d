/* Messages of a batch: new ones are inserted, copies of stored ones and the targets of updates are read. */
#ifndef CHAT_SYNC_RESOLVE_MESSAGES_H
#define CHAT_SYNC_RESOLVE_MESSAGES_H

#include "chat-sync/work.h"

int messages_resolve(struct work *w, struct err *err) ERR_MUST_USE;
/* Part of messages_resolve(): finds the messages that updates refer to, among those read or inserted. */
void targets_resolve(struct work *w);
/* What waited for messages that this batch inserted joins it as further ops, of which nothing is resolved yet. */
int parked_take_up(struct work *w, struct err *err) ERR_MUST_USE;
const struct uuid *message_uuid(struct message *m, const struct account *a);

#endif
