/* What a batch changed goes to the database, a statement per table, in the order in which tables are locked; what only the database can
 * tell becomes effects. */
#ifndef CHAT_SYNC_WRITE_WRITE_H
#define CHAT_SYNC_WRITE_WRITE_H

#include "chat-sync/work.h"

int work_write(struct work *w, struct err *err) ERR_MUST_USE;

#endif
