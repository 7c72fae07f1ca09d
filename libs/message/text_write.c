/* Writing a text for one recipient; see text.h. Invariant: what was written is never read again as a text with
 * variables, and out is unchanged unless the whole text was written. */
#include "base/utf8.h"
#include "message/clean.h"
#include "message/grapheme.h"
#include "message/text_op.h"

struct writer {
	const struct values *values;
	enum text_form form;
	uint64_t random;
	struct buf raw; /* before clean_text() */
	struct str empty; /* the first variable that had no value; absent: all had one */
	bool missing; /* one of them has no fallback */
	bool too_long;
};

/* splitmix64 (Steele and others, 2014): the choices of one text are independent of each other. */
static size_t option_of(uint64_t random, size_t choice, size_t n)
{
	uint64_t z = random + (choice + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)((z ^ z >> 31) % n);
}

static struct str value_of(const struct values *v, const struct reference *r)
{
	const json *member;

	if (r->key.n == 0)
		return *(const struct str *)(const void *)((const char *)v + r->field);
	member = json_get(v->vars, r->key.p);
	return json_number(member).p ? json_number(member) : json_str(member);
}

static void piece_add(struct writer *w, struct str piece, bool data)
{
	w->too_long |= piece.n > TEXT_MAX_WRITTEN;
	piece = utf8_truncate(piece, TEXT_MAX_WRITTEN);
	if (data && w->form == TEXT_MESSAGE)
		clean_formatting(&w->raw, piece);
	else
		buf_add_str(&w->raw, piece);
	w->too_long |= w->raw.n > TEXT_MAX_WRITTEN;
}

static void reference_write(struct writer *w, const struct reference *r)
{
	struct str value = value_of(w->values, r);

	if (!clean_is_empty(value)) {
		piece_add(w, value, true);
		return;
	}
	if (!w->empty.p || (!w->missing && !r->fallback.p))
		w->empty = r->variable;
	w->missing |= !r->fallback.p;
	piece_add(w, r->fallback, false);
}

static void ops_write(struct writer *w, const struct text *t)
{
	for (size_t i = 0; i < t->n_ops && !w->too_long;) {
		const struct text_op *op = &t->ops[i++];

		switch (op->kind) {
		case TEXT_LITERAL:
			piece_add(w, op->literal, false);
			break;
		case TEXT_REFERENCE:
			reference_write(w, &t->references[op->index]);
			break;
		case TEXT_CHOICE:
			i = op->options[option_of(w->random, op->index, op->n_options)];
			break;
		case TEXT_JUMP:
			i = op->index;
			break;
		}
	}
}

/* Without the spaces and joiners that a cut may leave at the end. */
static struct str end_trim(struct str s)
{
	while (str_ends(s, STR(" ")) || str_ends(s, STR("\xe2\x80\x8c")) || str_ends(s, STR("\xe2\x80\x8d")))
		s.n -= str_ends(s, STR(" ")) ? 1 : 3;
	return s;
}

/* Appends what was collected, in its form. */
static enum text_outcome text_finish(const struct writer *w, size_t max_chars, struct buf *out)
{
	size_t start = out->n;
	struct str written;

	if (w->too_long && w->form != TEXT_PARAMETER)
		return TEXT_TOO_LONG;
	if (w->form == TEXT_MESSAGE)
		buf_add_str(out, buf_str(&w->raw));
	else
		clean_text(out, buf_str(&w->raw));
	written = str_slice(buf_str(out), start, out->n);
	out->n = start;
	if (clean_is_empty(written))
		return TEXT_MISSING;
	if (utf8_length(written) > max_chars) {
		if (w->form != TEXT_PARAMETER)
			return TEXT_TOO_LONG;
		written = end_trim(grapheme_truncate(written, max_chars));
	}
	out->n += written.n;
	return TEXT_WRITTEN;
}

enum text_outcome text_write(const struct text *t, const struct values *v, enum text_form form, size_t max_chars,
	uint64_t random, struct buf *out, struct str *missing)
{
	struct writer w = { .values = v, .form = form, .random = random };
	enum text_outcome outcome;

	ops_write(&w, t);
	outcome = w.missing ? TEXT_MISSING : text_finish(&w, max_chars, out);
	if (outcome == TEXT_MISSING)
		*missing = w.empty;
	buf_fini(&w.raw);
	return outcome;
}
