/* The pass over JSON before parsing. Pure, so that it can be tested and fuzzed on its own. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "base/str.h"

enum json_scanned { JSON_SCANNED, JSON_TOO_DEEP, JSON_TOO_MANY };

/* Copies text to out, which has room for text.n bytes, and sets *n to the number of bytes written: never more than
 * text.n. \u0000 is removed and unpaired surrogates become \ufffd; pairs are recognised in the original text, so that
 * removing a \u0000 never creates one. Everything else is copied byte for byte. A \u without four digits, or an escape
 * inside a UTF-8 character, ends the repair, so that it never turns invalid JSON into valid JSON. Any other result than
 * JSON_SCANNED: the text nests deeper than JSON_MAX_DEPTH, or has more than JSON_MAX_VALUES values; *n is then
 * untouched. Values are counted by the commas and brackets outside strings, an empty list or object as two. */
enum json_scanned json_scan(struct str text, char *out, size_t *n);

#endif
