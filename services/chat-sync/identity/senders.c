/* When an alias is assigned to a contact, or two contacts merge, the reactions and receipts stored under the alias or the merged contact are
 * renamed to the contact: in slices, as messages move (resolve/merging.c). Invariant: before a batch stores a reaction or receipt of a contact
 * on a message, the contact's rows under other keys on that message are renamed.
 *
 * The owner of the partition that found the merge renames, on messages of all accounts. A batch that stores rows of the contact locks it against
 * merges (store_contacts_hold), a slice locks it for update, before anything else, and locks no second contact: so the two never write the same
 * rows at once. A slice skips messages that their account's partition is moving or collapsing instead of waiting for them, since that
 * partition may wait for the contact; they are renamed later.
 */
#include "chat-sync/identity/senders.h"
#include "chat-sync/identity/alias.h"

#define NAMES_MAX 100 /* old keys in one slice: many have only a row or two */

/* Renames as many rows as the transaction's budget allows. */
static int rename_some(struct work *w, const struct sender_rename *renames, size_t n, struct err *err)
{
	int done = w->merging->budget > 0 ? store_sender_renames_step(w->pg, renames, n, w->merging->budget, err) : 0;

	if (done < 0)
		return -1;
	w->merging->budget -= done;
	return 0;
}

int senders_rename(struct work *w, const struct sender_rename *renames, size_t n, struct err *err)
{
	struct sender_rename *new_ones = ARENA_ARRAY(w->arena, struct sender_rename, n);
	bool *begun = ARENA_ARRAY(w->arena, bool, n);
	size_t n_new = 0;

	if (store_sender_renames_begin(w->pg, renames, n, begun, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (begun[i])
			new_ones[n_new++] = renames[i];
	return rename_some(w, new_ones, n_new, err);
}

static void contact_row_read(void *ctx, const struct contact_row *row)
{
	*(struct contact_row *)ctx = *row;
}

/* The contact must be locked. */
static int contact_step(struct work *w, const struct contact_row *to, struct err *err)
{
	struct sender_rename *renames;
	struct str *names;
	size_t n;

	if (store_sender_renames_of(w->pg, to->workspace_id, to->id, NAMES_MAX, w->arena, &names, &n, err) < 0)
		return -1;
	renames = ARENA_ARRAY(w->arena, struct sender_rename, n);
	for (size_t i = 0; i < n; i++)
		renames[i] = (struct sender_rename){ .workspace_id = to->workspace_id,
			.from = names[i],
			.contact_id = to->id,
			.to = uuid_str(w, &to->uuid) };
	return rename_some(w, renames, n, err);
}

int senders_step(struct work *w, const int32_t *partitions, size_t n, struct err *err)
{
	int64_t workspace_id, contact_id;
	struct contact_row to = { 0 };
	int rc;

	if (store_sender_renames_due(w->pg, str_of(w->topics[INBOUND]), partitions, n, &workspace_id, &contact_id,
		    err) < 0)
		return -1;
	if (contact_id == 0)
		return 0;
	if (store_contacts_lock(w->pg, workspace_id, &contact_id, 1, w->arena, contact_row_read, &to, err) < 0)
		return -1;
	if (to.merged_into) /* since the rename began: the next slice renames to the surviving contact */
		rc = store_sender_renames_redirect(w->pg, workspace_id, contact_id, to.merged_into, err);
	else
		rc = contact_step(w, &to, err);
	return rc < 0 ? -1 : 1;
}
