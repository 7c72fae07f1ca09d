/* The source address of a request that came through proxies. Pure.
 *
 * X-Forwarded-For is read from right to left, as far as trusted proxies wrote it: the first address from the right that
 * is not a trusted proxy is the source. Addresses that the client itself sent in the header are further left and are
 * never reached.
 */
#ifndef INGEST_PROXIES_H
#define INGEST_PROXIES_H

#include "http/networks.h"

/* The source's address as text, borrowed from peer or forwarded (the header; absent: none). */
struct str proxies_source(const struct networks *trusted, struct str peer, struct str forwarded);

/* An address as a key for limits: the four bytes of IPv4, or the first eight of IPv6, because a subscriber has a /64.
 * Any other text is used as it is, up to 16 bytes. Returns the number of bytes written to out. */
size_t address_key(struct str address, uint8_t out[static 16]);

#endif
