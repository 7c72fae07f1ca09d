/* From records to ops: who is meant, and what each event asks for. */
#include "chat-sync/report.h"
#include "chat-sync/settings.h"
#include "chat-sync/work.h"

#include <string.h>

void *work_grow(struct work *w, void *at, size_t n, size_t *cap, size_t size)
{
	void *grown;

	if (n < *cap)
		return at;
	*cap = *cap ? *cap * 2 : 16;
	grown = arena_calloc(w->arena, *cap, size);
	if (n > 0)
		memcpy(grown, at, n * size);
	return grown;
}

/* accounts */

static void keep_account(void *ctx, const struct account_row *row)
{
	struct work *w = ctx;

	world_keep_account(w->world, row, w->now_mono_ms);
}

static int accounts_load_missing(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	struct uuid *missing = ARENA_ARRAY(w->arena, struct uuid, n);
	size_t n_missing = 0, hits = 0;

	map_clear(w->index);
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;
		void **seen;

		if (world_account(w->world, &e->account, w->now_mono_ms)) {
			hits++;
			continue;
		}
		seen = map_slot(w->index, uuid_bytes(&e->account));
		if (!*seen) {
			*seen = w;
			missing[n_missing++] = e->account;
		}
	}
	report_cache(w->report, "accounts", hits, n_missing);
	return n_missing == 0 ? 0 : accounts_load(w->pg, missing, n_missing, w->arena, keep_account, w, err);
}

static bool any_unknown(const struct work *w, struct batch_item *const *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;

		if (!world_account(w->world, &e->account, w->now_mono_ms))
			return true;
	}
	return false;
}

/* Nobody is known where no account can be seen: that says nothing about the records. */
static int accounts_are_there(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	bool any;

	if (!any_unknown(w, items, n))
		return 0;
	if (accounts_any(w->pg, &any, err) < 0)
		return -1;
	return any ? 0
		   : err_set(err, ERR_RETRY, "no_accounts", "the database has no account at all: an outage is assumed");
}

int accounts_resolve(struct work *w, struct batch_item *const *items, size_t n, struct err *err)
{
	if (accounts_load_missing(w, items, n, err) < 0 || accounts_are_there(w, items, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct inbound_event *e = items[i]->decoded;
		const struct account *a = world_account(w->world, &e->account, w->now_mono_ms);

		if (!a)
			batch_dead_letter(w->tx, items[i], DEAD_UNKNOWN_REFERENCE, "account", "no such account", true);
		else if (!uuid_eq(&a->row.workspace, &e->workspace))
			batch_dead_letter(w->tx, items[i], DEAD_UNKNOWN_REFERENCE, "workspace",
				"the account belongs to another workspace", false);
		else
			ops_expand(w, items[i]);
	}
	return 0;
}

/* ops */

static struct op *op_new(struct work *w, struct batch_item *item, const struct inbound_event *e)
{
	struct op *op = ARENA_NEW(w->arena, struct op);

	op->order = w->ops.n;
	op->item = item;
	op->event = e;
	op->account = world_account(w->world, &e->account, w->now_mono_ms);
	op->kind = e->kind;
	op->origin = e->origin;
	op->time_us = inbound_time_ms(e) * 1000;
	op->timed = e->source_time_ms > 0;
	op->suspect_ms = e->time_suspect ? e->source_time_ms : 0;
	*LIST_ADD(w, &w->ops) = op;
	return op;
}

struct person *person_new(struct work *w, struct op *op, const struct party *party, bool create)
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

/* The account itself is nobody's contact: the name that comes with its own messages is not the peer's. */
static void op_message(struct work *w, struct op *op, const struct in_message *m)
{
	bool news = op->origin == ORIGIN_LIVE && m->direction == DIR_INBOUND;

	op->kind = IN_MESSAGE;
	op->message = m;
	op_chat(w, op, &m->chat, true);
	if (m->chat.is_group && m->direction == DIR_INBOUND)
		op->author = person_new(w, op, &m->sender, true);
	if (op->peer)
		op->peer->timed_name = news;
	if (op->author)
		op->author->timed_name = news;
}

static void op_target(struct work *w, struct op *op, const struct target *target, const struct chat_ref *chat,
	const struct party *who)
{
	op->target = target;
	op_chat(w, op, chat, false);
	if (who)
		op->author = person_new(w, op, who, false);
}

static void op_state(struct work *w, struct op *op, const struct in_chat_state *s)
{
	op->kind = IN_CHAT_STATE;
	op->state = s;
	op_chat(w, op, &s->chat, true);
	if (op->peer)
		op->peer->timed_name = op->origin == ORIGIN_LIVE;
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

static int64_t later(int64_t a, int64_t b)
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
			newest = later(newest, inbound_message_time_ms(op->event, &s->messages[i]));
	return sync_chat_is_wanted(&limits, s->rank, newest > 0 ? newest : w->now_ms, w->now_ms);
}

/* The chat's own op last: its unread count is about the messages that came with it. */
static void expand_sync_chat(struct work *w, struct op *op, struct batch_item *item)
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

		if (h->source_time_ms > 0 &&
			!sync_message_is_wanted(&limits, inbound_message_time_ms(op->event, h), w->now_ms))
			continue;
		m = op_new(w, item, op->event);
		m->origin = ORIGIN_SYNC;
		m->timed = h->source_time_ms > 0;
		m->time_us = inbound_message_time_ms(op->event, h) * 1000;
		m->suspect_ms = h->time_suspect ? h->source_time_ms : 0;
		op_message(w, m, &h->message);
	}
	state = op_new(w, item, op->event);
	state->origin = ORIGIN_SYNC;
	op_state(w, state, &s->state);
}

