/* Which addresses a URL may lead to: the protection against server-side request forgery. Saving, testing and
 * delivering share it. It checks the very address that is connected to, so that a DNS answer that changes between
 * check and connect (DNS rebinding) gains an attacker nothing. Source: IANA's special-purpose address registries;
 * services/webhook-dispatcher/README.md, Targets. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define GUARD_URL_BYTES 2000 /* longest URL */
#define URL_HOST_BYTES  254 /* longest name, with its final dot (RFC 1035, 2.3.4) */

struct guard;

/* For URLs that tenants supply: admits public addresses. allowed: further networks to admit ("10.0.0.0/8", "fd00::/8"),
 * NULL-terminated; NULL: none. http: also allows plain http. ERR_INPUT when an item is not a network. */
int guard_new(struct guard **out, char *const *allowed, bool http, struct err *err) ERR_MUST_USE;
/* For URLs that the operator configures: admits these networks and no others, private or public. ERR_INPUT when an
 * item is not a network, or the list is empty: to admit every address an operator must write "0.0.0.0/0" and "::/0". */
int guard_new_listed(struct guard **out, char *const *networks, bool http, struct err *err) ERR_MUST_USE;
void guard_free(struct guard *g); /* accepts NULL */
bool guard_allows_http(const struct guard *g);
/* Whether the address is in an allowed network or, unless the guard is listed, is public unicast. IPv6 addresses that
 * embed an IPv4 address (NAT64, 6to4, Teredo) are refused unless an allowed network contains them; an IPv4-mapped
 * address is treated as the IPv4 address. */
bool guard_admits(const struct guard *g, const struct sockaddr *address);
/* Error texts: why an address is refused; why a name is, all of whose addresses are refused. */
const char *guard_refusal(const struct guard *g);
const char *guard_name_refusal(const struct guard *g);
/* Checks a URL that a tenant supplied: https (or http), a host, no user name or password, at most GUARD_URL_BYTES. An
 * address in place of a name must be admitted, in any spelling that resolvers accept (0x7f.1, 2130706433). ERR_INPUT
 * "url" or "address", with a message for the tenant. No I/O. */
int guard_check_url(const struct guard *g, struct str url, struct err *err) ERR_MUST_USE;
/* What must be known of a URL before a request is sent to it. */
struct url_host {
	char name[URL_HOST_BYTES + 1]; /* to resolve, spelled as libcurl will request it; "": the URL has an address */
	int port;
};
/* As guard_check_url(); also fills *out. */
int guard_host(const struct guard *g, struct str url, struct url_host *out, struct err *err) ERR_MUST_USE;
/* As guard_check_url(), and every address that the name currently resolves to must be admitted. Blocks on DNS.
 * ERR_INPUT "url" or "address"; ERR_RETRY "dns". */
int guard_check_reachable(const struct guard *g, struct str url, struct err *err) ERR_MUST_USE;

#endif
