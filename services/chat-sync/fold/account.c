/* See account.h. */
#include "chat-sync/fold/account.h"
#include "chat-sync/effect.h"
#include "chat-sync/notice.h"
#include "chat-sync/report.h"

static void session_apply(struct work *w, struct account *a, const struct session_change *change,
	const struct in_session_state *s, int64_t at_us)
{
	struct account_row *r = &a->row;

	r->status = str_of(change->status);
	r->status_since_us = at_us;
	if (change->connected) {
		r->last_connected_us = at_us;
		if (r->first_connected_us == PG_NO_TIME)
			r->first_connected_us = at_us;
	}
	r->disconnects += change->unwanted;
	if (change->disconnected) {
		r->disconnected_us = at_us;
		r->disconnect_reason =
			str_of(session_reason_word(s->reason == REASON_NONE ? REASON_UNKNOWN : s->reason));
		r->disconnect_details = arena_str(w->cache->arena, s->details.n > 0 ? s->details : STR_NONE);
	}
}

/* The phone that a report names. An older report fills only a gap. */
static void session_phone(struct work *w, struct op *op)
{
	struct account *a = op->account;
	struct str phone = op->event->u.session_state.phone, have = a->row.reported_phone;

	if (phone.n == 0 || str_eq(phone, have) ||
		(have.n > 0 && op->timed && !newest_wins(a->row.status_at_us, op->time_us, have, phone)))
		return;
	a->row.reported_phone = arena_str(w->cache->arena, phone);
	account_touch(w, a);
}

void fold_session(struct work *w, struct op *op)
{
	const struct in_session_state *s = &op->event->u.session_state;
	struct account *a = op->account;
	struct session_change change = session_change(a->row.status, a->row.status_at_us, s, op->time_us, op->timed);
	struct str before = a->row.status;
	struct effect *e;

	session_phone(w, op);
	if (!change.reported || (!change.status && op->time_us == a->row.status_at_us))
		return;
	a->row.status_at_us = op->time_us;
	account_touch(w, a);
	if (!change.status)
		return;
	session_apply(w, a, &change, s, op->time_us);
	e = effect_new(w, op, NULL, CE_SESSION_STATE, &a->row.uuid);
	e->event.u.session_state.status = a->row.status;
	e->event.u.session_state.previous = before;
	if (change.disconnected)
		e->event.u.session_state.reason = a->row.disconnect_reason;
	e->event.u.session_state.details = s->details;
	if (change.disconnected)
		report_disconnect(w->report, a->row.disconnect_reason);
	report_session(w->report, &a->row.uuid, a->row.status, before);
}

void fold_notice(struct work *w, struct op *op)
{
	notice_add(w, op, op->event->u.account_notice, op->time_us);
}

void effect_add_notice(struct work *w, const struct notice *n)
{
	struct effect *e = effect_new(w, n->op, NULL, CE_ACCOUNT_NOTICE, &n->op->account->row.uuid);

	e->event.u.account.kind = n->what.kind;
	e->event.u.account.severity = str_of(severity_word(n->what.severity));
	e->event.u.account.text = n->what.text;
	e->event.u.account.error = n->what.error;
	e->event.u.account.extra = n->what.extra;
}

void fold_template(struct work *w, struct op *op)
{
	const struct in_template_status *t = &op->event->u.template_status;
	struct template_row row = { .workspace_id = op->account->row.workspace_id,
		.account_id = op->account->row.id,
		.provider_template_id = t->provider_template_id,
		.name = t->name,
		.language = t->language,
		.category = t->category,
		.status = t->status,
		.quality = t->quality,
		.reason = t->reason,
		.components = t->components,
		.at_us = op->time_us };

	*LIST_ADD(w, &w->templates) = row;
	*LIST_ADD(w, &w->template_ops) = op;
}

void effect_add_template(struct work *w, struct op *op)
{
	struct effect *e = effect_new(w, op, NULL, CE_TEMPLATE_STATUS, &op->account->row.uuid);

	e->event.u.template_status = op->event->u.template_status;
}
