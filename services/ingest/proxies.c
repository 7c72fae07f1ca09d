/* Networks and X-Forwarded-For; see proxies.h. Invariant: every address is held as sixteen bytes, IPv4 mapped into IPv6. */
#include "ingest/proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct network {
	uint8_t bytes[16];
	unsigned bits;
};

struct proxies {
	size_t n;
	struct network networks[];
};

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool address_parse_text(struct str s, uint8_t out[static 16], bool *v4)
{
	char text[INET6_ADDRSTRLEN];

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*v4 = inet_pton(AF_INET, text, out + 12) == 1;
	if (*v4)
		memcpy(out, v4_prefix, sizeof(v4_prefix));
	return *v4 || inet_pton(AF_INET6, text, out) == 1;
}

static bool network_parse(struct str s, struct network *out)
{
	struct str address, length;
	bool v4, has_length = str_cut(s, '/', &address, &length);
	int64_t bits;

	if (!address_parse_text(address, out->bytes, &v4))
		return false;
	bits = v4 ? 32 : 128;
	if (has_length && (!str_all_digits(length) || !str_to_i64(length, &bits) || bits > (v4 ? 32 : 128)))
		return false;
	out->bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

int proxies_parse(struct proxies **out, char *const *networks, struct err *err)
{
	struct proxies *p;
	size_t n = 0;

	while (networks && networks[n])
		n++;
	p = mem_calloc(1, sizeof(*p) + n * sizeof(p->networks[0]));
	for (; p->n < n; p->n++)
		if (!network_parse(str_trim(str_of(networks[p->n])), &p->networks[p->n])) {
			err_set(err, ERR_INPUT, "config", "%s is no network", networks[p->n]);
			proxies_free(p);
			return -1;
		}
	*out = p;
	return 0;
}

void proxies_free(struct proxies *p)
{
	free(p);
}

static bool network_has(const struct network *n, const uint8_t address[static 16])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (memcmp(n->bytes, address, whole) != 0)
		return false;
	return rest == 0 || (n->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct proxies *p, struct str address)
{
	uint8_t bytes[16];
	bool v4;

	if (p->n == 0 || !address_parse_text(address, bytes, &v4))
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (network_has(&p->networks[i], bytes))
			return true;
	return false;
}

/* Takes the last of a list separated by commas off its end. */
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

/* Some proxies write the port too: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct str port_drop(struct str s)
{
	struct str head, tail;

	if (str_starts(s, STR("[")) && str_cut(str_slice(s, 1, s.n), ']', &head, &tail))
		return head;
	if (str_cut(s, ':', &head, &tail) && !memchr(tail.p, ':', tail.n))
		return head;
	return s;
}

struct str proxies_source(const struct proxies *p, struct str peer, struct str forwarded)
{
	struct str source = peer;

	while (forwarded.n > 0 && is_trusted(p, source)) {
		struct str before = port_drop(last_take(&forwarded));
		uint8_t bytes[16];
		bool v4;

		if (!address_parse_text(before, bytes, &v4))
			break; /* "unknown": the proxy's own address must do */
		source = before;
	}
	return source;
}

size_t address_key(struct str address, uint8_t out[static 16])
{
	uint8_t bytes[16];
	bool v4;

	if (!address_parse_text(address, bytes, &v4)) {
		size_t n = address.n < 16 ? address.n : 16;

		if (n > 0)
			memcpy(out, address.p, n);
		return n;
	}
	v4 = memcmp(bytes, v4_prefix, sizeof(v4_prefix)) == 0;
	memcpy(out, v4 ? bytes + 12 : bytes, v4 ? 4 : 8);
	return v4 ? 4 : 8;
}
