/* The open part of a message, chats.metadata: {"body", "media", "location", "quoted", "error", "sender_name", "extra", "source_time",
 * "votes"}; of a call also "outcome", "steps" and "duration".
 * Written once when the message comes; later changes rewrite single members. */
#ifndef CHAT_SYNC_METADATA_METADATA_H
#define CHAT_SYNC_METADATA_METADATA_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/inbound.h"

/* All in the arena. suspect_ms: the source's time when it is not believed and another one counts; else 0. */
struct str metadata_of(const struct in_message *m, int64_t suspect_ms, struct buf *scratch, struct arena *a);
/* The text a metadata object shows; absent when there is none. */
struct str metadata_body(struct str metadata, struct arena *a);
/* A member as JSON; absent when there is none. */
struct str metadata_get(struct str metadata, const char *name, struct arena *a);
/* The same object with `name` set to json_value (absent: removed). */
struct str metadata_set(struct str metadata, const char *name, struct str json_value, struct arena *a);
/* The same object with the members of another one set. */
struct str metadata_merge(struct str base, struct str set, struct arena *a);
struct str metadata_set_body(struct str metadata, struct str body, struct arena *a);
struct str metadata_error(const struct provider_error *e,
	struct arena *a); /* JSON of an error; absent when it says nothing */

#endif
