/* Scans the members of a top-level object in raw bytes, without parsing: for fields that are needed before the body's
 * signature is verified. It allocates nothing and reads no byte twice, so an unauthenticated body costs linear time.
 *
 * It does not validate. For any text that json_parse() accepts, both find the same members; for text that is not JSON
 * the result is arbitrary. So treat a result as a hint, and compare it with the parsed document later. */
#ifndef JSON_MEMBERS_H
#define JSON_MEMBERS_H

#include "base/arena.h"

struct json_members {
	const char *at, *end;
	bool more;
};
struct json_members json_members(struct str text);
/* The next member as written: the name without its quotes and with escapes not decoded, and the value from its first
 * byte to its last. False at the end, or where the scan cannot go on. */
bool json_members_next(struct json_members *m, struct str *name, struct str *value);
/* Whether a name, as written, decodes to `name`, which is ASCII. */
bool json_member_is(struct str written, const char *name);
/* What json_text() would return for a value as written, copied into the arena; also absent when it is longer than max
 * bytes. */
struct str json_member_text(struct str value, size_t max, struct arena *a);

#endif
