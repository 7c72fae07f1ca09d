/* A line for each of two values of a recipient, then an author's text. What is written is UTF-8 even if the values are
 * not, within its bounds, and the same for the same random number; a parameter is cleaned text. What cannot be written
 * leaves the output unchanged, and a text that does not compile has a reason.
 */
#include "base/utf8.h"
#include "input.h"
#include "message/clean.h"
#include "message/grapheme.h"
#include "message/text.h"

#define MAX_CHARS 64

static void cut_check(struct str s)
{
	for (size_t max = 0; max <= 3; max++) {
		struct str cut = grapheme_truncate(s, max);

		assert(utf8_valid(cut) && utf8_length(cut) <= max && str_starts(s, cut));
	}
}

static void cleaned_check(struct str s)
{
	struct buf again = BUF_INIT;

	clean_text(&again, s);
	assert(str_eq(buf_str(&again), s) && !clean_is_empty(s));
	buf_fini(&again);
}

static void missing_check(const struct text *t, struct str missing)
{
	bool found = !missing.p;

	for (size_t i = 0; i < t->n_references; i++)
		found |= str_eq(t->references[i].variable, missing);
	assert(found);
}

static void write_check(const struct text *t, const struct values *v, enum text_form form, uint64_t random)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct str missing, text;
	enum text_outcome outcome = text_write(t, v, form, MAX_CHARS, random, &once, &missing), again;

	buf_add_char(&twice, 'x');
	again = text_write(t, v, form, MAX_CHARS, random, &twice, &missing);
	text = str_slice(buf_str(&twice), 1, twice.n);
	assert(again == outcome && text.n == once.n && str_starts(text, buf_str(&once)));
	if (outcome == TEXT_MISSING)
		missing_check(t, missing);
	if (outcome == TEXT_WRITTEN) {
		assert(utf8_valid(text) && utf8_length(text) <= MAX_CHARS);
		cut_check(text);
	} else
		assert(once.n == 0);
	if (outcome == TEXT_WRITTEN && form != TEXT_MESSAGE)
		cleaned_check(text);
	buf_fini(&once);
	buf_fini(&twice);
}

static void text_check(struct str source, bool choices, const struct values *v, struct arena *a)
{
	struct reasons why;
	struct text t;

	reasons_init(&why, a);
	if (text_compile(&t, source, choices, a, &why) < 0) {
		assert(why.n > 0 && why.n <= REASONS_MAX);
		for (size_t i = 0; i < why.n; i++)
			assert(utf8_storable(why.at[i]));
		return;
	}
	assert(reasons_count(&why) == 0 && t.n_references <= TEXT_MAX_REFERENCES);
	for (enum text_form form = TEXT_MESSAGE; form <= TEXT_TOKEN; form++)
		write_check(&t, v, form, str_hash(source));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = input_of(data, size);
	struct values v = { .first_name = line_take(&rest), .campaign_name = line_take(&rest) };
	struct arena *a = arena_new(0);

	text_check(rest, false, &v, a);
	text_check(rest, true, &v, a);
	arena_free(a);
	return 0;
}
