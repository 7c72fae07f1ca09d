/* Rows of which the database may refuse some: then the records that brought them become dead letters, and the batch is tried again. */
#ifndef CHAT_SYNC_REJECTIONS_H
#define CHAT_SYNC_REJECTIONS_H

#include "chat-sync/work.h"

/* Rows on their way into a table. Where the database refuses some, their records are marked, and rows_write() fails. */
struct rows_write {
	void *rows;
	size_t n_early; /* rows of the statement that all() runs; 0: searched only once the batch was refused */
	int (*all)(struct work *w, void *rows, struct err *err);
	size_t n; /* that can be written one at a time */
	int (*one)(struct work *w, void *rows, size_t i, struct err *err);
	bool one_is_started; /* only, as with pg_start() */
	struct batch_item *(*item_of)(struct work *w, void *rows,
		size_t i); /* the record that brought it; NULL: several, or none */
};
int rows_write(struct work *w, const struct rows_write *r, struct err *err) ERR_MUST_USE;
/* The same of rows that each came with one op. */
struct op_rows {
	void *rows;
	struct op *const *ops;
	size_t n;
	int (*store)(struct work *w, void *rows, size_t from, size_t n, struct err *err);
};
int op_rows_write(struct work *w, struct op_rows *r, struct err *err) ERR_MUST_USE;

#endif
