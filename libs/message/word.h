/* The words of Meta's JSON: upper case in templates, lower case in requests; Meta accepts either in both. */
#ifndef MESSAGE_WORD_H
#define MESSAGE_WORD_H

#include <string.h>
#include <strings.h>

#include "base/str.h"

/* Whether s is the word, in ASCII letters of either case. */
static inline bool word_is(struct str s, const char *word)
{
	return s.n == strlen(word) && (s.n == 0 || strncasecmp(s.p, word, s.n) == 0);
}

#endif
