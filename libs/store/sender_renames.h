/* Reactions and receipts are stored under the name of their sender: a contact's uuid, or an alias of a sender that is
 * not a contact. When an alias becomes a contact's, or two contacts become one, what is stored under the old name is
 * renamed to the contact's uuid, in slices, since the time of one statement over all of it would have no bound. A row
 * of sender_renames exists until none is left.
 */
#ifndef STORE_SENDER_RENAMES_H
#define STORE_SENDER_RENAMES_H

#include "base/arena.h"
#include "store/messages.h"

struct sender_rename {
	int64_t workspace_id;
	struct str from; /* the old name */
	int64_t contact_id;
	struct str to; /* the contact's uuid as text */
	struct str topic; /* the owner of the contact's partition of this topic renames */
	int32_t partition;
};

/* What a batch stores for a contact on a message. */
struct sender_on_message {
	int64_t workspace_id, chat_id, contact_id;
};

/* Adds a row for each of which something is stored under the old name, unless a rename of that name is pending already;
 * begun[i]: it was added. Nothing is renamed yet. */
int store_sender_renames_begin(struct pg *pg, const struct sender_rename *renames, size_t n, bool *begun,
	struct err *err) ERR_MUST_USE;
/* Renames at most `limit` (> 0) rows stored under these old names, with the others of the same messages. Deletes
 * renames that have no rows left; the others go to the end of the queue. A message that another transaction is moving
 * or collapsing is left for a later step. Returns how many rows were found, -1 on failure. */
int store_sender_renames_step(struct pg *pg, const struct sender_rename *renames, size_t n, int limit,
	struct err *err) ERR_MUST_USE;
/* The contact of the pending rename in these partitions of a topic whose last turn is longest ago; 0 in *contact_id:
 * none is pending. */
int store_sender_renames_due(struct pg *pg, struct str topic, const int32_t *partitions, size_t n,
	int64_t *workspace_id, int64_t *contact_id, struct err *err) ERR_MUST_USE;
/* The names that are being renamed to this contact, at most `limit`: those whose last turn is longest ago. */
int store_sender_renames_of(struct pg *pg, int64_t workspace_id, int64_t contact_id, int limit, struct arena *a,
	struct str **names, size_t *n, struct err *err) ERR_MUST_USE;
/* Contact `from` was merged into `into`: redirects its pending renames to `into`. */
int store_sender_renames_redirect(struct pg *pg, int64_t workspace_id, int64_t from, int64_t into,
	struct err *err) ERR_MUST_USE;
/* Renames what pending renames to these contacts have left on these messages. What it reads for a row: up to 32 pending
 * renames of the contact, and when it has more what is stored on the message. Sorts the rows. */
int store_sender_renames_named(struct pg *pg, struct sender_on_message *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
