/* Compiling one text of a campaign's content; see private.h. Invariant: a text without variables that would be rejected for its length has a reason
 * here, before the first message. */
#include "campaign-sender/content/private.h"

const struct provider_limits *limits_of_provider(enum provider provider)
{
	return provider == PROVIDER_META ? &provider_meta.limits : &provider_blazz.limits;
}

/* The length of a text without variables; with choices of one of its variants. */
static bool constant_check(const struct part *p, struct reasons *why)
{
	const struct values none = { .vars = NULL };
	struct buf written = BUF_INIT;
	struct str missing;
	enum text_outcome outcome = TEXT_WRITTEN;

	if (p->text.n_references == 0)
		outcome = text_write(&p->text, &none, p->form, p->max_chars, 0, &written, &missing);
	buf_fini(&written);
	if (outcome == TEXT_MISSING)
		reasons_add(why, "it is empty");
	if (outcome == TEXT_TOO_LONG)
		reasons_add(why, "it is longer than %zu characters", p->max_chars);
	return outcome == TEXT_WRITTEN;
}

bool part_compile(struct part *out, const char *name, struct str source, bool choices, enum text_form form,
	size_t max_chars, struct arena *a, struct reasons *why)
{
	struct part part = { .name = name, .form = form, .max_chars = max_chars };
	bool compiled;

	reasons_about(why, "%s: ", name);
	compiled = text_compile(&part.text, source, choices, a, why) == 0 && constant_check(&part, why);
	reasons_about_all(why);
	if (compiled)
		*out = part;
	return compiled;
}
