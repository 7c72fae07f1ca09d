/* What the two routes of Blazz's bridge contract share (README.md, Bridge contract): a chat, a time, a message. Pure.
 *
 * A reader returns false when the item must be rejected or ignored, and fills *fault; its path is relative to the item.
 */
#ifndef INGEST_BRIDGE_H
#define INGEST_BRIDGE_H

#include "ingest/dialects/sync_batch.h"

#define BRIDGE_MAX_BODY_CHARACTERS 65536 /* code points */

struct bridge_fault {
	struct str path;
	const char *message; /* NULL: the item is valid, but to be ignored */
	const char *ignored; /* the kind under which an ignored item is counted */
};

/* The two routes' names for the members of a message. */
struct bridge_words {
	const char *body, *type;
	bool empty_body; /* the body may be empty even without media */
};

/* type_member: "chat_type" or "type". */
bool bridge_chat(struct arena *a, const json *item, const char *type_member, struct chat_ref *out,
	struct bridge_fault *fault);
/* Integer seconds to ms; absent or null: 0. */
bool bridge_time(const json *item, const char *member, int64_t *ms, struct bridge_fault *fault);
/* Reads a message of that chat. */
bool bridge_message(struct arena *a, const json *item, const struct bridge_words *words, const struct chat_ref *chat,
	struct in_history_message *out, struct bridge_fault *fault);
/* Sets the message's key. False for a message with neither id nor time: its key would match every message with the same
 * text. */
bool bridge_key(struct arena *a, struct in_history_message *m, struct str id, struct bridge_fault *fault);
/* Reads a chat of a batch: fills state, time and messages of the item. */
bool bridge_sync_chat(struct arena *a, const json *chat, struct sync_item *item, struct bridge_fault *fault);
struct party bridge_person(struct arena *a, const json *address, const json *name);

#endif
