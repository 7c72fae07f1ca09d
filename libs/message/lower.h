/* Texts compared without regard to case. Pure. */
#ifndef MESSAGE_LOWER_H
#define MESSAGE_LOWER_H

#include "base/buf.h"

/* Appends s with each letter in lower case, one by one, as lower() of PostgreSQL does. A byte that is not UTF-8 becomes U+FFFD. */
void lower_text(struct buf *out, struct str s);

#endif
