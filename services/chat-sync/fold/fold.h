/* Folding a batch's ops, in order of arrival, into what is in memory. */
#ifndef CHAT_SYNC_FOLD_FOLD_H
#define CHAT_SYNC_FOLD_FOLD_H

#include "chat-sync/work.h"

/* By the kind of an op: `ask` where the database has to be asked, else `fold`. */
struct op_fold {
	void (*fold)(struct work *w, struct op *op);
	int (*ask)(struct work *w, struct op *op, struct err *err);
};
extern const struct op_fold ops_folds[IN_KINDS];

int ops_fold(struct work *w, struct err *err) ERR_MUST_USE;

#endif
