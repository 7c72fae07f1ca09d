/* See expand.h. */
#include "chat-sync/expand.h"
#include "chat-sync/settings.h"

static struct op *op_new(struct work *w, struct batch_item *item, const struct inbound_event *e)
{
	struct op *op = ARENA_NEW(w->arena, struct op);

	op->order = w->ops.n;
	op->item = item;
	op->event = e;
	op->account = cache_account(w->cache, &e->account, w->now_mono_ms);
	op->kind = e->kind;
	op->origin = e->origin;
	op->time_us = inbound_time_ms(e) * 1000;
	op->timed = e->source_time_ms > 0;
	op->suspect_ms = e->time_suspect ? e->source_time_ms : 0;
	*LIST_ADD(w, &w->ops) = op;
	return op;
}

static struct person *person_new(struct work *w, struct op *op, const struct party *party, bool create)
{
	struct person *p;

	if (!party_identified(party))
		return NULL;
	p = ARENA_NEW(w->arena, struct person);
	p->party = party;
	p->account = op->account;
	p->create = create;
	p->op = op;
	*LIST_ADD(w, &w->people) = p;
	return p;
}

static void op_chat(struct work *w, struct op *op, const struct chat_ref *chat, bool create)
{
	op->chat = chat;
	if (!chat->is_group)
		op->peer = person_new(w, op, &chat->contact, create);
}

/* The name in a message that the account sent is the account's own, not the peer's. */
static void op_message(struct work *w, struct op *op, const struct in_message *m)
{
	bool live_inbound = op->origin == ORIGIN_LIVE && m->direction == DIR_INBOUND;

	op->kind = IN_MESSAGE;
	op->message = m;
	op_chat(w, op, &m->chat, true);
	if (m->chat.is_group && m->direction == DIR_INBOUND)
		op->author = person_new(w, op, &m->sender, true);
	if (op->peer)
		op->peer->timed_name = live_inbound;
	if (op->author)
		op->author->timed_name = live_inbound;
}

static void op_target(struct work *w, struct op *op, const struct target *target, const struct chat_ref *chat,
	const struct party *author)
{
	op->target = target;
	op_chat(w, op, chat, false);
	if (author)
		op->author = person_new(w, op, author, false);
}

static void op_state(struct work *w, struct op *op, const struct in_chat_state *s)
{
	op->kind = IN_CHAT_STATE;
	op->state = s;
	op_chat(w, op, &s->chat, true);
	if (op->peer)
		op->peer->timed_name = op->origin == ORIGIN_LIVE;
}

struct str own_key(struct work *w, struct str client_id)
{
	return arena_printf(w->arena, "c:%.*s", STR_ARG(client_id));
}

/* The message of a Dispatch, with what its outcome says. */
static struct in_message *dispatched(struct work *w, const struct op *op, struct str key, struct str provider_id,
	enum message_status status)
{
	struct in_message *m = ARENA_NEW(w->arena, struct in_message);

	*m = op->event->u.dispatch.message;
	m->key = key;
	m->provider_id = provider_id;
	m->status = status;
	m->error = status == STATUS_FAILED ? op->event->u.dispatch.error : (struct provider_error){ .code = STR_NONE };
	return m;
}

struct str provider_id_of_key(struct str key)
{
	struct str from_us, stanza;

	return str_cut(key, ':', &from_us, &stanza) && str_is(from_us, "true") ? stanza : key;
}

size_t own_status_targets(struct work *w, const struct inbound_event *e, struct str targets[OWN_STATUS_TARGETS])
{
	const struct in_status *s = &e->u.status;

	if (e->kind != IN_STATUS || s->client_message_id.n == 0)
		return 0;
	targets[0] = own_key(w, s->client_message_id);
	targets[1] =
		s->target.key.n > 0 ? s->target.key : arena_printf(w->arena, "true:%.*s", STR_ARG(s->target.stanza));
	return str_eq(targets[0], targets[1]) ? 1 : 2;
}

void op_dispatch_sent(struct work *w, struct op *op, const struct target *target)
{
	struct str key = target->key.n > 0 ? target->key : arena_printf(w->arena, "true:%.*s", STR_ARG(target->stanza));

	op->target = NULL;
	op_message(w, op, dispatched(w, op, key, provider_id_of_key(key), STATUS_SENT));
}

