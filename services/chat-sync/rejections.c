/* Finds the records whose rows the database rejects. Source: proto/README.md, When something fails.
 * Applying a record by itself costs a dozen statements. Instead, a statement over rows of many records runs under a savepoint. Where it is
 * rejected, its rows are tried one at a time, at a statement each, and the records of rejected rows are marked. The batch fails all the same,
 * and the worker applies the other records again. Before a batch was rejected, only the statements that are rejected most often, and whose
 * result the batch waits for in any case, run under a savepoint.
 *
 * Invariant: a record is marked only for a row that is made of its own data. For rows of several records the worker finds the record by
 * applying fewer at a time.
 */
#include "chat-sync/rejections.h"

#define SAVEPOINT_MIN_ROWS \
	16 /* with fewer rows, and before the batch was rejected, a savepoint costs more than applying the batch again */

/* Collects the results of the rows that were started, and marks the records of rejected ones. */
static int rejections_collect(struct work *w, struct batch_item **tried, size_t n, struct err *err)
{
	struct err errs[PG_EACH_MAX];

	if (pg_collect_each(w->pg, errs, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (pg_is_data_error(&errs[i])) {
			batch_reject(w->tx, tried[i], &errs[i]);
		} else if (errs[i].kind != ERR_NONE) {
			*err = errs[i];
			return -1;
		}
	}
	return 0;
}

/* Tries one row; the next one rolls it back. 1: its statement is started; 0: its result is known. */
static int row_try(struct work *w, const struct rows_write *r, size_t i, struct batch_item *item, struct err *err)
{
	struct err why;

	if (!item || item->rejected)
		return 0;
	if (pg_savepoint_rewind(w->pg, err) < 0)
		return -1;
	if (r->one(w, r->rows, i, &why) == 0)
		return r->one_is_started;
	if (pg_is_data_error(&why)) {
		batch_reject(w->tx, item, &why);
		return 0;
	}
	*err = why;
	return -1;
}

static int rows_try(struct work *w, const struct rows_write *r, struct err *err)
{
	struct batch_item *tried[PG_EACH_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct batch_item *item = r->item_of(w, r->rows, i);
		int rc = row_try(w, r, i, item, err);

		if (rc < 0)
			return -1;
		if (rc > 0)
			tried[n++] = item;
		if (n < PG_EACH_MAX)
			continue;
		if (rejections_collect(w, tried, n, err) < 0)
			return -1;
		n = 0;
	}
	return n == 0 ? 0 : rejections_collect(w, tried, n, err);
}

int rows_write(struct work *w, const struct rows_write *r, struct err *err)
{
	struct err why;

	if (!w->isolating && r->n_early < SAVEPOINT_MIN_ROWS)
		return r->all(w, r->rows, err);
	if (pg_collect(w->pg, NULL, err) < 0 || pg_savepoint(w->pg, err) < 0)
		return -1;
	if (r->all(w, r->rows, &why) == 0 && pg_collect(w->pg, NULL, &why) == 0)
		return pg_savepoint_release(w->pg, err);
	if (pg_is_data_error(&why) && (rows_try(w, r, err) < 0 || pg_savepoint_rollback(w->pg, err) < 0))
		return -1;
	*err = why;
	return -1;
}

static int op_rows_all(struct work *w, void *ctx, struct err *err)
{
	const struct op_rows *r = ctx;

	return r->store(w, r->rows, 0, r->n, err);
}

static int op_rows_one(struct work *w, void *ctx, size_t i, struct err *err)
{
	const struct op_rows *r = ctx;

	return r->store(w, r->rows, i, 1, err);
}

static struct batch_item *op_rows_item(struct work *w, void *ctx, size_t i)
{
	const struct op_rows *r = ctx;

	(void)w;
	return r->ops[i]->item;
}

int op_rows_write(struct work *w, struct op_rows *r, struct err *err)
{
	const struct rows_write write = {
		.rows = r, .all = op_rows_all, .n = r->n, .one = op_rows_one, .item_of = op_rows_item
	};

	return rows_write(w, &write, err);
}
