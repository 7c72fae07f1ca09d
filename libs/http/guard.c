/* Which addresses may be connected to; see guard.h.
 *
 *   address ── in an allowed network? ── yes ──────────────────────────────► admitted
 *                     │ no
 *                     ├── listed guard (operator's) ───────────────────────► refused
 *                     ├── in a special-purpose range (`refused`) ──────────► refused
 *                     ├── IPv6 outside 2000::/3 ───────────────────────────► refused
 *                     └── otherwise: public ───────────────────────────────► admitted
 *
 * Invariant: an address is admitted because it is known to be public, not because no list mentions it: IPv6 outside
 * 2000::/3, the only space allocated so far, is refused whatever it may be used for in future.
 */
#include "http/guard.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/networks.h"

struct guard {
	struct networks *allowed;
	struct networks *refused;
	struct networks *public_v6;
	bool listed; /* admits the allowed networks only */
	bool http;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry; NULL ends the list. */
static const char *const refused[] = { "0.0.0.0/8", /* this network */
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", /* private */
	"100.64.0.0/10", /* carrier-grade NAT; Alibaba's metadata service */
	"127.0.0.0/8", /* loopback */
	"168.63.129.16", /* Azure's host, as seen from its virtual machines */
	"169.254.0.0/16", /* link-local; metadata services of most clouds */
	"192.0.0.0/24", /* protocol assignments; Oracle's metadata service */
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", /* documentation */
	"192.88.99.0/24", /* 6to4 relays */
	"198.18.0.0/15", /* benchmarking */
	"224.0.0.0/4", /* multicast */
	"240.0.0.0/4", /* reserved, broadcast */
	"2001::/23", /* protocol assignments: Teredo, benchmarking, ORCHID */
	"2001:db8::/32", "3fff::/20", /* documentation */
	"2002::/16", /* 6to4 */
	NULL };
static const char *const public_v6[] = { "2000::/3", NULL };

static struct networks *networks_of(const char *const *list)
{
	struct networks *n = networks_new();

	for (; *list; list++)
		if (networks_add(n, str_of(*list), NULL) < 0)
			abort(); /* a typing error in a list of this file */
	return n;
}

static struct guard *guard_of(struct networks *allowed, bool listed, bool http)
{
	struct guard *g = mem_calloc(1, sizeof(*g));

	g->allowed = allowed;
	g->refused = networks_of(refused);
	g->public_v6 = networks_of(public_v6);
	g->listed = listed;
	g->http = http;
	return g;
}

int guard_new(struct guard **out, char *const *allowed, bool http, struct err *err)
{
	struct networks *parsed;

	if (networks_parse(&parsed, allowed, err) < 0)
		return -1;
	*out = guard_of(parsed, false, http);
	return 0;
}

int guard_new_listed(struct guard **out, char *const *networks, bool http, struct err *err)
{
	struct networks *parsed;

	if (!networks || !networks[0])
		return err_set(err, ERR_INPUT, "config",
			"the list of allowed networks is empty: no address could be reached");
	if (networks_parse(&parsed, networks, err) < 0)
		return -1;
	*out = guard_of(parsed, true, http);
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	networks_free(g->allowed);
	networks_free(g->refused);
	networks_free(g->public_v6);
	free(g);
}

bool guard_allows_http(const struct guard *g)
{
	return g->http;
}

const char *guard_refusal(const struct guard *g)
{
	return g->listed ? "its address is not allowed" : "its address is not public";
}

const char *guard_name_refusal(const struct guard *g)
{
	return g->listed ? "its name does not resolve to an allowed address"
			 : "its name does not resolve to a public address";
}

static bool is_public(const struct guard *g, const uint8_t address[static IP_BYTES])
{
	return (ip_is_v4(address) || networks_have(g->public_v6, address)) && !networks_have(g->refused, address);
}

bool guard_admits(const struct guard *g, const struct sockaddr *address)
{
	uint8_t bytes[IP_BYTES] = { [10] = 0xff, [11] = 0xff };

	if (address->sa_family == AF_INET)
		memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	else if (address->sa_family == AF_INET6)
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof(bytes));
	else
		return false;
	return networks_have(g->allowed, bytes) || (!g->listed && is_public(g, bytes));
}

static int url_refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, "url", "%s", why);
}

