/* Renames reactions and receipts from the alias or merged contact that they are stored under to the contact, in slices. */
#ifndef CHAT_SYNC_IDENTITY_SENDERS_H
#define CHAT_SYNC_IDENTITY_SENDERS_H

#include "chat-sync/work.h"

/* Renames rows under these keys to their contacts: as many as the transaction's budget allows now, the others in merging_step(). */
int senders_rename(struct work *w, const struct sender_rename *renames, size_t n, struct err *err) ERR_MUST_USE;
/* Part of merging_step(): one slice of a pending rename. 1: there was one; 0: there is none. */
int senders_step(struct work *w, const int32_t *partitions, size_t n, struct err *err) ERR_MUST_USE;

#endif
