/* What the two routes of our bridge contract share (README.md, Bridge contract): a chat, a time, a message. Pure.
 *
 * A reader answers false when the item cannot be taken, and says why; the path is relative to the item.
 */
#ifndef INGEST_BRIDGE_H
#define INGEST_BRIDGE_H

#include "ingest/dialects/sync_batch.h"

#define BRIDGE_MAX_BODY_CHARACTERS 65536 /* code points */

struct bridge_fault {
	struct str path;
	const char *message; /* NULL: nothing is wrong, it is no chat of ours */
	const char *ignored; /* as what that is counted */
};

/* How the two routes name the members of a message. */
struct bridge_words {
	const char *body, *type;
	bool empty_body; /* without media too */
};

/* type_member: "chat_type" or "type". */
bool bridge_chat(struct arena *a, const json *item, const char *type_member, struct chat_ref *out,
	struct bridge_fault *fault);
/* Integer seconds to ms; absent or null: 0. */
bool bridge_time(const json *item, const char *member, int64_t *ms, struct bridge_fault *fault);
/* A message of that chat. */
bool bridge_message(struct arena *a, const json *item, const struct bridge_words *words, const struct chat_ref *chat,
	struct in_history_message *out, struct bridge_fault *fault);
/* The key of a message without id and time would fit every message that says the same: false then. */
bool bridge_key(struct arena *a, struct in_history_message *m, struct str id, struct bridge_fault *fault);
/* A chat of a batch: fills state, time and messages of the item. */
bool bridge_sync_chat(struct arena *a, const json *chat, struct sync_item *item, struct bridge_fault *fault);
struct party bridge_person(struct arena *a, const json *address, const json *name);

#endif
