/* See write.h. */
#include "chat-sync/write/write.h"
#include "chat-sync/effect.h"
#include "chat-sync/write/tables.h"

int work_write(struct work *w, struct err *err)
{
	if (messages_write(w, err) < 0 || media_write(w, err) < 0 ||
		store_contacts_hold(w->pg, w->senders.at, w->senders.n, err) < 0 ||
		store_sender_renames_named(w->pg, w->sent.at, w->sent.n, err) < 0 || receipts_write(w, err) < 0 ||
		reactions_write(w, err) < 0 || unread_marks_write(w, err) < 0 || contacts_write(w, err) < 0 ||
		groups_write(w, err) < 0 || opt_outs_write(w, err) < 0 || templates_write(w, err) < 0 ||
		notices_write(w, err) < 0 || syncs_write(w, err) < 0 || parked_write(w, err) < 0)
		return -1;
	effects_number(w); /* sequence numbers go into the conversations that are stored next */
	return accounts_write(w, err) < 0 || conversations_write(w, err) < 0 ? -1 : 0;
}
