/* What cleanup finds of the files of sessions. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_STORAGE_H
#define STORE_CLEANUP_STORAGE_H

#include "store/cleanup_accounts.h"

struct storage_row {
	struct account_key account;
	struct str path; /* below the root */
	int64_t bytes; /* -1: the path does not exist */
};
int store_cleanup_storage(struct pg *pg, const struct storage_row *row, struct err *err) ERR_MUST_USE;

#endif
