/* See reaction.h. */
#include "chat-sync/fold/reaction.h"
#include "chat-sync/fold/message_effects.h"
#include "chat-sync/fold/sender.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/metadata/vote.h"
#include "chat-sync/report.h"

/* In a conversation with one contact an inbound reaction need not name its sender. */
static struct sender reaction_sender(struct work *w, const struct op *op, enum direction d)
{
	if (d == DIR_OUTBOUND)
		return (struct sender){ .key = STR("me") };
	if (op->author || op->peer)
		return sender_of(w, op->author ? op->author : op->peer);
	return (struct sender){ .key = STR("unknown") };
}

void fold_reaction(struct work *w, struct op *op)
{
	const struct in_reaction *r = &op->event->u.reaction;
	struct reaction_row row;
	struct sender sender;

	if (!op->row) {
		op->waits = true;
		return;
	}
	sender = reaction_sender(w, op, r->direction);
	row = (struct reaction_row){
		.workspace_id = op->row->row.workspace_id,
		.chat_id = op->row->row.id,
		.sender = sender.key,
		.before = sender.previous_key,
		.emoji = r->emoji,
		.at_us = op->time_us,
		.timed = op->timed,
	};
	sender_messages_add(w, &op->row->row, &sender);
	if (sender.contact) {
		*LIST_ADD(w, &w->sender_contacts) = &sender.contact->row;
		*LIST_ADD(w, &w->reaction_senders) =
			(struct sender_change){ row.workspace_id, row.chat_id, sender.alias, sender.key };
	}
	if (w->isolating) {
		*LIST_ADD(w, &w->each_reaction) = row;
		*LIST_ADD(w, &w->each_reaction_ops) = op;
	}
	for (size_t i = 0; i < w->reactions.n; i++) {
		struct reaction_row *have = &w->reactions.at[i];

		if (have->chat_id != row.chat_id || !str_eq(have->sender, row.sender))
			continue;
		if (row.at_us >= have->at_us) {
			*have = row;
			w->reaction_ops.at[i] = op;
		}
		return;
	}
	*LIST_ADD(w, &w->reactions) = row;
	*LIST_ADD(w, &w->reaction_ops) = op;
}

void effect_add_reaction(struct work *w, struct op *op)
{
	const struct in_reaction *r = &op->event->u.reaction;
	struct effect *e = message_effect(w, op, op->row, CE_MESSAGE_REACTION);

	e->event.u.message_reaction.message_id = op->row->row.id;
	e->event.u.message_reaction.message_uuid = e->subject;
	e->event.u.message_reaction.sender = r->sender;
	e->event.u.message_reaction.from_me = r->direction == DIR_OUTBOUND;
	e->event.u.message_reaction.emoji = r->emoji;
}

/* All keys under which the voter's vote may be stored: the contact's uuid, the alias in the event, the uuids of merged contacts. */
static int voter_names(struct work *w, const struct sender *s, struct voter *out, struct err *err)
{
	struct uuid *merged = NULL;
	size_t n = 0;
	struct str *names;

	if (s->contact && s->contact->row.merges > 0 &&
		store_contacts_merged(w->pg, s->contact->row.workspace_id, s->contact->row.id, w->arena, &merged, &n,
			err) < 0)
		return -1;
	names = ARENA_ARRAY(w->arena, struct str, n + 2);
	*out = (struct voter){ names, 0 };
	names[out->n++] = s->key;
	if (s->contact)
		names[out->n++] = s->alias;
	for (size_t i = 0; i < n; i++)
		names[out->n++] = uuid_str(w, &merged[i]);
	return 0;
}

int fold_poll_vote(struct work *w, struct op *op, struct err *err)
{
	const struct in_poll_vote *p = &op->event->u.poll_vote;
	struct message *m = op->row;
	struct sender sender;
	enum vote_effect effect;
	struct voter voter;
	struct str theirs;
	struct effect *e;

	if (!m) {
		op->waits = true;
		return 0;
	}
	sender = reaction_sender(w, op, p->direction);
	if (sender.previous_key.n > 0 &&
		metadata_vote(m->row.metadata, (struct voter){ &sender.previous_key, 1 }, p->options, p->n_options,
			op->time_us / 1000, w->arena, &theirs) == VOTE_OLD)
		return 0; /* a repeat of the previous holder's vote */
	if (voter_names(w, &sender, &voter, err) < 0)
		return -1;
	effect = metadata_vote(m->row.metadata, voter, p->options, p->n_options, op->time_us / 1000, w->arena,
		&m->row.metadata);
	if (effect == VOTE_OVER_LIMIT)
		report_over_limit(w->report, "votes", 1);
	if (effect != VOTE_STORED)
		return 0;
	m->dirty = true;
	e = message_effect(w, op, m, CE_MESSAGE_REACTION);
	e->event.u.message_reaction.message_id = m->row.id;
	e->event.u.message_reaction.message_uuid = e->subject;
	e->event.u.message_reaction.sender = p->voter;
	e->event.u.message_reaction.from_me = p->direction == DIR_OUTBOUND;
	e->event.u.message_reaction.vote = true;
	e->event.u.message_reaction.options = p->options;
	e->event.u.message_reaction.n_options = p->n_options;
	return 0;
}
