/* See chat.h. */
#include "chat-sync/fold/chat.h"
#include "chat-sync/effect.h"
#include "chat-sync/group_settings.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/members.h"
#include "chat-sync/report.h"

static void effect_add_group(struct work *w, struct op *op, const char *action, const struct participant *participants,
	size_t n, struct str text)
{
	struct effect *e = effect_new(w, op, op->conversation, CE_GROUP_UPDATED, &op->group->row.uuid);

	e->event.u.group_updated.group = group_view(op->group);
	e->event.u.group_updated.action = str_of(action);
	e->event.u.group_updated.participants = ARENA_ARRAY(w->arena, struct participant, n);
	for (size_t i = 0; i < n; i++)
		e->event.u.group_updated.participants[i] = participants[i];
	e->event.u.group_updated.n_participants = n;
	e->event.u.group_updated.text = text;
}

/* The final unread count is known only after the rows are written: effects_emit() fills it in. */
static void effect_add_conversation(struct work *w, struct op *op, struct conversation *v, const char *what)
{
	struct effect *e = effect_new(w, op, v, CE_CONVERSATION_UPDATED, &v->row.uuid);

	changed_add(w, &e->event.u.conversation_updated.changed, &e->event.u.conversation_updated.n_changed, what);
}

void effect_add_unread(struct work *w, struct op *op, struct conversation *v)
{
	effect_add_conversation(w, op, v, "unread");
}

static void conversation_read_until(struct work *w, struct op *op, int64_t read_us)
{
	struct conversation *v = op->conversation;

	v->recount = true;
	conversation_touch(w, v);
	if (v->row.last_read_us != PG_NO_TIME && read_us <= v->row.last_read_us)
		return;
	v->row.last_read_us = read_us;
	effect_add_unread(w, op, v);
}

void fold_read_marker(struct work *w, struct op *op)
{
	if (op->conversation)
		conversation_read_until(w, op, read_marker_ms(op->event) * 1000);
}

/* The time up to which an unread count counts. A sync's ends with the newest message that it brings; a later message may arrive before or
 * after it, and is not included. */
static int64_t counted_until_us(const struct op *op)
{
	const struct in_sync_chat *s = &op->event->u.sync_chat;
	int64_t newest_us = PG_NO_TIME;

	if (op->event->kind != IN_SYNC_CHAT || s->n_messages == 0)
		return op->time_us;
	for (size_t i = 0; i < s->n_messages; i++) {
		int64_t at_us = inbound_message_time_ms(op->event, &s->messages[i]) * 1000;

		newest_us = at_us > newest_us ? at_us : newest_us;
	}
	return newest_us;
}

/* The bridge's count n: the newest n inbound messages are unread. unread_marks_write() finds the read marker, after the batch's messages are
 * stored. An initial sync without a count marks the messages that it brings as read. */
static void fold_unread(struct work *w, struct op *op, const struct in_chat_state *s)
{
	struct conversation *v = op->conversation;

	if (s->has_unread && s->unread >= 0) {
		*LIST_ADD(w, &w->marks) = (struct unread_mark){ &v->row, s->unread, counted_until_us(op), PG_NO_TIME };
		*LIST_ADD(w, &w->mark_ops) = op;
	} else if (op->origin == ORIGIN_SYNC && v->newest_sync_us != PG_NO_TIME) {
		conversation_read_until(w, op, v->newest_sync_us);
	}
}

void fold_unread_mark(struct work *w, struct op *op, int64_t read_us)
{
	conversation_read_until(w, op, read_us);
}

/* Applies one of a group's texts. True when the text changed; its time may change without that. */
static bool group_apply_text(struct work *w, struct group *g, struct str *have, int64_t *have_us, struct str got,
	int64_t at_us)
{
	if (!newest_wins(*have_us, at_us, *have, got))
		return false;
	*have_us = at_us;
	group_touch(w, g);
	if (str_eq(*have, got))
		return false;
	*have = arena_str(w->cache->arena, got);
	return true;
}

static bool group_apply_name(struct work *w, struct group *g, struct str name, int64_t at_us)
{
	return name.n > 0 && group_apply_text(w, g, &g->row.name, &g->row.name_at_us, name, at_us);
}

static int64_t snapshot_ms(const struct group *g)
{
	return g->row.snapshot_us == PG_NO_TIME ? 0 : g->row.snapshot_us / 1000;
}

/* Reads the members once per batch, however many changes the batch has for them. */
static struct members *group_members(struct work *w, struct group *g)
{
	if (!g->members) {
		g->members = ARENA_NEW(w->arena, struct members);
		members_read(g->members, g->row.participant_log, snapshot_ms(g), map_new(), w->arena);
	}
	return g->members;
}

static void group_members_changed(struct work *w, struct group *g)
{
	g->row.participants_count = members_count(g->members);
	group_touch(w, g);
}

bool group_forget(struct work *w, struct group *g, const struct erased_names *names)
{
	bool owner = g->row.owner_phone.n > 0 && erased_names_have(names, g->row.owner_phone);
	bool members = members_forget(group_members(w, g), names);

	if (members)
		group_members_changed(w, g);
	if (owner) {
		g->row.owner_phone = STR_NONE;
		group_touch(w, g);
	}
	if (!g->dirty)
		group_free_members(g); /* only the members of changed groups are freed after the batch */
	return owner || members;
}

void group_store_members(struct work *w, struct group *g)
{
	if (!g->members)
		return;
	g->row.participant_log = arena_str(w->cache->arena, members_log(g->members));
	g->row.participants = arena_str(w->cache->arena, members_list(g->members));
	report_over_limit(w->report, "members", g->members->over_limit);
}

void group_free_members(struct group *g)
{
	if (g->members)
		map_free(g->members->index);
	g->members = NULL;
}

