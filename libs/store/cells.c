/* See cells.h. */
#include "store/cells.h"

#include <stdio.h>

#include <assert.h>

struct cells cells_of(const struct pg_rows *rows, struct arena *arena)
{
	return (struct cells){ .rows = rows, .arena = arena };
}

bool cells_more(const struct cells *c)
{
	return c->row < pg_rows_count(c->rows);
}

void cells_next(struct cells *c)
{
	c->row++;
	c->col = 0;
}

bool cells_bool(struct cells *c)
{
	return pg_bool(c->rows, c->row, c->col++);
}

int32_t cells_i32(struct cells *c)
{
	int64_t v = pg_i64(c->rows, c->row, c->col++);

	assert(v >= INT32_MIN && v <= INT32_MAX);
	return (int32_t)v;
}

int64_t cells_i64(struct cells *c)
{
	return pg_i64(c->rows, c->row, c->col++);
}

int64_t cells_id(struct cells *c)
{
	int col = c->col++;

	return pg_null(c->rows, c->row, col) ? 0 : pg_i64(c->rows, c->row, col);
}

size_t cells_place(struct cells *c, size_t n)
{
	int64_t ordinality = cells_i64(c);

	assert(ordinality >= 1 && (uint64_t)ordinality <= n);
	return (size_t)ordinality - 1;
}

struct str cells_text(struct cells *c)
{
	return arena_str(c->arena, cells_borrow(c));
}

struct str cells_borrow(struct cells *c)
{
	return pg_text(c->rows, c->row, c->col++);
}

struct str *cells_words(struct cells *c, size_t *n)
{
	struct str rest = cells_text(c), *words;

	*n = rest.n > 0;
	for (size_t i = 0; i < rest.n; i++)
		*n += rest.p[i] == ',';
	words = ARENA_ARRAY(c->arena, struct str, *n);
	for (size_t i = 0; i < *n; i++)
		str_cut(rest, ',', &words[i], &rest);
	return words;
}

void cells_copy(struct cells *c, char *out, size_t cap)
{
	struct str s = cells_borrow(c);

	snprintf(out, cap, "%.*s", STR_ARG(s));
}

struct uuid cells_uuid(struct cells *c)
{
	int col = c->col++;

	return pg_null(c->rows, c->row, col) ? (struct uuid){ 0 } : pg_uuid(c->rows, c->row, col);
}

int64_t cells_time(struct cells *c)
{
	return pg_time_us(c->rows, c->row, c->col++);
}
