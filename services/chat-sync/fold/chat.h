/* Folds the state of chats: read markers, unread counts, archiving, groups.
 *
 * Invariant: a read marker never moves back, and each property of a group is the newest by its own time. Source: README.md, Unread and Groups.
 */
#ifndef CHAT_SYNC_FOLD_CHAT_H
#define CHAT_SYNC_FOLD_CHAT_H

#include "chat-sync/work.h"
#include "wire/erased_names.h"

void fold_chat_state(struct work *w, struct op *op);
void fold_read_marker(struct work *w, struct op *op);
void fold_group_change(struct work *w, struct op *op);
/* A message may be the first event with the name of its group. */
void fold_group_name(struct work *w, struct op *op);
/* read_us: the read marker that follows from the bridge's unread count. */
void fold_unread_mark(struct work *w, struct op *op, int64_t read_us);
/* Publishes the unread count as it will be. */
void effect_add_unread(struct work *w, struct op *op, struct conversation *v);
/* Removes every entry of an erased person from the locked group. True when there was one. */
bool group_forget(struct work *w, struct group *g, const struct erased_names *names);
/* Serializes the members that the batch changed into the row. */
void group_store_members(struct work *w, struct group *g);
/* After the batch: the members are read again when next needed. */
void group_free_members(struct group *g);

#endif
