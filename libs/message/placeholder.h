/* Where the parameters of a Meta template stand in its text: {{1}} or {{first_name}}. Not a variable of text.h, which
 * stands in a parameter's value. */
#ifndef MESSAGE_PLACEHOLDER_H
#define MESSAGE_PLACEHOLDER_H

#include "base/str.h"

#define PLACEHOLDER_MAX_BYTES 64

/* Reads up to the next placeholder: *literal is the text before it, *name its name (letters, digits and `_`), *rest
 * what follows it; all borrowed. False when there is no other: *literal is then all of the rest. Braces around anything
 * else are text. */
bool placeholder_next(struct str *rest, struct str *literal, struct str *name);

#endif
