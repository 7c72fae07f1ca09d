/* Compiling a text; see text.h. A fault is recorded and compiling goes on behind it, so that one check finds all of
 * them; only a bound that was passed or a brace that is not closed ends it. Invariant: an op's references, options and
 * jumps lie within the program, and lead forward.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "message/text_op.h"

struct compiler {
	struct arena *arena;
	struct reasons *why;
	struct str source;
	size_t at; /* the next byte */
	bool choices, stopped;
	struct text_op *ops;
	size_t n_ops, cap_ops;
	struct reference *references;
	size_t n_references, cap_references;
	size_t n_choices;
};

static const struct {
	const char *name;
	size_t field;
} known[] = {
	{ "contact.first_name", offsetof(struct values, first_name) },
	{ "contact.last_name", offsetof(struct values, last_name) },
	{ "contact.full_name", offsetof(struct values, full_name) },
	{ "contact.phone", offsetof(struct values, phone) },
	{ "campaign.name", offsetof(struct values, campaign_name) },
};
#define KNOWN_NAMES \
	"contact.first_name, contact.last_name, contact.full_name, contact.phone, campaign.name and var.NAME"

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool variable_name_is_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_char(name.p[i]))
			return false;
	return name.n > 0 && name.n <= VARIABLE_MAX_BYTES;
}

/* The character at which byte `at` stands, 1-based, as a person counts. */
static size_t character_of(const struct compiler *c, size_t at)
{
	return utf8_length(str_slice(c->source, 0, at)) + 1;
}

__attribute__((format(printf, 3, 4))) static void fault(const struct compiler *c, size_t at, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	reasons_add(c->why, "character %zu: %s", character_of(c, at), text);
}

static bool is_at(const struct compiler *c, size_t at, const char *word)
{
	return str_starts(str_slice(c->source, at, c->source.n), str_of(word));
}

static struct text_op *op_add(struct compiler *c)
{
	c->ops = vec_grow_in(c->arena, c->ops, c->n_ops, &c->cap_ops, sizeof(*c->ops));
	return &c->ops[c->n_ops++];
}

static void literal_add(struct compiler *c, size_t from, size_t to)
{
	if (from < to)
		*op_add(c) = (struct text_op){ .kind = TEXT_LITERAL, .literal = str_slice(c->source, from, to) };
}

static bool variable_find(struct compiler *c, struct str name, struct reference *out)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(name, known[i].name)) {
			out->field = known[i].field;
			return true;
		}
	if (!str_starts(name, STR("var.")) || !variable_name_is_valid(str_slice(name, 4, name.n)))
		return false;
	out->field = offsetof(struct values, vars);
	out->key = arena_str(c->arena, str_slice(name, 4, name.n));
	return true;
}

/* A backslash that makes the brace or bar behind it an ordinary character. */
static bool is_escape(struct str s, size_t at)
{
	return at + 1 < s.n && s.p[at] == '\\' && memchr("{}|", s.p[at + 1], 3);
}

/* Copies the fallback without the backslashes of its escapes. False: a bar divides it. */
static bool fallback_read(struct arena *a, struct str source, struct str *out)
{
	char *copy = ARENA_ARRAY(a, char, source.n);
	size_t n = 0;

	for (size_t i = 0; i < source.n; i++) {
		if (source.p[i] == '|')
			return false;
		if (is_escape(source, i))
			i++;
		copy[n++] = source.p[i];
	}
	*out = (struct str){ copy, n };
	return true;
}

static void reference_add(struct compiler *c, size_t from, struct str inner)
{
	struct reference r = { .fallback = STR_NONE };
	struct str fallback;
	bool has_fallback = str_cut(inner, '|', &r.variable, &fallback);

	r.variable = str_trim(r.variable);
	if (!variable_find(c, r.variable, &r)) {
		fault(c, from, "unknown variable \"%s\"; there are " KNOWN_NAMES, reasons_quote(c->why, r.variable));
		return;
	}
	if (has_fallback && !fallback_read(c->arena, str_trim(fallback), &r.fallback)) {
		fault(c, from, "%s has more than one fallback", reasons_quote(c->why, r.variable));
		return;
	}
	*op_add(c) = (struct text_op){ .kind = TEXT_REFERENCE, .index = c->n_references };
	c->references = vec_grow_in(c->arena, c->references, c->n_references, &c->cap_references, sizeof(r));
	c->references[c->n_references++] = r;
}

/* At "{{". */
static void reference_compile(struct compiler *c)
{
	size_t from = c->at, to = from + 2;

	while (to < c->source.n && c->source.p[to] != '{' && !is_at(c, to, "}}"))
		to += is_escape(c->source, to) ? 2 : 1;
	c->at = to;
	if (!is_at(c, to, "}}")) {
		fault(c, from, "{{ is not closed by }}");
		return;
	}
	c->at += 2;
	if (c->n_references == TEXT_MAX_REFERENCES) {
		fault(c, from, "more than %d variables", TEXT_MAX_REFERENCES);
		c->stopped = true;
		return;
	}
	reference_add(c, from, str_slice(c->source, from + 2, to));
}

