/* Requests become rows, under the locks of the lanes that send them. */
#include "campaign-sender/intake/private.h"

#include <string.h>

#include "base/vec.h"
#include "campaign-sender/events/records.h"
#include "store/send_lanes.h"
#include "store/sends_intake.h"

static struct send_new row_of(const struct request *r)
{
	struct send_new row = { .workspace_id = r->reference->workspace_id,
		.request = r->message->request,
		.kind = r->message->kind,
		.contact_id = r->reference->contact_id,
		.address = r->address,
		.account_id = r->shown_under ? r->shown_under->id : 0,
		.status = r->code ? SEND_STATUS_FAILED : SEND_STATUS_PENDING,
		.deadline_us = send_message_deadline_ms(r->message) * 1000 };

	if (r->code) {
		row.error_code = str_of(r->code);
		row.error_message = r->reason;
	} else {
		row.content = r->content;
	}
	return row;
}

static int lanes_lock(struct intake_work *w, struct err *err)
{
	struct send_lane_key *keys = ARENA_ARRAY(w->arena, struct send_lane_key, w->requests.n);
	size_t n = 0;

	map_clear(w->intake->index);
	for (size_t i = 0; i < w->requests.n; i++) {
		const struct account *a = w->requests.at[i].account;
		void **seen;

		if (w->requests.at[i].code)
			continue;
		seen = map_slot(w->intake->index, uuid_bytes(&a->uuid));
		if (*seen)
			continue;
		*seen = w;
		keys[n++] = (struct send_lane_key){ a->workspace_id, a->id, a->partition };
	}
	return store_send_lanes_lock(w->pg, keys, n, err);
}

static void failure_publish(struct intake_work *w, const struct request *r)
{
	struct record_target to = { w->tx, r->item->partition, w->shared->topics, w->now_ms };
	struct dispatch_record dispatch = { .account = r->shown_under,
		.outgoing = r->outgoing,
		.outcome = DISPATCH_FAILED,
		.error = { .code = str_of(r->code), .title = r->reason },
		.at_ms = w->now_ms };

	if (r->shown_under && r->dialled)
		record_dispatch(&to, &dispatch, w->arena);
}

static void due_add(struct intake *i, const struct account *a)
{
	for (size_t k = 0; k < i->n_due; k++)
		if (i->due[k].account_id == a->id)
			return;
	i->due = vec_grow(i->due, i->n_due, &i->cap_due, sizeof(*i->due));
	i->due[i->n_due++] = (struct due_account){ a->workspace_id, a->id };
}

/* Wakes the lanes of these accounts: after the commit those of this replica, with it those of others. */
static int lanes_wake(struct intake_work *w, const struct account *const *accounts, size_t n, struct err *err)
{
	struct uuid *others = ARENA_ARRAY(w->arena, struct uuid, n);
	struct intake *i = w->intake;
	size_t n_others = 0;

	for (size_t k = 0; k < n; k++)
		if (i->ops.local(i->ops.ctx, accounts[k]->id))
			due_add(i, accounts[k]);
		else
			others[n_others++] = accounts[k]->uuid;
	return store_sends_notify(w->pg, others, n_others, err);
}

static int rows_publish(struct intake_work *w, const struct send_new *rows, struct err *err)
{
	const struct account **accounts = ARENA_ARRAY(w->arena, const struct account *, w->requests.n);
	size_t n = 0;

	map_clear(w->intake->index);
	for (size_t i = 0; i < w->requests.n; i++) {
		const struct request *r = &w->requests.at[i];
		void **seen;

		if (!rows[i].inserted)
			continue;
		r->item->outcome = OUTCOME_APPLIED;
		if (r->code) {
			failure_publish(w, r);
			continue;
		}
		seen = map_slot(w->intake->index, uuid_bytes(&r->account->uuid));
		if (!*seen)
			accounts[n++] = r->account;
		*seen = w;
	}
	return lanes_wake(w, accounts, n, err);
}

int requests_write(struct intake_work *w, struct err *err)
{
	struct send_new *rows = ARENA_ARRAY(w->arena, struct send_new, w->requests.n);

	if (w->requests.n == 0)
		return 0;
	for (size_t i = 0; i < w->requests.n; i++)
		rows[i] = row_of(&w->requests.at[i]);
	if (lanes_lock(w, err) < 0 || store_sends_insert(w->pg, rows, w->requests.n, err) < 0)
		return -1;
	return rows_publish(w, rows, err);
}
