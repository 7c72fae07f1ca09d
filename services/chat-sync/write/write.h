/* Writes the rows that a batch changed, a statement per table, and adds the effects that only the database can decide (whether a receipt,
 * reaction, notice, template or opt-out changed a row).
 *
 * Invariant: tables are written in the order in which transactions lock them, conversations with their sequence numbers last.
 */
#ifndef CHAT_SYNC_WRITE_WRITE_H
#define CHAT_SYNC_WRITE_WRITE_H

#include "chat-sync/work.h"

int work_write(struct work *w, struct err *err) ERR_MUST_USE;

#endif
