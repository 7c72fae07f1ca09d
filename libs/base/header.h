/* A header of a Kafka record: name and value, borrowed. An absent value: a header without a value. */
#ifndef BASE_HEADER_H
#define BASE_HEADER_H

#include "base/str.h"

struct header {
	struct str name, value;
};

/* The value of the first header with that name; absent when there is none. */
struct str header_find(const struct header *headers, size_t n, const char *name);

#endif
