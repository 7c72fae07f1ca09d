/* The members of a top-level object in the raw bytes, without parsing them: for what must be known of a body before its signature
 * is verified. Nothing is allocated and nothing is visited twice, so that it costs no more than the bytes.
 *
 * It does not validate. What it finds is what json_parse() would find wherever that accepts the text; of a text that is no JSON it
 * finds less, more or nothing. So it is a hint, to be compared with the parsed document later. */
#ifndef JSON_MEMBERS_H
#define JSON_MEMBERS_H

#include "base/arena.h"

struct json_members {
	const char *at, *end;
	bool more;
};
struct json_members json_members(struct str text);
/* The next member as it is written: the name without its quotes, escapes as they are, and the value from its first byte to its
 * last. False at the end, or where the text cannot be followed. */
bool json_members_next(struct json_members *m, struct str *name, struct str *value);
/* Whether a name as written is this one, which is ASCII. */
bool json_member_is(struct str written, const char *name);
/* What json_text() would give for a value as written, copied into the arena; absent as well when it is longer than max bytes. */
struct str json_member_text(struct str value, size_t max, struct arena *a);

#endif