/* A call is a message of type call. */
static const struct in_message *call_message(struct work *w, const struct in_call *c)
{
	struct in_message *m = ARENA_NEW(w->arena, struct in_message);

	m->chat = c->chat;
	m->key = arena_printf(w->arena, "call:%.*s", STR_ARG(c->call_id));
	m->provider_id = c->call_id;
	m->direction = c->direction;
	m->type = MSG_CALL;
	m->body = c->video ? STR("video") : STR("voice");
	return m;
}

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool sync_is_wanted(const struct work *w, const struct op *op, const struct in_sync_chat *s)
{
	const struct account_row *a = &op->account->row;
	const struct sync_limits limits = { a->sync_enabled && w->settings->sync_enabled, a->sync_max_chats,
		a->sync_window_days };
	int64_t newest = op->timed ? op->time_us / 1000 : 0;

	for (size_t i = 0; i < s->n_messages; i++)
		if (s->messages[i].source_time_ms > 0)
			newest = latest(newest, inbound_message_time_ms(op->event, &s->messages[i]));
	return sync_chat_is_wanted(&limits, s->rank, newest > 0 ? newest : w->now_ms, w->now_ms);
}

/* The chat's own op comes last: its unread count includes the messages before it. */
static void expand_sync_chat(struct work *w, struct op *op)
{
	const struct in_sync_chat *s = &op->event->u.sync_chat;
	const struct sync_limits limits = { true, 0, op->account->row.sync_window_days };
	struct op *state;

	if (!sync_is_wanted(w, op, s)) {
		op->filtered = true;
		return;
	}
	op->origin = ORIGIN_SYNC;
	for (size_t i = 0; i < s->n_messages; i++) {
		const struct in_history_message *h = &s->messages[i];
		struct op *m;

		int64_t time_ms = inbound_message_time_ms(op->event, h);

		if ((h->source_time_ms > 0 && !sync_message_is_wanted(&limits, time_ms, w->now_ms)) ||
			message_is_expired(op->account->row.retention_days, time_ms, w->now_ms))
			continue;
		m = op_new(w, op->item, op->event);
		m->origin = ORIGIN_SYNC;
		m->timed = h->source_time_ms > 0;
		m->time_us = time_ms * 1000;
		m->suspect_ms = h->time_suspect ? h->source_time_ms : 0;
		op_message(w, m, &h->message);
	}
	state = op_new(w, op->item, op->event);
	state->origin = ORIGIN_SYNC;
	op_state(w, state, &s->state);
}

static void expand_message(struct work *w, struct op *op)
{
	op_message(w, op, &op->event->u.message);
}

static void expand_call(struct work *w, struct op *op)
{
	op_message(w, op, call_message(w, &op->event->u.call));
}

static void expand_status(struct work *w, struct op *op)
{
	const struct in_status *s = &op->event->u.status;

	op_target(w, op, &s->target, &s->chat, &s->participant);
}

static void expand_edit(struct work *w, struct op *op)
{
	const struct in_edit *e = &op->event->u.edit;

	op_target(w, op, &e->target, &e->chat, NULL);
}

static void expand_revoke(struct work *w, struct op *op)
{
	const struct in_revoke *r = &op->event->u.revoke;

	op_target(w, op, &r->target, &r->chat, NULL);
}

static void expand_reaction(struct work *w, struct op *op)
{
	const struct in_reaction *r = &op->event->u.reaction;

	op_target(w, op, &r->target, &r->chat, &r->sender);
}

static void expand_poll_vote(struct work *w, struct op *op)
{
	const struct in_poll_vote *v = &op->event->u.poll_vote;

	op_target(w, op, &v->target, &v->chat, &v->voter);
}

static void expand_message_delete(struct work *w, struct op *op)
{
	const struct in_message_delete *d = &op->event->u.message_delete;

	op_target(w, op, &d->target, &d->chat, NULL);
}

static void expand_chat_state(struct work *w, struct op *op)
{
	op_state(w, op, &op->event->u.chat_state);
}

