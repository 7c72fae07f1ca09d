/* The pass over JSON before the parser: pure, so that it can be tested and fuzzed by itself. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "base/str.h"

/* Copies text to out, which has room for text.n bytes, and sets *n to what was written: never more than text.n.
 * \u0000 is left out and lone surrogates become \ufffd; pairs are judged as they stand in text, so that taking a \u0000
 * away never makes one. All else is byte-true. A \u without four digits, or an escape inside a UTF-8 character, ends the
 * repair, so that it never makes JSON of what was none. False when JSON would nest deeper than JSON_MAX_DEPTH; *n is
 * untouched then. */
bool json_scan(struct str text, char *out, size_t *n);

#endif
