/* See fold.h. Invariant: an op is folded by the row of its kind, and every kind that can become an op has one. */
#include "chat-sync/fold/fold.h"
#include "chat-sync/fold/account.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/fold/edit.h"
#include "chat-sync/fold/erase.h"
#include "chat-sync/fold/message.h"
#include "chat-sync/fold/people.h"
#include "chat-sync/fold/reaction.h"
#include "chat-sync/fold/status.h"
#include "chat-sync/fold/sync.h"
#include "chat-sync/identity/contact.h"

#include <assert.h>

const struct op_fold ops_folds[IN_KINDS] = {
	[IN_MESSAGE] = { .fold = fold_message },
	[IN_STATUS] = { .fold = fold_status },
	[IN_EDIT] = { .fold = fold_edit },
	[IN_REVOKE] = { .fold = fold_revoke },
	[IN_REACTION] = { .fold = fold_reaction },
	[IN_POLL_VOTE] = { .ask = fold_poll_vote },
	[IN_GROUP_CHANGE] = { .fold = fold_group_change },
	[IN_CHAT_STATE] = { .fold = fold_chat_state },
	[IN_SYNC_CHAT] = { .fold = fold_sync_chat },
	[IN_SYNC_BATCH_END] = { .fold = fold_sync_end },
	[IN_HISTORY_STATE] = { .fold = fold_history_state },
	[IN_CONTACT] = { .fold = fold_contact },
	[IN_IDENTITY_CHANGE] = { .ask = fold_identity_change },
	[IN_OPT_OUT] = { .fold = fold_opt_out },
	[IN_SESSION_STATE] = { .fold = fold_session },
	[IN_ACCOUNT_NOTICE] = { .fold = fold_notice },
	[IN_TEMPLATE_STATUS] = { .fold = fold_template },
	[IN_READ_MARKER] = { .fold = fold_read_marker },
	[IN_MESSAGE_DELETE] = { .fold = fold_message_delete },
	[IN_DISPATCH] = { .fold = fold_dispatch },
	[IN_CONTACT_ERASE] = { .ask = fold_contact_erase },
};

/* A message updates names only when it is new, or becomes live: the name in a repeat or in history may be an old one. */
static bool op_updates_names(const struct op *op)
{
	const struct message *m = op->row;

	if (op->kind != IN_MESSAGE)
		return true;
	return m && ((m->inserted && !op->duplicate) || (op->origin == ORIGIN_LIVE && m->row.origin != ORIGIN_LIVE));
}

static int op_apply(struct work *w, struct op *op, struct err *err)
{
	const struct op_fold *row = &ops_folds[op->kind];

	if (op_updates_names(op)) {
		if (op->peer)
			person_apply_name(w, op->peer);
		if (op->author)
			person_apply_name(w, op->author);
	}
	effect_add_people(w, op);
	if (row->ask)
		return row->ask(w, op, err);
	assert(row->fold);
	row->fold(w, op);
	return 0;
}

static bool is_merge(const struct op *op)
{
	return op->kind == IN_IDENTITY_CHANGE && op->event->u.identity_change.kind == IDENTITY_MERGED;
}

/* Conversations merge last: contact.merged is the last event of the merged conversation. */
int ops_fold(struct work *w, struct err *err)
{
	for (size_t i = 0; i < w->ops.n; i++)
		if (!is_merge(w->ops.at[i]) && op_apply(w, w->ops.at[i], err) < 0)
			return -1;
	for (size_t i = 0; i < w->ops.n; i++) {
		struct op *op = w->ops.at[i];

		if (!is_merge(op))
			continue;
		op->order += w->ops.n;
		if (op_apply(w, op, err) < 0)
			return -1;
	}
	return 0;
}
