/* Folds a batch's ops, in order of arrival, into the rows in memory. A fold changes rows, marks them dirty and adds effects; it sets op->waits
 * when its message is not stored. */
#ifndef CHAT_SYNC_FOLD_FOLD_H
#define CHAT_SYNC_FOLD_FOLD_H

#include "chat-sync/work.h"

/* By the kind of an op: `ask` if it needs the database, else `fold`. */
struct op_fold {
	void (*fold)(struct work *w, struct op *op);
	int (*ask)(struct work *w, struct op *op, struct err *err);
};
extern const struct op_fold ops_folds[IN_KINDS];

int ops_fold(struct work *w, struct err *err) ERR_MUST_USE;

#endif
