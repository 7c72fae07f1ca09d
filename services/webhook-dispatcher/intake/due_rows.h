/* Rows of the retry queue that were claimed: admitted, postponed, or ended. */
#ifndef WEBHOOK_DISPATCHER_DUE_ROWS_H
#define WEBHOOK_DISPATCHER_DUE_ROWS_H

#include "webhook-dispatcher/intake/readers.h"

/* Rows that are leased to this replica, in the order in which they are due. Returns how many have to wait again. */
size_t due_rows_admit(struct readers *rs, const struct retry_row *rows, size_t n);

#endif
