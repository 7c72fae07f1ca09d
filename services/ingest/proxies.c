/* The source address of a request; see proxies.h. Invariant: only addresses that a trusted proxy has written are
 * used. */
#include "ingest/proxies.h"

#include <string.h>

static bool is_trusted(const struct networks *trusted, struct str address)
{
	uint8_t bytes[IP_BYTES];

	return ip_parse(address, bytes) && networks_have(trusted, bytes);
}

/* Removes the last item of a comma-separated list and returns it. */
static struct str last_take(struct str *list)
{
	size_t at = list->n;
	struct str last;

	while (at > 0 && list->p[at - 1] != ',')
		at--;
	last = str_trim(str_slice(*list, at, list->n));
	list->n = at > 0 ? at - 1 : 0;
	return last;
}

/* Some proxies append the port: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct str port_drop(struct str s)
{
	struct str head, tail;

	if (str_starts(s, STR("[")) && str_cut(str_slice(s, 1, s.n), ']', &head, &tail))
		return head;
	if (str_cut(s, ':', &head, &tail) && !memchr(tail.p, ':', tail.n))
		return head;
	return s;
}

struct str proxies_source(const struct networks *trusted, struct str peer, struct str forwarded)
{
	struct str source = peer;

	while (forwarded.n > 0 && is_trusted(trusted, source)) {
		struct str before = port_drop(last_take(&forwarded));
		uint8_t bytes[IP_BYTES];

		if (!ip_parse(before, bytes))
			break; /* "unknown": fall back to the proxy's own address */
		source = before;
	}
	return source;
}

size_t address_key(struct str address, uint8_t out[static 16])
{
	uint8_t bytes[IP_BYTES];
	bool v4;

	if (!ip_parse(address, bytes)) {
		size_t n = address.n < 16 ? address.n : 16;

		if (n > 0)
			memcpy(out, address.p, n);
		return n;
	}
	v4 = ip_is_v4(bytes);
	memcpy(out, v4 ? bytes + 12 : bytes, v4 ? 4 : 8);
	return v4 ? 4 : 8;
}
