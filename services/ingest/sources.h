/* What strangers hold, by source address: requests that are not authenticated yet, and the bytes of their bodies. So one source
 * has a share of the room and not all of it. */
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
void sources_free(struct sources *s); /* nobody holds anything any more */
/* The source's requests and bytes now; zeros when it holds nothing. */
struct source sources_look(const struct sources *s, struct str key);
/* One request more. The entry lives until as many have left, so that there are never more than there are requests. */
struct source *sources_enter(struct sources *s, struct str key);
/* One request less, and its bytes. Sets *source NULL; harmless where it is. */
void sources_leave(struct sources *s, struct source **source, size_t bytes);

#endif
