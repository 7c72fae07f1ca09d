/* Messages and what happens to them, folded by the rules into what is in memory. */
#include "chat-sync/fold/message.h"
#include "chat-sync/effect.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/metadata.h"
#include "chat-sync/report.h"
#include "chat-sync/resolve/messages.h"

#include <assert.h>

/* notes */

static struct message_view message_view(struct message *m, struct str body)
{
	const struct message_row *r = &m->row;

	return (struct message_view){
		.id = r->id,
		.uuid = *message_uuid(m, m->conversation->account),
		.key = r->key,
		.provider_id = r->wam_id,
		.client_message_id = r->client_message_id,
		.direction = r->direction,
		.type = r->type,
		.status = r->status,
		.body = body,
		.sent_at_ms = r->sent_us / 1000,
		.is_read = m->conversation->row.last_read_us != PG_NO_TIME &&
			r->sent_us <= m->conversation->row.last_read_us,
		.placeholder = r->placeholder,
		.metadata = r->metadata,
	};
}

static struct effect *message_effect(struct work *w, struct op *op, struct message *m, enum chat_event_kind kind)
{
	return effect_new(w, op, m->conversation, kind, message_uuid(m, op->account));
}

static void note_created(struct work *w, struct op *op, struct message *m, struct str body)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_CREATED);

	e->event.u.message_created.message = message_view(m, body);
	e->event.u.message_created.message.media = op->message->media;
	e->event.u.message_created.message.location = op->message->location;
	e->event.u.message_created.message.quoted = op->message->quoted;
	if (m->conversation->contact)
		e->event.u.message_created.contact = contact_view(m->conversation->contact);
	if (m->conversation->group)
		e->event.u.message_created.group = group_view(m->conversation->group);
	if (op->author && op->author->contact)
		e->event.u.message_created.sender = contact_view(op->author->contact);
}

static void note_edited(struct work *w, struct op *op, struct message *m, struct str body, bool filled)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_EDITED);

	e->event.u.message_edited.message_id = m->row.id;
	e->event.u.message_edited.message_uuid = e->subject;
	e->event.u.message_edited.body = body;
	e->event.u.message_edited.edited_at_ms = op->time_us / 1000;
	e->event.u.message_edited.filled = filled;
	if (filled)
		e->event.u.message_edited.message = message_view(m, metadata_body(m->row.metadata, w->arena));
}

static void note_revoked(struct work *w, struct op *op, struct message *m, bool for_us_only)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_REVOKED);

	e->event.u.message_revoked.message_id = m->row.id;
	e->event.u.message_revoked.message_uuid = e->subject;
	e->event.u.message_revoked.revoked_at_ms = op->time_us / 1000;
	e->event.u.message_revoked.for_us_only = for_us_only;
}

static void note_status(struct work *w, struct op *op, struct message *m, const struct in_status *s)
{
	struct effect *e = message_effect(w, op, m, CE_MESSAGE_STATUS);

	e->event.u.message_status.message_id = m->row.id;
	e->event.u.message_status.message_uuid = e->subject;
	e->event.u.message_status.status = s ? s->status : m->row.status;
	e->event.u.message_status.at_ms = op->time_us / 1000;
	e->event.u.message_status.client_message_id = m->row.client_message_id;
	if (s) {
		e->event.u.message_status.error = s->error;
		e->event.u.message_status.participant = s->participant;
		e->event.u.message_status.extra = s->extra;
	}
}

/* messages */

static void conversation_take_message(struct work *w, struct op *op, struct message *m)
{
	struct conversation_row *v = &m->conversation->row;
	const struct message_row *r = &m->row;

	if (v->last_message_us == PG_NO_TIME || r->sent_us >= v->last_message_us) {
		v->last_message_us = r->sent_us;
		v->last_message_id = r->id;
		v->last_sender = arena_str(w->cache->arena,
			r->direction == DIR_OUTBOUND ? STR("me")
				: op->author         ? r->sender
				: op->peer           ? sender_text(w, op->peer->party, op->peer->contact)
						     : STR_NONE);
	}
	if (r->direction == DIR_INBOUND && (v->last_inbound_us == PG_NO_TIME || r->sent_us > v->last_inbound_us))
		v->last_inbound_us = r->sent_us;
	if (message_is_unread(r, v->last_read_us))
		v->unread++;
	if (r->direction == DIR_INBOUND && r->origin == ORIGIN_SYNC && r->sent_us > m->conversation->newest_sync_us)
		m->conversation->newest_sync_us = r->sent_us;
	conversation_touch(w, m->conversation);
}

