/* Printing untrusted text to a terminal, which interprets control characters and reorders text after bidi overrides. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdio.h>

#include "base/str.h"

/* Prints '?' for each character that a terminal interprets (C0, DEL, C1, line and paragraph separators, bidi
 * embeddings, overrides and isolates) and for each byte that is not UTF-8. */
void terminal_print(FILE *f, struct str text);
/* Columns that terminal_print() fills, one for each character. */
size_t terminal_width(struct str text);
/* Prints JSON from json/writer.h with the same characters as \u escapes, which mean the same to a program. Line
 * breaks between values stay. */
void terminal_print_json(FILE *f, struct str json);

#endif
