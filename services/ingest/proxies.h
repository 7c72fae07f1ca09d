/* Who really sent a request that came through proxies. Pure.
 *
 * X-Forwarded-For is believed from right to left, as far as trusted proxies wrote it: the first address from the right that is
 * no trusted proxy is the source. What a client writes into the header itself stands further left and is never reached.
 */
#ifndef INGEST_PROXIES_H
#define INGEST_PROXIES_H

#include "http/networks.h"

/* The source's address as text, borrowed from peer or forwarded (the header; absent: none). */
struct str proxies_source(const struct networks *trusted, struct str peer, struct str forwarded);

/* An address as a key for limits: IPv4's four bytes, or IPv6's first eight, as a subscriber has a /64. Anything else is taken as
 * it is, up to 16 bytes. Returns how many bytes of out are set. */
size_t address_key(struct str address, uint8_t out[static 16]);

#endif
