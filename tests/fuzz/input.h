/* The parts of a fuzzer's input: text lines first, where the dictionary's words fit, then bytes. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <assert.h>

#include "base/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct str input_of(const uint8_t *data, size_t size)
{
	return (struct str){ (const char *)data, size };
}

/* Whether a part that was read out of the whole is of its bytes; an absent or empty one is of any. */
static inline bool lies_within(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Takes the first line off, without its end. The last one may lack it. */
static inline struct str line_take(struct str *rest)
{
	struct str line;

	str_cut(*rest, '\n', &line, rest);
	return line;
}

/* Takes lines "name:value" or "name" (a header without a value) off, up to an empty line or `max` of them. */
static inline size_t headers_take(struct str *rest, struct header *out, size_t max)
{
	size_t n = 0;

	while (n < max && rest->n > 0) {
		struct str line = line_take(rest);

		if (line.n == 0)
			break;
		if (!str_cut(line, ':', &out[n].name, &out[n].value))
			out[n].value = STR_NONE;
		n++;
	}
	return n;
}

#endif
