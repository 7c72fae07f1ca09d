/* Claimed rows of the retry queue: admits, postpones or ends them. */
#ifndef WEBHOOK_DISPATCHER_DUE_ROWS_H
#define WEBHOOK_DISPATCHER_DUE_ROWS_H

#include "webhook-dispatcher/intake/readers.h"

/* rows are leased to this replica, in the order in which they are due. Returns how many were postponed. */
size_t due_rows_admit(struct readers *rs, const struct retry_row *rows, size_t n);

#endif
