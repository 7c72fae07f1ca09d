/* See sender_rename.h. */
#include "chat-sync/identity/sender_rename.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/senders.h"

struct sender_rename sender_rename_of(struct work *w, const struct op *op, struct str from, const struct contact *c)
{
	return (struct sender_rename){ .workspace_id = c->row.workspace_id,
		.from = from,
		.contact_id = c->row.id,
		.to = uuid_str(w, &c->row.uuid),
		.topic = str_of(w->topics[INBOUND]),
		.partition = op_partition(w, op).number };
}

struct sender_rename alias_sender_rename(struct work *w, const struct person *p, const struct alias_row *alias,
	const struct contact *c)
{
	return sender_rename_of(w, p->op, alias_text(w, p->party, alias->kind), c);
}

int alias_rename_senders(struct work *w, const struct person *p, const struct alias_row *alias, const struct contact *c,
	struct err *err)
{
	const struct sender_rename rename = alias_sender_rename(w, p, alias, c);

	return senders_rename(w, &rename, 1, err);
}
