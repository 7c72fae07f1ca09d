/* See sender.h. */
#include "chat-sync/fold/sender.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/contact.h"

struct sender sender_of(struct work *w, const struct person *p)
{
	struct sender s = { .alias = sender_text(w, p->party, NULL), .contact = contact_final(w, p->contact) };

	s.key = s.contact ? uuid_str(w, &s.contact->row.uuid) : s.alias;
	if (p->stored_holder) {
		s.previous = contact_final(w, p->stored_holder);
		s.previous_key = uuid_str(w, &s.previous->row.uuid);
	}
	return s;
}

void sender_messages_add(struct work *w, const struct message_row *m, const struct sender *s)
{
	const struct contact *contacts[] = { s->contact, s->previous };

	for (size_t i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++)
		if (contacts[i])
			*LIST_ADD(w, &w->sender_messages) =
				(struct sender_on_message){ m->workspace_id, m->id, contacts[i]->row.id };
}
