/* Reactions and receipts follow their sender when an alias becomes a contact's or two contacts become one: in slices, as messages do
 * (merging.c). Invariant: what a batch stores for a contact on a message meets what is stored there under the contact's other names.
 *
 * The owner of the partition that found out renames, on messages of all accounts. Batches that store for the contact hold it
 * (contacts_hold), so a step that has locked it meets none of them at its rows; it locks nothing before, and no second contact.
 */
#include "chat-sync/work.h"

/* As much as this transaction may still rename. */
static int rename_some(struct work *w, const struct sender_rename *rename, struct err *err)
{
	int n = 1;

	while (w->merging->left > 0 && n > 0) {
		n = sender_rename_step(w->pg, rename, w->merging->left, err);
		if (n < 0)
			return -1;
		w->merging->left -= n;
	}
	return 0;
}

int senders_rename(struct work *w, const struct sender_rename *renames, size_t n, struct err *err)
{
	bool *begun = ARENA_ARRAY(w->arena, bool, n);

	if (sender_renames_begin(w->pg, renames, n, begun, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (begun[i] && rename_some(w, &renames[i], err) < 0)
			return -1;
	return 0;
}

static void keep_merged_into(void *ctx, const struct contact_row *row)
{
	*(int64_t *)ctx = row->merged_into;
}

int senders_step(struct work *w, const int32_t *partitions, size_t n, struct err *err)
{
	struct sender_rename rename;
	int64_t merged_into = 0;
	bool any;

	if (sender_renames_due(w->pg, str_of(w->topics[INBOUND]), partitions, n, w->arena, &rename, &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	if (contacts_lock(w->pg, rename.workspace_id, &rename.contact_id, 1, w->arena, keep_merged_into, &merged_into,
		    err) < 0)
		return -1;
	if (merged_into) /* meanwhile: the next step renames */
		return sender_renames_redirect(w->pg, rename.workspace_id, rename.contact_id, merged_into, err) < 0 ? -1
														    : 1;
	return rename_some(w, &rename, err) < 0 ? -1 : 1;
}
