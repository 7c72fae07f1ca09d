/* chats.metadata, the JSON object of a message: {"body", "media", "location", "quoted", "error", "sender_name", "extra", "source_time",
 * "votes"}; of a call also "outcome", "steps" and "duration". Made when the message is inserted; later events replace single members.
 * Pure; results are in the arena. */
#ifndef CHAT_SYNC_METADATA_METADATA_H
#define CHAT_SYNC_METADATA_METADATA_H

#include "base/arena.h"
#include "base/buf.h"
#include "wire/inbound.h"

/* suspect_ms: the source's time when it is not trusted, for "source_time"; else 0. */
struct str metadata_of(const struct in_message *m, int64_t suspect_ms, struct buf *scratch, struct arena *a);
/* The "body"; absent when there is none. */
struct str metadata_body(struct str metadata, struct arena *a);
/* A member as JSON; absent when there is none. */
struct str metadata_get(struct str metadata, const char *name, struct arena *a);
/* The same object with `name` set to json_value (absent: removed). */
struct str metadata_set(struct str metadata, const char *name, struct str json_value, struct arena *a);
/* The same object with each member of `set` set. */
struct str metadata_merge(struct str base, struct str set, struct arena *a);
struct str metadata_set_body(struct str metadata, struct str body, struct arena *a);
struct str metadata_error(const struct provider_error *e,
	struct arena *a); /* JSON of an error; absent when it has neither code nor title */

#endif
