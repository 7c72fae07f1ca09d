/* Data in a message: names and variables are written by contacts and by imported files, and must neither break the
 * provider's rules nor change how the author's text looks. Pure. The output is UTF-8 even if the input is not: a byte
 * that is not becomes U+FFFD. */
#ifndef MESSAGE_CLEAN_H
#define MESSAGE_CLEAN_H

#include "base/buf.h"

/* Appends s as a Meta template's parameter may have it (Meta rejects line breaks, tabs and more than four spaces,
 * error 132018): each run of white space is one space, none at the ends; without control, bidi and zero-width
 * characters, which make a text look different from what it is. The joiners U+200C and U+200D stay between two
 * characters of the scripts and emoji that need them. What it appends is never longer than three times s, and is
 * unchanged if cleaned again. */
void clean_text(struct buf *out, struct str s);
/* Appends what clean_text() would, with a zero-width space after each of `*_~` and the backtick, and after ">", "-" or
 * "1." at the start: WhatsApp does not read it as formatting, as a quote or as the item of a list. */
void clean_formatting(struct buf *out, struct str s);
/* Whether clean_text() would append nothing. */
bool clean_is_empty(struct str s);

#endif
