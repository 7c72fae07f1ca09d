/* An answer, read cell by cell from left to right into a row's struct. Private to libs/store.
 *
 * Invariant: every reader reads a row's columns in the order of the statement's list; strings are copied into the
 * arena.
 */
#ifndef STORE_CELLS_H
#define STORE_CELLS_H

#include "base/arena.h"
#include "pg/pg.h"

struct cells {
	const struct pg_rows *rows;
	int row, col; /* col: the next */
	struct arena *arena;
};

/* for (struct cells c = cells_of(rows, arena); cells_more(&c); cells_next(&c)) */
struct cells cells_of(const struct pg_rows *rows, struct arena *arena);
bool cells_more(const struct cells *c);
void cells_next(struct cells *c); /* row */

bool cells_bool(struct cells *c);
int32_t cells_i32(struct cells *c);
int64_t cells_i64(struct cells *c);
int64_t cells_id(struct cells *c); /* NULL: 0 */
size_t cells_place(struct cells *c, size_t n); /* WITH ORDINALITY over n rows, as an index from 0 */
struct str cells_text(struct cells *c);
struct str cells_borrow(struct cells *c); /* text that lives as long as the answer */
struct str *cells_words(struct cells *c, size_t *n); /* array_to_string(…, ','), whose elements have no comma */
void cells_copy(struct cells *c, char *out, size_t cap); /* text, cut to fit */
struct uuid cells_uuid(struct cells *c); /* NULL: nil */
int64_t cells_time(struct cells *c);

#endif
