/* The tables that a batch changes; work_write() calls each once. A statement is over all changed rows of its table. */
#ifndef CHAT_SYNC_WRITE_TABLES_H
#define CHAT_SYNC_WRITE_TABLES_H

#include "chat-sync/work.h"

int messages_write(struct work *w, struct err *err) ERR_MUST_USE;
int media_write(struct work *w, struct err *err) ERR_MUST_USE;
int receipts_write(struct work *w, struct err *err) ERR_MUST_USE;
int reactions_write(struct work *w, struct err *err) ERR_MUST_USE;
int unread_marks_write(struct work *w, struct err *err) ERR_MUST_USE;
int contacts_write(struct work *w, struct err *err) ERR_MUST_USE;
int groups_write(struct work *w, struct err *err) ERR_MUST_USE;
int opt_outs_write(struct work *w, struct err *err) ERR_MUST_USE;
int templates_write(struct work *w, struct err *err) ERR_MUST_USE;
int notices_write(struct work *w, struct err *err) ERR_MUST_USE;
int syncs_write(struct work *w, struct err *err) ERR_MUST_USE;
int parked_write(struct work *w, struct err *err) ERR_MUST_USE;
int accounts_write(struct work *w, struct err *err) ERR_MUST_USE;
int conversations_write(struct work *w, struct err *err) ERR_MUST_USE;

#endif
