/* Names under which reactions and receipts are stored, renamed to the contacts that they became: in slices. */
#ifndef CHAT_SYNC_IDENTITY_SENDERS_H
#define CHAT_SYNC_IDENTITY_SENDERS_H

#include "chat-sync/work.h"

/* What is stored under these names is renamed to their contacts: what this transaction may still rename at once, the rest by
 * merging_step(). */
int senders_rename(struct work *w, const struct sender_rename *renames, size_t n, struct err *err) ERR_MUST_USE;
/* Part of merging_step(): a slice of a rename. 1: there was one; 0: there is none. */
int senders_step(struct work *w, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;

#endif
