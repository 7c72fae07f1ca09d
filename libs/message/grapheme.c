/* Cutting at grapheme clusters, by ICU; see grapheme.h. Invariant: the prefix never ends inside a code point. */
#include "message/grapheme.h"

#include <assert.h>
#include <unicode/ubrk.h>

#include "message/character.h"

/* The bytes of the first max_chars code points. */
static size_t prefix_bytes(struct str s, size_t max_chars)
{
	size_t end = 0;

	for (size_t n = 0; n < max_chars && end < s.n; n++)
		end += character_first(str_slice(s, end, s.n)).n;
	return end;
}

/* The last boundary at or before `limit`; 0: there is none but the start. */
static size_t boundary(struct str s, size_t limit)
{
	UErrorCode failed = U_ZERO_ERROR;
	UText text = UTEXT_INITIALIZER;
	UBreakIterator *clusters = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &failed);
	int32_t at;

	utext_openUTF8(&text, s.p, (int64_t)s.n, &failed);
	ubrk_setUText(clusters, &text, &failed);
	assert(U_SUCCESS(failed)); /* nothing fails but allocating memory */
	at = ubrk_isBoundary(clusters, (int32_t)limit) ? (int32_t)limit : ubrk_preceding(clusters, (int32_t)limit);
	ubrk_close(clusters);
	utext_close(&text);
	return at > 0 ? (size_t)at : 0;
}

struct str grapheme_truncate(struct str s, size_t max_chars)
{
	size_t limit = prefix_bytes(s, max_chars), cut;

	if (limit == s.n || limit == 0)
		return str_slice(s, 0, limit);
	cut = boundary(s, limit);
	return str_slice(s, 0, cut > 0 ? cut : limit);
}
