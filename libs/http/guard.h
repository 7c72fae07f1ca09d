/* Which addresses a URL may lead to: server-side request forgery ends here. One function for saving, testing and
 * delivering; what counts is the address that is connected to, so that a name that changes between check and connect changes
 * nothing. Source: IANA's special-purpose address registries; services/webhook-dispatcher/README.md, Targets. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define GUARD_URL_BYTES 2000 /* a longer URL is refused */
#define URL_HOST_BYTES  254 /* of a name, with a last dot (RFC 1035, 2.3.4) */

struct guard;

/* For URLs of tenants. allowed: networks ("10.0.0.0/8", "fd00::/8") that are let through beside what is public, ended by NULL; NULL: none.
 * http: plain http is allowed, too. ERR_INPUT for what is no network. */
int guard_new(struct guard **out, char *const *allowed, bool http, struct err *err) ERR_MUST_USE;
/* For URLs of the operator: these networks and no others, private or public. ERR_INPUT, also for an empty list: whoever wants to admit
 * everything has to write "0.0.0.0/0" and "::/0". */
int guard_new_listed(struct guard **out, char *const *networks, bool http, struct err *err) ERR_MUST_USE;
void guard_free(struct guard *g); /* accepts NULL */
bool guard_allows_http(const struct guard *g);
/* Public unicast of either family (not of a listed guard), or in an allowed network. Addresses that carry an IPv4 address (NAT64, 6to4, Teredo) are
 * refused unless allowed as such; mapped ones count as the IPv4 address that they are. */
bool guard_admits(const struct guard *g, const struct sockaddr *address);
/* For people: why an address is not admitted; that none is to which a name leads. */
const char *guard_refusal(const struct guard *g);
const char *guard_name_refusal(const struct guard *g);
/* A URL as a tenant gives it: https (or http), a host, no user or password, at most GUARD_URL_BYTES, a literal address that is
 * admitted, in every spelling that resolvers take (0x7f.1, 2130706433). ERR_INPUT "url" or "address" with a reason for people.
 * No I/O. */
int guard_check_url(const struct guard *g, struct str url, struct err *err) ERR_MUST_USE;
/* What a request needs to know of its URL beforehand. */
struct url_host {
	char name[URL_HOST_BYTES + 1]; /* to be looked up, as libcurl will ask for it; "": the URL has an address */
	int port;
};
/* guard_check_url(), and *out. */
int guard_host(const struct guard *g, struct str url, struct url_host *out, struct err *err) ERR_MUST_USE;
/* The same as guard_check_url(), and every address that its name resolves to now is admitted; blocks on DNS. ERR_INPUT "url" or "address"; ERR_RETRY
 * "dns". */
int guard_check_reachable(const struct guard *g, struct str url, struct err *err) ERR_MUST_USE;

#endif