static void message_take_media(struct work *w, const struct message *m, const struct media *media)
{
	if (media->present)
		*LIST_ADD(w, &w->media) = (struct media_row){ .workspace_id = m->row.workspace_id,
			.chat_id = m->row.id,
			.provider_media_id = media->provider_media_id,
			.mime = media->mime,
			.sha256 = media->sha256,
			.file_name = media->file_name,
			.url = media->url,
			.size_bytes = media->size_bytes };
}

/* What happened to a message stays with it when its content comes anew. */
static struct str metadata_keep(struct work *w, struct str metadata, const struct message_row *r)
{
	static const char *const kept[] = { "votes", "outcome", "steps", "duration" };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct str value = metadata_get(r->metadata, kept[i], w->arena);

		if (value.p)
			metadata = metadata_set(metadata, kept[i], value, w->arena);
	}
	if (r->edited_us != PG_NO_TIME)
		metadata = metadata_set_body(metadata, metadata_body(r->metadata, w->arena), w->arena);
	if (r->status == STATUS_FAILED)
		metadata = metadata_set(metadata, "error", metadata_get(r->metadata, "error", w->arena), w->arena);
	return metadata;
}

/* Content of a better copy; an edit that came before it stays. */
static void message_take_content(struct work *w, struct op *op, struct message *m)
{
	const struct in_message *in = op->message;

	m->row.metadata = metadata_keep(w, metadata_of(in, op->suspect_ms, w->scratch, w->arena), &m->row);
	m->row.type = in->type == MSG_NONE ? MSG_UNKNOWN : in->type;
	m->row.placeholder = in->placeholder;
	m->row.sent_us = op->time_us;
	if (op->origin == ORIGIN_LIVE)
		m->row.origin = ORIGIN_LIVE;
	if (op->author)
		m->row.sender = author_text(w, op->author);
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
}

static void message_becomes_live(struct work *w, struct message *m)
{
	m->row.origin = ORIGIN_LIVE;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
}

static void take_missing(struct message *m, struct str *have, struct str got)
{
	if (have->p || got.n == 0)
		return;
	*have = got;
	m->dirty = true;
}

/* What only one of the copies says. */
static void message_take_ids(struct message *m, const struct op *op)
{
	take_missing(m, &m->row.wam_id, op->message->provider_id);
	take_missing(m, &m->row.client_message_id, op->message->client_message_id);
	if (m->row.user_id == 0 && op->user_id != 0) {
		m->row.user_id = op->user_id;
		m->dirty = true;
	}
}

/* A sync counts what it brings by its own mark, whether history brought it before or not. */
static void message_take_sync(struct work *w, const struct op *op, struct message *m)
{
	if (op->origin != ORIGIN_SYNC || m->row.origin != ORIGIN_HISTORY)
		return;
	m->row.origin = ORIGIN_SYNC;
	m->dirty = true;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	if (m->row.direction == DIR_INBOUND && m->row.sent_us > m->conversation->newest_sync_us)
		m->conversation->newest_sync_us = m->row.sent_us;
}

/* A further step of a call: its row is as old as its first one. True when the call reads otherwise now. */
static bool message_take_call(struct work *w, const struct op *op, struct message *m)
{
	struct str before = m->row.metadata;
	bool moved = metadata_call(before, &op->event->u.call, w->arena, &m->row.metadata);

	m->dirty = m->dirty || !str_eq(before, m->row.metadata);
	if (op->time_us >= m->row.sent_us)
		return moved;
	m->row.sent_us = op->time_us;
	m->dirty = true;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	return moved;
}