/* The part's text; absent when the URL does not have it, or it cannot be decoded. */
static char *part_get(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool url_has(CURLU *url, CURLUPart part)
{
	char *text = part_get(url, part, 0);
	bool has = text != NULL;

	curl_free(text);
	return has;
}

static bool scheme_fits(const struct guard *g, CURLU *url)
{
	char *scheme = part_get(url, CURLUPART_SCHEME, 0);
	bool fits = str_is(str_of(scheme), "https") || (g->http && str_is(str_of(scheme), "http"));

	curl_free(scheme);
	return fits;
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static int port_of(CURLU *url)
{
	char *text = part_get(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	int64_t port = 0;

	(void)str_to_i64(str_of(text), &port);
	curl_free(text);
	return (int)port;
}

/* A URL's host as it will be resolved: percent-decoded, without brackets and without a final dot. */
struct host {
	char name[GUARD_URL_BYTES + 1];
	bool dot;
	int port;
};

static int host_extract(const struct guard *g, CURLU *url, struct host *host, struct err *err)
{
	char *text = part_get(url, CURLUPART_HOST, 0);
	struct str s = str_of(text);
	int rc = -1;

	if (str_starts(s, STR("[")))
		s = str_slice(s, 1, s.n - 1);
	host->dot = str_ends(s, STR("."));
	s.n -= host->dot; /* "127.0.0.1." is an address, too */
	host->port = port_of(url);
	if (!scheme_fits(g, url))
		url_refuse(err, g->http ? "it must begin with https:// or http://" : "it must begin with https://");
	else if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
		url_refuse(err, "it must not contain a user name or a password");
	else if (s.n == 0 || s.n > GUARD_URL_BYTES)
		url_refuse(err, "it has no host");
	else if (!is_ascii(s))
		url_refuse(err, "its host must be in ASCII (xn--...)"); /* libcurl's conversion depends on the locale */
	else {
		memcpy(host->name, s.p, s.n);
		host->name[s.n] = '\0';
		rc = 0;
	}
	curl_free(text);
	return rc;
}

static int host_of(const struct guard *g, struct str url, struct host *host, struct err *err)
{
	char text[GUARD_URL_BYTES + 1];
	CURLU *parsed;
	int rc;

	if (url.n > GUARD_URL_BYTES)
		return url_refuse(err, "it is too long");
	if (url.n == 0 || memchr(url.p, '\0', url.n))
		return url_refuse(err, "it is not a URL");
	memcpy(text, url.p, url.n);
	text[url.n] = '\0';
	parsed = curl_url();
	if (!parsed)
		return err_set(err, ERR_FATAL, "curl", "no memory");
	if (curl_url_set(parsed, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		rc = host_extract(g, parsed, host, err);
	else
		rc = url_refuse(err, "it is not a URL");
	curl_url_cleanup(parsed);
	return rc;
}

static int host_check(const struct guard *g, const char *host, int flags, struct err *err)
{
	const struct addrinfo hints = { .ai_flags = flags, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &found);

	if (rc == EAI_NONAME && (flags & AI_NUMERICHOST))
		return 0; /* a name: its addresses are checked once they are resolved */
	if (rc != 0)
		return err_set(err, ERR_RETRY, "dns", "its host cannot be resolved: %s", gai_strerror(rc));
	for (const struct addrinfo *a = found; a && rc == 0; a = a->ai_next)
		if (!guard_admits(g, a->ai_addr))
			rc = err_set(err, ERR_INPUT, "address", "%s", guard_refusal(g));
	freeaddrinfo(found);
	return rc;
}

static int url_check(const struct guard *g, struct str url, int flags, struct err *err)
{
	struct host host;

	if (host_of(g, url, &host, err) < 0)
		return -1;
	return host_check(g, host.name, flags, err);
}

int guard_check_url(const struct guard *g, struct str url, struct err *err)
{
	return url_check(g, url, AI_NUMERICHOST, err);
}

static bool is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

int guard_host(const struct guard *g, struct str url, struct url_host *out, struct err *err)
{
	struct host host = { 0 };
	size_t n;

	if (host_of(g, url, &host, err) < 0 || host_check(g, host.name, AI_NUMERICHOST, err) < 0)
		return -1;
	n = strlen(host.name);
	if (n >= URL_HOST_BYTES)
		return url_refuse(err, "its host is too long");
	*out = (struct url_host){ .port = host.port };
	if (host.dot || !is_address(host.name)) {
		memcpy(out->name, host.name, n);
		out->name[n] = host.dot ? '.' : '\0';
	}
	return 0;
}

int guard_check_reachable(const struct guard *g, struct str url, struct err *err)
{
	return url_check(g, url, 0, err);
}