static void op_fill(struct work *w, struct op *op, struct batch_item *item)
{
	const struct inbound_event *e = op->event;

	switch (e->kind) {
	case IN_MESSAGE:
		op_message(w, op, &e->u.message);
		break;
	case IN_CALL:
		op_message(w, op, call_message(w, &e->u.call));
		break;
	case IN_STATUS:
		op_target(w, op, &e->u.status.target, &e->u.status.chat, &e->u.status.participant);
		break;
	case IN_EDIT:
		op_target(w, op, &e->u.edit.target, &e->u.edit.chat, NULL);
		break;
	case IN_REVOKE:
		op_target(w, op, &e->u.revoke.target, &e->u.revoke.chat, NULL);
		break;
	case IN_REACTION:
		op_target(w, op, &e->u.reaction.target, &e->u.reaction.chat, &e->u.reaction.sender);
		break;
	case IN_POLL_VOTE:
		op_target(w, op, &e->u.poll_vote.target, &e->u.poll_vote.chat, &e->u.poll_vote.voter);
		break;
	case IN_MESSAGE_DELETE:
		op_target(w, op, &e->u.message_delete.target, &e->u.message_delete.chat, NULL);
		break;
	case IN_CHAT_STATE:
		op_state(w, op, &e->u.chat_state);
		break;
	case IN_SYNC_CHAT:
		expand_sync_chat(w, op, item);
		break;
	case IN_READ_MARKER:
		op_chat(w, op, &e->u.read_marker.chat, false);
		break;
	case IN_CONTACT:
		op->peer = person_new(w, op, &e->u.contact.party, e->u.contact.action != CONTACT_REMOVE);
		break;
	case IN_OPT_OUT:
		op->peer = person_new(w, op, &e->u.opt_out.party, true);
		break;
	case IN_IDENTITY_CHANGE:
		op->peer = person_new(w, op, &e->u.identity_change.old_party, false);
		op->author = person_new(w, op, &e->u.identity_change.new_party, false);
		break;
	default:
		break;
	}
}

void ops_expand(struct work *w, struct batch_item *item)
{
	const struct inbound_event *e = item->decoded;
	struct op *op;

	if (e->kind == IN_DISPATCH) { /* campaign-sender's; see proto/blazz/v1/inbound.proto */
		batch_dead_letter(w->tx, item, DEAD_UNSUPPORTED, "dispatch", "this release does not send messages",
			true);
		return;
	}
	op = op_new(w, item, e);
	op_fill(w, op, item);
}

void ops_expand_parked(struct work *w, const struct parked_row *parked, const struct inbound_event *event)
{
	struct op *op = op_new(w, NULL, event);

	op->parked = parked;
	op_fill(w, op, NULL);
}

/* users */

static struct str op_user(const struct op *op)
{
	if (op->kind == IN_MESSAGE && op->message)
		return op->message->user_id;
	return op->kind == IN_MESSAGE_DELETE ? op->event->u.message_delete.user_id : STR_NONE;
}

/* Agents are few and named rarely: one question for all of them. Somebody unknown is nobody. */
int users_resolve(struct work *w, struct err *err)
{
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->ops.n);
	struct uuid *ids = ARENA_ARRAY(w->arena, struct uuid, w->ops.n);
	int64_t *workspaces = ARENA_ARRAY(w->arena, int64_t, w->ops.n),
		*found = ARENA_ARRAY(w->arena, int64_t, w->ops.n);
	size_t n = 0;

	for (size_t i = 0; i < w->ops.n; i++) {
		if (!uuid_parse(op_user(w->ops.at[i]), &ids[n]))
			continue;
		workspaces[n] = w->ops.at[i]->account->row.workspace_id;
		ops[n++] = w->ops.at[i];
	}
	if (n == 0)
		return 0;
	if (users_find(w->pg, workspaces, ids, n, found, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ops[i]->user_id = found[i];
	return 0;
}