static bool group_apply_snapshot(struct work *w, struct group *g, const struct participant *list, size_t n,
	int64_t at_us)
{
	bool changed;

	if (g->row.snapshot_us != PG_NO_TIME && at_us < g->row.snapshot_us)
		return false;
	changed = members_snapshot(group_members(w, g), list, n, at_us / 1000);
	g->row.snapshot_us = at_us;
	group_members_changed(w, g);
	return changed;
}

static bool text_replace(struct work *w, struct str *have, struct str got)
{
	if (got.n == 0 || str_eq(*have, got))
		return false;
	*have = arena_str(w->cache->arena, got);
	return true;
}

static bool group_apply_settings(struct work *w, struct group *g, struct str settings, int64_t at_us)
{
	struct group_settings now = { g->row.settings, g->row.settings_times };
	bool same;

	if (!group_settings_merge(now, settings, at_us, w->cache->arena, &now))
		return false;
	same = group_settings_same(g->row.settings, now.values);
	g->row.settings = now.values;
	g->row.settings_times = now.times;
	group_touch(w, g);
	return !same;
}

static bool group_apply_invite_code(struct work *w, struct group *g, struct str code, int64_t at_us)
{
	return code.n > 0 && group_apply_text(w, g, &g->row.invite_code, &g->row.invite_code_at_us, code, at_us);
}

/* An absent text leaves the description, an empty one removes it. */
static bool group_apply_description(struct work *w, struct group *g, struct str text, int64_t at_us)
{
	return text.p && group_apply_text(w, g, &g->row.description, &g->row.description_at_us, text, at_us);
}

static bool group_apply_state(struct work *w, struct op *op, const struct in_chat_state *s)
{
	struct group *g = op->group;
	bool newest = g->row.snapshot_us == PG_NO_TIME || op->time_us >= g->row.snapshot_us;
	bool changed = group_apply_name(w, g, s->chat.group.name, op->time_us);

	if (s->has_participants)
		changed = group_apply_snapshot(w, g, s->participants, s->n_participants, op->time_us) || changed;
	if (s->description.n > 0)
		changed = group_apply_description(w, g, s->description, op->time_us) || changed;
	changed = group_apply_invite_code(w, g, s->invite_code, op->time_us) || changed;
	changed = group_apply_settings(w, g, s->settings, op->time_us) || changed;
	if (newest && s->owner.phone.n > 0)
		changed = text_replace(w, &g->row.owner_phone, sender_text(w, &s->owner, NULL)) || changed;
	if (s->group_created_ms > 0 && g->row.group_created_us == PG_NO_TIME) {
		g->row.group_created_us = s->group_created_ms * 1000;
		changed = true;
	}
	if (changed)
		group_touch(w, g);
	return changed || g->created;
}

void fold_group_name(struct work *w, struct op *op)
{
	struct group *g = op->group;

	if (g && g->locked && str_eq(g->row.name, g->row.jid) &&
		group_apply_name(w, g, op->chat->group.name, op->time_us))
		effect_add_group(w, op, "subject", NULL, 0, g->row.name);
}

/* The newest by time wins; at equal times archived. */
static void fold_archived(struct work *w, struct op *op, bool archived)
{
	struct conversation *v = op->conversation;

	if (op->time_us < v->row.archived_us || (op->time_us == v->row.archived_us && archived <= v->row.archived))
		return;
	v->row.archived_us = op->time_us;
	conversation_touch(w, v);
	if (archived == v->row.archived)
		return;
	v->row.archived = archived;
	effect_add_conversation(w, op, v, "archived");
}

void fold_chat_state(struct work *w, struct op *op)
{
	const struct in_chat_state *s = op->state;
	struct conversation *v = op->conversation;

	if (!v)
		return;
	if (op->group && group_apply_state(w, op, s)) {
		op->group->created = false;
		effect_add_group(w, op, "snapshot", s->participants, s->n_participants, STR_NONE);
	}
	if (s->has_archived)
		fold_archived(w, op, s->archived);
	fold_unread(w, op, s);
}

static bool group_apply_members(struct work *w, struct op *op, const struct in_group_change *c)
{
	struct members *m;
	bool changed = false;

	if (c->n_participants == 0)
		return false;
	if (c->snapshot)
		return group_apply_snapshot(w, op->group, c->participants, c->n_participants, op->time_us);
	m = group_members(w, op->group);
	for (size_t i = 0; i < c->n_participants; i++)
		changed = members_change(m, c->action, &c->participants[i], op->time_us / 1000) || changed;
	group_members_changed(w, op->group);
	return changed;
}

void fold_group_change(struct work *w, struct op *op)
{
	const struct in_group_change *c = &op->event->u.group_change;
	struct group *g = op->group;
	bool changed = g->created;

	g->created = false;
	if (c->action == GROUP_DESCRIPTION)
		changed = group_apply_description(w, g, c->text.p ? c->text : STR(""), op->time_us) || changed;
	else if (c->action == GROUP_SUBJECT || c->action == GROUP_CREATE || c->text.n > 0)
		changed = group_apply_name(w, g, c->text, op->time_us) || changed;
	changed = group_apply_name(w, g, c->group.name, op->time_us) || changed;
	changed = group_apply_members(w, op, c) || changed;
	changed = group_apply_settings(w, g, c->settings, op->time_us) || changed;
	changed = group_apply_invite_code(w, g, c->invite_code, op->time_us) || changed;
	if (c->action == GROUP_DELETE && !g->row.deleted)
		changed = g->row.deleted = true;
	if (!changed)
		return;
	group_touch(w, g);
	effect_add_group(w, op, c->action == GROUP_NONE ? "snapshot" : group_action_word(c->action), c->participants,
		c->n_participants, c->text);
}
