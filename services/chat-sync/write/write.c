/* See write.h. */
#include "chat-sync/write/write.h"
#include "chat-sync/effect.h"
#include "chat-sync/write/tables.h"

int work_write(struct work *w, struct err *err)
{
	if (messages_write(w, err) < 0 || media_write(w, err) < 0)
		return -1;
	if (store_contacts_hold(w->pg, w->sender_contacts.at, w->sender_contacts.n, err) < 0 ||
		store_sender_renames_named(w->pg, w->sender_messages.at, w->sender_messages.n, err) < 0 ||
		receipts_write(w, err) < 0 || reactions_write(w, err) < 0)
		return -1;
	if (unread_marks_write(w, err) < 0 || contacts_write(w, err) < 0 || groups_write(w, err) < 0 ||
		opt_outs_write(w, err) < 0 || templates_write(w, err) < 0 || notices_write(w, err) < 0 ||
		syncs_write(w, err) < 0 || parked_write(w, err) < 0)
		return -1;
	effects_assign_sequences(w); /* into the conversations, which are written last */
	return accounts_write(w, err) < 0 || conversations_write(w, err) < 0 ? -1 : 0;
}
