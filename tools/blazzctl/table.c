/* Tables. Invariant: every row has one cell per column; each is stored as the text to print, which in JSON may need
 * quotes. */
#include "table.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "terminal.h"
#include "json/writer.h"

struct cell {
	struct str text; /* absent: an empty cell, null in JSON */
	bool quoted; /* in JSON */
	bool right; /* numbers are right-aligned */
};

struct table {
	const char *const *columns;
	size_t n_columns;
	struct arena *arena;
	struct cell *cells;
	size_t n, cap;
};

struct table *table_new(const char *const *columns)
{
	struct table *t = mem_calloc(1, sizeof(*t));

	t->columns = columns;
	while (columns[t->n_columns])
		t->n_columns++;
	t->arena = arena_new(4096);
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->cells);
	free(t);
}

static void cell_add(struct table *t, struct cell cell)
{
	t->cells = vec_grow(t->cells, t->n, &t->cap, sizeof(*t->cells));
	t->cells[t->n++] = cell;
}

void table_text(struct table *t, struct str v)
{
	cell_add(t, (struct cell){ arena_str(t->arena, v), true, false });
}

void table_i64(struct table *t, int64_t v)
{
	cell_add(t, (struct cell){ arena_printf(t->arena, "%lld", (long long)v), false, true });
}

void table_bool(struct table *t, bool v)
{
	cell_add(t, (struct cell){ v ? STR("true") : STR("false"), false, false });
}

void table_time_ms(struct table *t, int64_t ms)
{
	char time[25];

	if (ms == 0) {
		table_none(t);
		return;
	}
	clock_format_ms(ms, time);
	table_text(t, str_of(time));
}

void table_uuid(struct table *t, const struct uuid *id)
{
	char text[37];

	uuid_format(id, text);
	table_text(t, uuid_is_nil(id) ? STR_NONE : str_of(text));
}

void table_none(struct table *t)
{
	cell_add(t, (struct cell){ STR_NONE, false, false });
}

static void cell_print(struct cell c, size_t width, bool last)
{
	int pad = (int)(width - terminal_width(c.text));

	if (c.right)
		printf("%*s", pad, "");
	terminal_print(stdout, c.text);
	if (!last)
		printf("%*s", c.right ? 2 : pad + 2, "");
}

static struct cell heading(const struct table *t, size_t column)
{
	struct str name = arena_str(t->arena, str_of(t->columns[column]));
	char *p = arena_cstr(t->arena, name);

	for (char *c = p; *c; c++)
		*c = *c == '_' ? ' ' : (char)toupper((unsigned char)*c);
	return (struct cell){ str_of(p), false, t->n > column && t->cells[column].right };
}

static void print_for_people(const struct table *t)
{
	size_t *widths = mem_calloc(t->n_columns, sizeof(*widths));

	for (size_t c = 0; c < t->n_columns; c++)
		widths[c] = strlen(t->columns[c]);
	for (size_t i = 0; i < t->n; i++)
		if (terminal_width(t->cells[i].text) > widths[i % t->n_columns])
			widths[i % t->n_columns] = terminal_width(t->cells[i].text);
	for (size_t c = 0; c < t->n_columns; c++)
		cell_print(heading(t, c), widths[c], c + 1 == t->n_columns);
	putchar('\n');
	for (size_t i = 0; i < t->n; i++) {
		size_t c = i % t->n_columns;

		cell_print(t->cells[i], widths[c], c + 1 == t->n_columns);
		if (c + 1 == t->n_columns)
			putchar('\n');
	}
	free(widths);
}

static void print_for_programs(const struct table *t)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);

	jw_arr(&w);
	for (size_t i = 0; i < t->n; i++) {
		size_t c = i % t->n_columns;

		if (c == 0)
			jw_obj(&w);
		jw_key(&w, t->columns[c]);
		if (t->cells[i].quoted || !t->cells[i].text.p)
			jw_str(&w, t->cells[i].text);
		else
			jw_raw(&w, t->cells[i].text);
		if (c + 1 == t->n_columns)
			jw_obj_end(&w);
	}
	jw_arr_end(&w);
	buf_add_char(&out, '\n');
	terminal_print_json(stdout, buf_str(&out));
	buf_fini(&out);
}

void table_print(const struct table *t, bool json)
{
	assert(t->n % t->n_columns == 0);
	if (json)
		print_for_programs(t);
	else
		print_for_people(t);
}