static void sequence_compile(struct compiler *c, unsigned depth);

struct choice {
	size_t options[TEXT_MAX_OPTIONS]; /* the first op of each */
	size_t jumps[TEXT_MAX_OPTIONS]; /* the op behind each but the last */
	size_t n;
};

/* Compiles options up to the closing brace. False: there is none, or a bound was passed. */
static bool options_compile(struct compiler *c, struct choice *choice, size_t from, unsigned depth)
{
	do {
		if (choice->n == TEXT_MAX_OPTIONS) {
			fault(c, from, "a choice of more than %d options", TEXT_MAX_OPTIONS);
			return false;
		}
		c->at++;
		choice->options[choice->n++] = c->n_ops;
		sequence_compile(c, depth);
		if (c->stopped)
			return false;
		if (c->at == c->source.n) {
			fault(c, from, "{ is not closed by }; to write a brace, put a backslash before it");
			return false;
		}
		choice->jumps[choice->n - 1] = c->n_ops;
		if (c->source.p[c->at] == '|')
			*op_add(c) = (struct text_op){ .kind = TEXT_JUMP };
	} while (c->source.p[c->at] == '|');
	return true;
}

static void choice_link(struct compiler *c, size_t at, const struct choice *choice)
{
	size_t *options = ARENA_ARRAY(c->arena, size_t, choice->n);

	memcpy(options, choice->options, choice->n * sizeof(*options));
	c->ops[at].options = options;
	c->ops[at].n_options = choice->n;
	for (size_t i = 0; i + 1 < choice->n; i++)
		c->ops[choice->jumps[i]].index = c->n_ops;
}

/* At "{". */
static void choice_compile(struct compiler *c, unsigned depth)
{
	struct choice choice = { .n = 0 };
	size_t from = c->at, op = c->n_ops;

	if (depth > TEXT_MAX_DEPTH)
		fault(c, from, "choices within each other, more than %d deep", TEXT_MAX_DEPTH);
	else if (c->n_choices == TEXT_MAX_CHOICES)
		fault(c, from, "more than %d choices", TEXT_MAX_CHOICES);
	c->stopped = depth > TEXT_MAX_DEPTH || c->n_choices == TEXT_MAX_CHOICES;
	if (c->stopped)
		return;
	*op_add(c) = (struct text_op){ .kind = TEXT_CHOICE, .index = c->n_choices++ };
	if (!options_compile(c, &choice, from, depth)) {
		c->stopped = true;
		return;
	}
	c->at++;
	if (choice.n == 1)
		fault(c, from,
			"a choice needs two options, as in {Hi|Hello}; to write a brace, put a backslash before it");
	choice_link(c, op, &choice);
}

/* Three braces are one and a variable: no variable's name begins with a brace. */
static bool at_reference(const struct compiler *c)
{
	return is_at(c, c->at, "{{") && !is_at(c, c->at, "{{{");
}

static bool at_end(const struct compiler *c, unsigned depth)
{
	char here = c->at < c->source.n ? c->source.p[c->at] : '\0';

	return c->stopped || c->at == c->source.n || (depth > 0 && (here == '|' || here == '}'));
}

/* Up to the end of the source or, within a choice (depth > 0), of the option. */
static void sequence_compile(struct compiler *c, unsigned depth)
{
	size_t from = c->at;

	while (!at_end(c, depth)) {
		bool escape = is_escape(c->source, c->at), reference = at_reference(c);

		if (!escape && !reference && !(c->choices && c->source.p[c->at] == '{')) {
			c->at++;
			continue;
		}
		literal_add(c, from, c->at);
		from = c->at + 1;
		if (escape) {
			c->at += 2;
			continue;
		}
		if (reference)
			reference_compile(c);
		else
			choice_compile(c, depth + 1);
		from = c->at;
	}
	literal_add(c, from, c->at);
}

int text_compile(struct text *out, struct str source, bool choices, struct arena *a, struct reasons *why)
{
	struct compiler c = { .arena = a, .why = why, .choices = choices };
	size_t before = reasons_count(why);

	if (source.n > TEXT_MAX_BYTES)
		reasons_add(why, "a text of more than %d bytes", TEXT_MAX_BYTES);
	else if (!utf8_storable(source))
		reasons_add(why, "a text that is not UTF-8, or contains a NUL");
	else {
		c.source = arena_str(a, source);
		sequence_compile(&c, 0);
	}
	if (reasons_count(why) > before)
		return -1;
	*out = (struct text){ c.ops, c.n_ops, c.references, c.n_references };
	return 0;
}

struct text text_literal(struct str literal, struct arena *a)
{
	struct text_op *op = ARENA_NEW(a, struct text_op);

	*op = (struct text_op){ .kind = TEXT_LITERAL, .literal = literal };
	return (struct text){ .ops = op, .n_ops = 1 };
}
