/* Finds the targets of updates among the messages that the batch inserted or read, and the rows of copies that are known by their
 * client_message_id.
 *
 * Invariant: an update is applied only to a message that it identifies without doubt; otherwise it is parked. Source: README.md, Messages.
 */
#ifndef CHAT_SYNC_RESOLVE_TARGETS_H
#define CHAT_SYNC_RESOLVE_TARGETS_H

#include "chat-sync/work.h"

/* Sets op->row; NULL: the update is parked. */
void targets_resolve(struct work *w);

#endif
