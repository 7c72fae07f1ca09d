/* The components of a Meta template in the first line, the parameters of a message behind it. Whatever can be parsed is
 * checked, written and shown within its bounds. Written parameters can be parsed, are written to the same bytes again,
 * and fit the template if the first ones did.
 */
#include "base/utf8.h"
#include "input.h"
#include "message/parameters.h"

static const struct values values = { .first_name = { "Budi", 4 }, .campaign_name = { " \"*\n", 4 } };

static size_t reasons_against(const struct parameters *p, const struct template *t, struct arena *a)
{
	struct reasons why;

	reasons_init(&why, a);
	parameters_check(p, t, &why);
	for (size_t i = 0; i < why.n; i++)
		assert(utf8_storable(why.at[i]));
	return reasons_count(&why);
}

static void written_check(struct str written, const struct template *t, bool fits, struct arena *a)
{
	struct buf again = BUF_INIT;
	struct parameters p;
	struct reasons why;
	struct str missing;
	enum text_outcome outcome;
	int rc;

	if (written.n > PARAMETERS_MAX_BYTES)
		return;
	reasons_init(&why, a);
	rc = parameters_parse(&p, written, false, a, &why);
	assert(rc == 0);
	outcome = parameters_write(&p, &values, &again, &missing);
	assert(outcome == TEXT_WRITTEN && str_eq(buf_str(&again), written));
	assert(!t || !fits || reasons_against(&p, t, a) == 0);
	buf_fini(&again);
}

static void show_check(const struct parameters *p, const struct template_text *t, enum component_kind part)
{
	struct buf out = BUF_INIT;

	parameters_show(p, t, part, &values, &out);
	assert(utf8_valid(buf_str(&out)) && utf8_length(buf_str(&out)) <= TEMPLATE_SHOWN_CHARS);
	buf_fini(&out);
}

/* t: NULL, if the components could not be parsed. */
static void parameters_use(struct str list, bool variables, const struct template *t, struct arena *a)
{
	struct buf written = BUF_INIT;
	struct parameters p;
	struct reasons why;
	struct str missing;
	bool fits = false;

	reasons_init(&why, a);
	if (parameters_parse(&p, list, variables, a, &why) < 0) {
		assert(why.n > 0 && why.n <= REASONS_MAX);
		return;
	}
	if (t) {
		fits = reasons_against(&p, t, a) == 0;
		show_check(&p, &t->header_text, COMPONENT_HEADER);
		show_check(&p, &t->body, COMPONENT_BODY);
	}
	if (parameters_write(&p, &values, &written, &missing) == TEXT_WRITTEN)
		written_check(buf_str(&written), t, fits, a);
	else
		assert(variables && written.n == 0);
	buf_fini(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = input_of(data, size), components = line_take(&rest);
	struct template t;
	struct arena *a = arena_new(0);
	bool known = template_parse(&t, components, a, NULL) == 0;

	parameters_use(rest, true, known ? &t : NULL, a);
	parameters_use(rest, false, known ? &t : NULL, a);
	arena_free(a);
	return 0;
}
