/* Writing rows of which the database may reject some: their records become dead letters, and the worker retries the batch without them. */
#ifndef CHAT_SYNC_REJECTIONS_H
#define CHAT_SYNC_REJECTIONS_H

#include "chat-sync/work.h"

/* Rows for one table. Where the database rejects some, rows_write() marks their records and fails. */
struct rows_write {
	void *rows;
	size_t n_early; /* rows of the statement that all() runs; 0: rejected rows are searched only after the batch was rejected */
	int (*all)(struct work *w, void *rows, struct err *err);
	size_t n; /* rows that one() can write */
	int (*one)(struct work *w, void *rows, size_t i, struct err *err);
	bool one_is_started; /* one() only starts its statement, as pg_start() does */
	struct batch_item *(*item_of)(struct work *w, void *rows,
		size_t i); /* the record that the row is from; NULL: several, or none */
};
int rows_write(struct work *w, const struct rows_write *r, struct err *err) ERR_MUST_USE;
/* The same for rows that are each from one op. */
struct op_rows {
	void *rows;
	struct op *const *ops;
	size_t n;
	int (*store)(struct work *w, void *rows, size_t from, size_t n, struct err *err);
};
int op_rows_write(struct work *w, struct op_rows *r, struct err *err) ERR_MUST_USE;

#endif