static void expand_read_marker(struct work *w, struct op *op)
{
	op_chat(w, op, &op->event->u.read_marker.chat, true);
}

static void expand_contact(struct work *w, struct op *op)
{
	const struct in_contact *c = &op->event->u.contact;

	op->peer = person_new(w, op, &c->party, true);
}

static void expand_opt_out(struct work *w, struct op *op)
{
	op->peer = person_new(w, op, &op->event->u.opt_out.party, true);
}

static void expand_identity_change(struct work *w, struct op *op)
{
	const struct in_identity_change *c = &op->event->u.identity_change;

	op->peer = person_new(w, op, &c->old_party, c->kind == IDENTITY_NUMBER_CHANGED && op->timed);
	op->author = person_new(w, op, &c->new_party, false);
}

/* One that was sent is a message with the provider's key, one that failed a message under a key of its own. Of one whose result is unknown only
 * a status tells that it was sent: until then nothing is made of it, not even a contact. */
static void expand_dispatch(struct work *w, struct op *op)
{
	const struct in_dispatch *d = &op->event->u.dispatch;
	struct str key = own_key(w, d->message.client_message_id);
	struct target *own;

	switch (d->outcome) {
	case DISPATCH_SENT:
		op_message(w, op, dispatched(w, op, d->message.key, d->message.provider_id, STATUS_SENT));
		break;
	case DISPATCH_FAILED:
		op_message(w, op, dispatched(w, op, key, STR_NONE, STATUS_FAILED));
		break;
	case DISPATCH_NONE:
	case DISPATCH_UNKNOWN:
		own = ARENA_NEW(w->arena, struct target);
		own->key = key;
		op->target = own;
		break;
	}
}

/* One op for each group that it names. */
static void expand_contact_erase(struct work *w, struct op *op)
{
	const struct in_contact_erase *e = &op->event->u.contact_erase;

	for (size_t i = 0; e->stage == ERASE_GROUPS && i < e->n_groups; i++) {
		struct chat_ref *chat = ARENA_NEW(w->arena, struct chat_ref);

		chat->is_group = true;
		chat->group.jid = e->groups[i];
		op_chat(w, i == 0 ? op : op_new(w, op->item, op->event), chat, false);
	}
}

/* It names no person; groups_resolve() reads the group from the event. */
static void expand_nothing(struct work *w, struct op *op)
{
	(void)w, (void)op;
}

op_expand *const ops_expansions[IN_KINDS] = {
	[IN_MESSAGE] = expand_message,
	[IN_STATUS] = expand_status,
	[IN_EDIT] = expand_edit,
	[IN_REVOKE] = expand_revoke,
	[IN_REACTION] = expand_reaction,
	[IN_POLL_VOTE] = expand_poll_vote,
	[IN_GROUP_CHANGE] = expand_nothing,
	[IN_CHAT_STATE] = expand_chat_state,
	[IN_SYNC_CHAT] = expand_sync_chat,
	[IN_SYNC_BATCH_END] = expand_nothing,
	[IN_HISTORY_STATE] = expand_nothing,
	[IN_CONTACT] = expand_contact,
	[IN_IDENTITY_CHANGE] = expand_identity_change,
	[IN_OPT_OUT] = expand_opt_out,
	[IN_SESSION_STATE] = expand_nothing,
	[IN_ACCOUNT_NOTICE] = expand_nothing,
	[IN_TEMPLATE_STATUS] = expand_nothing,
	[IN_CALL] = expand_call,
	[IN_READ_MARKER] = expand_read_marker,
	[IN_MESSAGE_DELETE] = expand_message_delete,
	[IN_DISPATCH] = expand_dispatch,
	[IN_CONTACT_ERASE] = expand_contact_erase,
};

void ops_expand(struct work *w, struct batch_item *item)
{
	const struct inbound_event *e = item->decoded;

	ops_expansions[e->kind](w, op_new(w, item, e));
}

void ops_expand_parked(struct work *w, const struct parked_row *parked, const struct inbound_event *event)
{
	struct op *op = op_new(w, NULL, event);

	op->parked = parked;
	ops_expansions[event->kind](w, op);
}
