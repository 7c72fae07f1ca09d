/* Cutting a text without cutting a character that a person sees as one: a letter with its accents, a flag, a family. */
#ifndef MESSAGE_GRAPHEME_H
#define MESSAGE_GRAPHEME_H

#include "base/str.h"

/* The longest prefix of at most max_chars code points that ends between two grapheme clusters (Unicode, Annex 29). A
 * first cluster of more than max_chars is cut between two code points. s is UTF-8. */
struct str grapheme_truncate(struct str s, size_t max_chars);

#endif
