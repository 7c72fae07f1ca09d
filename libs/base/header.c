/* Headers of a Kafka record; see header.h. */
#include "base/header.h"

struct str header_find(const struct header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(headers[i].name, name))
			return headers[i].value;
	return STR_NONE;
}
