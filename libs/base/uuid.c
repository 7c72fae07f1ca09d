/* UUIDs in the text form of RFC 9562, section 4. Any version is accepted. */
#include "base/uuid.h"

#include <string.h>

#include "base/hex.h"

/* Whether a dash precedes this byte: groups are of 4, 2, 2, 2 and 6 bytes. */
static bool dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool uuid_parse(struct str s, struct uuid *out)
{
	struct uuid u;
	size_t at = 0;

	if (s.n != 36)
		return false;
	for (size_t i = 0; i < sizeof(u.b); i++) {
		if (dash_before(i) && s.p[at++] != '-')
			return false;
		if (!hex_decode(str_slice(s, at, at + 2), &u.b[i], 1))
			return false;
		at += 2;
	}
	*out = u;
	return true;
}

void uuid_format(const struct uuid *u, char out[static 37])
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };
	const uint8_t *from = u->b;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		hex_encode(from, groups[i], out);
		from += groups[i];
		out += 2 * groups[i];
		*out++ = '-';
	}
	out[-1] = '\0';
}

bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool uuid_is_nil(const struct uuid *u)
{
	static const struct uuid nil;

	return uuid_eq(u, &nil);
}

struct str uuid_bytes(const struct uuid *u)
{
	return (struct str){ (const char *)u->b, sizeof(u->b) };
}
