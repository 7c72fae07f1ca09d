/* Text from outside on its way to a terminal, which acts on control characters and reorders after bidi overrides. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdio.h>

#include "base/str.h"

/* What a terminal acts on (C0, DEL, C1, line and paragraph separators, bidi embeddings, overrides and isolates) and bytes that are no
 * UTF-8 are shown as '?', one for each. */
void terminal_print(FILE *f, struct str text);
/* Columns that terminal_print() fills, one for each character. */
size_t terminal_width(struct str text);
/* JSON of our own writers: the same characters as \u escapes, which says the same to a program. Line breaks between values stay. */
void terminal_print_json(FILE *f, struct str json);

#endif
