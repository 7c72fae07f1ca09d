/* Addresses and networks of both families. Pure.
 *
 * Invariant: an address is sixteen bytes, with IPv4 mapped into IPv6 (::ffff:a.b.c.d), so that both spellings are
 * equal.
 */
#ifndef HTTP_NETWORKS_H
#define HTTP_NETWORKS_H

#include "base/err.h"
#include "base/str.h"

#define IP_BYTES 16

bool ip_parse(struct str text, uint8_t out[static IP_BYTES]); /* dotted decimal, or IPv6 without a zone */
bool ip_is_v4(const uint8_t address[static IP_BYTES]);

struct networks;

struct networks *networks_new(void);
void networks_free(struct networks *n); /* accepts NULL */
/* "10.0.0.0/8", "2001:db8::/32", "127.0.0.1". ERR_INPUT "config" quotes a text that is not a network. */
int networks_add(struct networks *n, struct str network, struct err *err) ERR_MUST_USE;
/* From a list setting: NULL-terminated; NULL: no networks. */
int networks_parse(struct networks **out, char *const *list, struct err *err) ERR_MUST_USE;
bool networks_have(const struct networks *n, const uint8_t address[static IP_BYTES]);

#endif
