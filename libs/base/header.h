/* A record's header: name and value, borrowed. Value absent: a header without a value. */
#ifndef BASE_HEADER_H
#define BASE_HEADER_H

#include "base/str.h"

struct header {
	struct str name, value;
};

/* Value of the first header of that name, absent when there is none. */
struct str header_find(const struct header *headers, size_t n, const char *name);

#endif
