/* Every column that holds sealed values (crypto/sealed_row.h), in one table; a test compares it with the catalogue. What looks at all
 * sealed values, or seals them again with another key, goes through this table. Run as blazz_admin. */
#ifndef STORE_SEALED_COLUMNS_H
#define STORE_SEALED_COLUMNS_H

#include "base/arena.h"
#include "pg/pg.h"

#define SEALED_VALUE_MAX 65536 /* bytes: the bound of each column */

struct sealed_column {
	const char *table, *column;
	const char *what; /* of the associated data */
	const struct pg_stmt *page;
	const struct pg_stmt *replace; /* NULL: the values expire within minutes and are never sealed again */
};

extern const struct sealed_column sealed_columns[];
extern const size_t sealed_columns_count;

/* The place of a row in its table; the workspace is 0 where the key has none. All zero is before the first row. */
struct sealed_key {
	int64_t workspace_id, id;
};

struct sealed_value {
	struct sealed_key key;
	struct uuid row; /* of the associated data: the row's, of a QR code its account's */
	struct str sealed;
};

/* Up to n values behind `after` in the order of their keys, of deleted rows, too, but without expired ones and those of no bytes.
 * Copied into the arena; *count < n at the end of the table. out has room for n. */
int store_sealed_page(struct pg *pg, const struct sealed_column *c, struct sealed_key after, size_t n, struct arena *a,
	struct sealed_value *out, size_t *count, struct err *err) ERR_MUST_USE;

struct sealed_change {
	const struct sealed_value *from;
	struct str to;
	bool done; /* out: false when the row has another value by now, which stays */
};

/* Inside a transaction: replaces values that are still as they were read. Waits for a lock for 100 ms, less than deadlock_timeout: in a
 * deadlock this transaction gives way (ERR_RETRY), never that of a service. */
int store_sealed_replace(struct pg *pg, const struct sealed_column *c, struct sealed_change *changes, size_t n,
	struct err *err) ERR_MUST_USE;

#endif
