/* Cutting a text without cutting a character that a person sees as one: a letter with its accents, a flag, a family. */
#ifndef MESSAGE_GRAPHEME_H
#define MESSAGE_GRAPHEME_H

#include "base/str.h"

/* The longest prefix of at most max_chars code points that ends between two grapheme clusters (Unicode 15, Annex 29;
 * without prepended marks, and with all Hangul vowels and finals as marks). A cluster of more than 64 code points is
 * cut between two of them. s is UTF-8. */
struct str grapheme_truncate(struct str s, size_t max_chars);

#endif
