/* Addresses and networks; see networks.h. Invariant: a prefix length counts bits of the sixteen bytes, so that of an
 * IPv4 network it is 96 more than written. */
#include "http/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct network {
	uint8_t bytes[IP_BYTES];
	unsigned bits;
};

struct networks {
	size_t n;
	struct network *at;
};

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool ip_parse(struct str text, uint8_t out[static IP_BYTES])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET, copy, out + sizeof(v4_prefix)) != 1)
		return inet_pton(AF_INET6, copy, out) == 1;
	memcpy(out, v4_prefix, sizeof(v4_prefix));
	return true;
}

bool ip_is_v4(const uint8_t address[static IP_BYTES])
{
	return memcmp(address, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool network_parse(struct str s, struct network *out)
{
	struct str address, length;
	bool has_length = str_cut(s, '/', &address, &length), dotted;
	int64_t bits, max;

	if (!ip_parse(address, out->bytes))
		return false;
	dotted = !memchr(address.p, ':', address.n); /* the prefix length of ::ffff:10.0.0.0/104 counts all 128 bits */
	bits = max = dotted ? 32 : 128;
	if (has_length && (!str_all_digits(length) || !str_to_i64(length, &bits) || bits > max))
		return false;
	out->bits = (unsigned)bits + (dotted ? 96 : 0);
	return true;
}

struct networks *networks_new(void)
{
	return mem_calloc(1, sizeof(struct networks));
}

void networks_free(struct networks *n)
{
	if (!n)
		return;
	free(n->at);
	free(n);
}

int networks_add(struct networks *n, struct str network, struct err *err)
{
	struct network parsed;

	if (!network_parse(str_trim(network), &parsed))
		return err_set(err, ERR_INPUT, "config", "%.*s is not a network", STR_ARG(network));
	n->at = mem_realloc(n->at, (n->n + 1) * sizeof(*n->at));
	n->at[n->n++] = parsed;
	return 0;
}

int networks_parse(struct networks **out, char *const *list, struct err *err)
{
	struct networks *n = networks_new();

	for (; list && *list; list++)
		if (networks_add(n, str_of(*list), err) < 0) {
			networks_free(n);
			return -1;
		}
	*out = n;
	return 0;
}

static bool network_has(const struct network *n, const uint8_t address[static IP_BYTES])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (memcmp(n->bytes, address, whole) != 0)
		return false;
	return rest == 0 || (n->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool networks_have(const struct networks *n, const uint8_t address[static IP_BYTES])
{
	for (size_t i = 0; i < n->n; i++)
		if (network_has(&n->at[i], address))
			return true;
	return false;
}
