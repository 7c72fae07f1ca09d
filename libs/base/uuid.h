/* UUIDs as sixteen bytes, big-endian, compared bytewise. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/str.h"

struct uuid {
	uint8_t b[16];
};

bool uuid_parse(struct str s, struct uuid *out);            /* 8-4-4-4-12 hex, either case */
void uuid_format(const struct uuid *u, char out[static 37]); /* lower case and a NUL */
bool uuid_eq(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *u);
struct str uuid_bytes(const struct uuid *u); /* the sixteen bytes, borrowed; for use as a map key */

#endif
