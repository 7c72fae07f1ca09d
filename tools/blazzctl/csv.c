/* See csv.h.
 *
 *             quote                 quote               comma, line end
 *   BEGIN ───────────► QUOTED ◄───────────────► CLOSED ─────────────────► BEGIN, end of the record
 *     │ other byte                (a second one                              ▲
 *     └────────────────► PLAIN     is the byte) ────────────────────────────┘
 */
#include "csv.h"

#include <string.h>

enum state { BEGIN, PLAIN, QUOTED, CLOSED, LINE_END };

void csv_init(struct csv *c, FILE *file)
{
	*c = (struct csv){ .file = file, .line = 1, .text = BUF_INIT };
}

void csv_fini(struct csv *c)
{
	buf_fini(&c->text);
}

static int byte_next(struct csv *c)
{
	int b = getc(c->file);

	c->line += b == '\n';
	return b;
}

/* At the beginning of the file only. A byte that cannot be put back was not the mark's first: ungetc() takes one. */
static const char *mark_skip(struct csv *c)
{
	int b = getc(c->file);
	char rest[2];

	if (b != 0xEF) {
		if (b != EOF)
			ungetc(b, c->file);
		return NULL;
	}
	return fread(rest, 1, 2, c->file) == 2 && memcmp(rest, "\xBB\xBF", 2) == 0 ? NULL : "not UTF-8";
}

static void line_skip(struct csv *c, int b)
{
	while (b != '\n' && b != EOF)
		b = byte_next(c);
}

/* Ends the present field and begins the next one. */
static const char *field_end(struct csv *c, struct csv_record *out)
{
	if (out->n == CSV_MAX_FIELDS)
		return "too many fields";
	c->starts[++out->n] = c->text.n;
	return NULL;
}

/* A line ends with LF or CR LF. */
static bool line_ends(struct csv *c, int *b)
{
	int next;

	if (*b == '\r') {
		next = getc(c->file);
		if (next == '\n') {
			c->line++;
			*b = '\n';
		} else if (next != EOF) {
			ungetc(next, c->file);
		}
	}
	return *b == '\n' || *b == EOF;
}

/* Returns why the record is wrong, or NULL. */
static const char *byte_apply(struct csv *c, struct csv_record *out, enum state *state, int *b)
{
	if (*state == QUOTED) {
		if (*b == EOF)
			return "a quote is not closed";
		if (*b == '"')
			*state = CLOSED;
		else
			buf_add_char(&c->text, (char)*b);
		return NULL;
	}
	if (*state == CLOSED && *b == '"') {
		buf_add_char(&c->text, '"');
		*state = QUOTED;
		return NULL;
	}
	if (*b == ',') {
		*state = BEGIN;
		return field_end(c, out);
	}
	if (line_ends(c, b)) {
		*state = LINE_END;
		return field_end(c, out);
	}
	if (*state == CLOSED)
		return "text behind a closed quote";
	if (*b == '"' && *state == PLAIN)
		return "a quote within a field that is not quoted";
	if (*b == '"') {
		*state = QUOTED;
		return NULL;
	}
	*state = PLAIN;
	buf_add_char(&c->text, (char)*b);
	return NULL;
}

static void record_read(struct csv *c, struct csv_record *out, int b)
{
	enum state state = BEGIN;

	buf_clear(&c->text);
	c->starts[0] = 0;
	for (;; b = byte_next(c)) {
		out->wrong = byte_apply(c, out, &state, &b);
		if (!out->wrong && c->text.n > CSV_MAX_RECORD_BYTES)
			out->wrong = "longer than 64 KiB";
		if (out->wrong) {
			line_skip(c, b);
			return;
		}
		if (state == LINE_END)
			return;
	}
}

bool csv_next(struct csv *c, struct csv_record *out)
{
	bool first = c->line == 1 && c->text.cap == 0;
	int b;

	*out = (struct csv_record){ .line = c->line };
	if (first && (out->wrong = mark_skip(c)) != NULL) {
		line_skip(c, 0);
		buf_reserve(&c->text, 1);
		return true;
	}
	do {
		out->line = c->line;
		b = byte_next(c);
	} while (b == '\n' || (b == '\r' && line_ends(c, &b)));
	if (b == EOF)
		return false;
	buf_reserve(&c->text, 1);
	record_read(c, out, b);
	for (size_t i = 0; i < out->n && !out->wrong; i++)
		out->fields[i] = (struct str){ c->text.p + c->starts[i], c->starts[i + 1] - c->starts[i] };
	return true;
}