static void fold_copy(struct work *w, struct op *op, struct message *m)
{
	enum copy_effect effect = copy_effect(&m->row, op->origin, op->message->placeholder);
	bool was_news = m->row.origin == ORIGIN_LIVE;
	bool moved = op->event->kind == IN_CALL && message_take_call(w, op, m);

	message_take_ids(m, op);
	message_take_sync(w, op, m);
	message_take_media(w, m, &op->message->media);
	if (effect == COPY_ANNOUNCES)
		message_becomes_live(w, m);
	else if (effect != COPY_NOTHING)
		message_take_content(w, op, m);
	if (!was_news && m->row.origin == ORIGIN_LIVE)
		note_created(w, op, m, metadata_body(m->row.metadata, w->arena));
	else if (effect != COPY_NOTHING || moved)
		note_edited(w, op, m, op->message->body, true);
	if (op->message->direction == DIR_OUTBOUND && op->message->status != STATUS_NONE &&
		message_take_status(&m->row, op->message->status, op->time_us)) {
		m->dirty = true;
		note_status(w, op, m, NULL);
	}
}

void fold_message(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m)
		return;
	if (!m->inserted || op->duplicate) {
		fold_copy(w, op, m);
		return;
	}
	fold_group_name(w, op);
	conversation_take_message(w, op, m);
	message_take_media(w, m, &op->message->media);
	note_created(w, op, m, op->message->body);
}

/* statuses */

static void status_take_error(struct work *w, struct message *m, const struct in_status *s)
{
	struct str error = s->status == STATUS_FAILED ? metadata_error(&s->error, w->arena) : STR_NONE;

	assert(m->row.metadata.p);
	m->row.metadata = metadata_set(m->row.metadata, "error", error, w->arena);
}

/* Who reacts, receives or votes: `key` names a contact whatever it is called by now, anybody else as the event does. Of a contact that
 * was none before something may still be stored as `alias`. */
struct sender {
	struct str key, alias;
	struct str before; /* key of whoever was called so before; absent: nobody */
	const struct contact *contact; /* NULL: nobody known */
	const struct contact *former; /* the one that `before` is the key of */
};

static struct sender sender_of(struct work *w, const struct person *p)
{
	struct sender s = { .alias = sender_text(w, p->party, NULL), .contact = contact_final(w, p->contact) };

	s.key = s.contact ? uuid_str(w, &s.contact->row.uuid) : s.alias;
	if (p->before) {
		s.former = contact_final(w, p->before);
		s.before = uuid_str(w, &s.former->row.uuid);
	}
	return s;
}

/* What these have sent about a message is compared with what comes. */
static void sent_add(struct work *w, const struct message_row *m, const struct sender *s)
{
	const struct contact *contacts[] = { s->contact, s->former };

	for (size_t i = 0; i < sizeof(contacts) / sizeof(contacts[0]); i++)
		if (contacts[i])
			*LIST_ADD(w, &w->sent) =
				(struct sender_on_message){ m->workspace_id, m->id, contacts[i]->row.id };
}

static void receipt_add(struct work *w, struct op *op, const struct message *m, const struct in_status *s)
{
	struct sender sender;

	if (s->status == STATUS_PENDING || s->status == STATUS_NONE)
		return;
	sender = sender_of(w, op->author);
	*LIST_ADD(w, &w->receipts) = (struct receipt_row){
		.workspace_id = m->row.workspace_id,
		.chat_id = m->row.id,
		.participant = sender.key,
		.before = sender.before,
		.status = s->status,
		.at_us = op->time_us,
	};
	*LIST_ADD(w, &w->receipt_ops) = op;
	sent_add(w, &m->row, &sender);
	if (!sender.contact)
		return;
	*LIST_ADD(w, &w->senders) = &sender.contact->row;
	*LIST_ADD(w, &w->receipt_senders) =
		(struct sender_change){ m->row.workspace_id, m->row.id, sender.alias, sender.key };
}

void fold_status(struct work *w, struct op *op)
{
	const struct in_status *s = &op->event->u.status;
	struct message *m = op->row;
	enum message_status before;
	int64_t delivered, read;

	if (!m) {
		op->waits = true;
		return;
	}
	if (s->status == STATUS_DELETED) {
		fold_revoke(w, op);
		return;
	}
	before = m->row.status;
	delivered = m->row.delivered_us;
	read = m->row.read_us;
	if (message_take_status(&m->row, s->status, op->time_us)) {
		if (s->status == STATUS_FAILED || before == STATUS_FAILED)
			status_take_error(w, m, s);
		note_status(w, op, m, s);
	}
	if (m->row.status != before || m->row.delivered_us != delivered || m->row.read_us != read)
		m->dirty = true;
	if (op->author)
		receipt_add(w, op, m, s);
}

