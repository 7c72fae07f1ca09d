/* The unauthenticated requests of each source address: their number, and the bytes of their bodies. By these counts one
 * source is limited to a share of the memory. */
#ifndef INGEST_SOURCES_H
#define INGEST_SOURCES_H

#include "base/str.h"

struct source {
	uint8_t key[16]; /* address_key() */
	size_t key_n;
	size_t requests, bytes;
};

struct sources;

struct sources *sources_new(void);
void sources_free(struct sources *s); /* no request may be counted any more */
/* The source's requests and bytes; zeros when it has none. */
struct source sources_look(const struct sources *s, struct str key);
/* Counts one more request. The entry is freed when the last request of the source has left. */
struct source *sources_enter(struct sources *s, struct str key);
/* Subtracts one request and its bytes, and sets *source to NULL. No effect if it is NULL already. */
void sources_leave(struct sources *s, struct source **source, size_t bytes);

#endif
