/* The variables of a template message's parameters; see parameters.h. */
#include "message/parameters.h"

static void text_visit(const struct text *t, const struct reference **out, size_t *n)
{
	for (size_t i = 0; i < t->n_references; i++, ++*n)
		if (out)
			out[*n] = &t->references[i];
}

/* Counts the references, and stores them if out is not NULL. */
static size_t references_visit(const struct parameters *p, const struct reference **out)
{
	size_t n = 0;

	for (size_t c = 0; c < p->n; c++)
		for (size_t i = 0; i < p->components[c].n; i++) {
			const struct parameter *parameter = &p->components[c].parameters[i];

			text_visit(&parameter->text, out, &n);
			for (size_t m = 0; m < parameter->n_members; m++)
				text_visit(&parameter->members[m].text, out, &n);
		}
	return n;
}

const struct reference *const *parameters_references(const struct parameters *p, struct arena *a, size_t *n)
{
	const struct reference **references = ARENA_ARRAY(a, const struct reference *, references_visit(p, NULL));

	*n = references_visit(p, references);
	return references;
}