/* A participant's receipt that did not move the message's own status is news of its own. */
void note_receipt(struct work *w, struct op *op)
{
	if (!op->changed)
		note_status(w, op, op->row, &op->event->u.status);
}

/* edits and revocations */

void fold_edit(struct work *w, struct op *op)
{
	const struct in_edit *e = &op->event->u.edit;
	struct message *m = op->row;
	bool same;

	if (!m) {
		op->waits = true;
		return;
	}
	if (!newest_wins(m->row.edited_us, op->time_us, metadata_body(m->row.metadata, w->arena), e->body))
		return;
	same = m->row.edited_us != PG_NO_TIME && str_eq(metadata_body(m->row.metadata, w->arena), e->body);
	m->row.edited_us = op->time_us;
	m->dirty = true;
	if (same)
		return; /* told again, with a later time */
	m->row.metadata = metadata_set_body(m->row.metadata, e->body, w->arena);
	note_edited(w, op, m, e->body, false);
}

/* The earliest revocation stays; only the first is news. */
void fold_revoke(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m) {
		op->waits = true;
		return;
	}
	if (m->row.revoked_us != PG_NO_TIME && op->time_us >= m->row.revoked_us)
		return;
	if (m->row.revoked_us == PG_NO_TIME)
		note_revoked(w, op, m, false);
	m->row.revoked_us = op->time_us;
	m->dirty = true;
}

void fold_message_delete(struct work *w, struct op *op)
{
	struct message *m = op->row;

	if (!m) {
		op->waits = true;
		return;
	}
	if (m->row.deleted_us != PG_NO_TIME)
		return;
	m->row.deleted_us = op->time_us;
	m->row.deleted_by = op->user_id;
	m->conversation->recount = true;
	conversation_touch(w, m->conversation);
	m->dirty = true;
	note_revoked(w, op, m, true);
}

/* reactions and votes */

/* In a chat of two it need not be said who. */
static struct sender reaction_sender(struct work *w, const struct op *op, enum direction d)
{
	if (d == DIR_OUTBOUND)
		return (struct sender){ .key = STR("me") };
	if (op->author || op->peer)
		return sender_of(w, op->author ? op->author : op->peer);
	return (struct sender){ .key = STR("unknown") };
}

/* Of several in one batch the newest counts; what it changed the store says. */
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
		.before = sender.before,
		.emoji = r->emoji,
		.at_us = op->time_us,
		.timed = op->timed,
	};
	sent_add(w, &op->row->row, &sender);
	if (sender.contact) {
		*LIST_ADD(w, &w->senders) = &sender.contact->row;
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

void note_reaction(struct work *w, struct op *op)
{
	const struct in_reaction *r = &op->event->u.reaction;
	struct effect *e = message_effect(w, op, op->row, CE_MESSAGE_REACTION);

	e->event.u.message_reaction.message_id = op->row->row.id;
	e->event.u.message_reaction.message_uuid = e->subject;
	e->event.u.message_reaction.sender = r->sender;
	e->event.u.message_reaction.from_me = r->direction == DIR_OUTBOUND;
	e->event.u.message_reaction.emoji = r->emoji;
}

/* All that a voter's vote may be stored under: now, before it was a contact, and by the contacts that became this one. */
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
	if (sender.before.n > 0 &&
		metadata_vote(m->row.metadata, (struct voter){ &sender.before, 1 }, p->options, p->n_options,
			op->time_us / 1000, w->arena, &theirs) == VOTE_OLD)
		return 0; /* told again */
	if (voter_names(w, &sender, &voter, err) < 0)
		return -1;
	effect = metadata_vote(m->row.metadata, voter, p->options, p->n_options, op->time_us / 1000, w->arena,
		&m->row.metadata);
	if (effect == VOTE_REFUSED)
		report_over_limit(w->report, "votes", 1);
	if (effect != VOTE_TAKEN)
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
