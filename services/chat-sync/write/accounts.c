/* Writes accounts, their templates, notices and syncs; see tables.h. */
#include "chat-sync/fold/account.h"
#include "chat-sync/fold/sync.h"
#include "chat-sync/rejections.h"
#include "chat-sync/write/tables.h"

#define ACTIVITY_MS 60000

static int templates_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_templates(w->pg, (struct template_row *)rows + from, n, err);
}

int templates_write(struct work *w, struct err *err)
{
	struct op_rows put = { w->templates.at, w->template_ops.at, w->templates.n, templates_put };

	if (w->templates.n == 0)
		return 0;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->templates.n; i++)
		if (w->templates.at[i].changed)
			effect_add_template(w, w->template_ops.at[i]);
	return 0;
}

static int notices_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_notices(w->pg, (struct notice_row *)rows + from, n, err);
}

int notices_write(struct work *w, struct err *err)
{
	struct notice_row *rows = ARENA_ARRAY(w->arena, struct notice_row, w->notices.n);
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->notices.n);
	struct op_rows put = { rows, ops, w->notices.n, notices_put };

	if (w->notices.n == 0)
		return 0;
	for (size_t i = 0; i < w->notices.n; i++) {
		rows[i] = w->notices.at[i].row;
		ops[i] = w->notices.at[i].op;
	}
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->notices.n; i++)
		if (rows[i].changed)
			effect_add_notice(w, &w->notices.at[i]);
	return 0;
}

static int syncs_put(struct work *w, void *rows, size_t from, size_t n, struct err *err)
{
	return store_sync_batches(w->pg, (struct sync_batch_row *)rows + from, n, err);
}

/* A batch of a sync that changed a row advances the sync's state; each sync is published once. */
int syncs_write(struct work *w, struct err *err)
{
	struct sync_state *states = ARENA_ARRAY(w->arena, struct sync_state, w->syncs.n);
	struct sync_state *new_ones = ARENA_ARRAY(w->arena, struct sync_state, w->syncs.n);
	struct op **ops = ARENA_ARRAY(w->arena, struct op *, w->syncs.n);
	int32_t *inserted = ARENA_ARRAY(w->arena, int32_t, w->syncs.n);
	struct op_rows put = { w->syncs.at, w->sync_ops.at, w->syncs.n, syncs_put };
	size_t n = 0, n_complete = 0, n_new = 0;

	if (w->syncs.n == 0)
		return 0;
	if (op_rows_write(w, &put, err) < 0)
		return -1;
	for (size_t i = 0; i < w->syncs.n; i++) {
		const struct sync_batch_row *s = &w->syncs.at[i];
		size_t k = 0;

		if (!s->changed)
			continue;
		while (k < n && (states[k].account_id != s->account_id || !str_eq(states[k].sync_id, s->sync_id)))
			k++;
		states[k] = (struct sync_state){
			.workspace_id = s->workspace_id, .account_id = s->account_id, .sync_id = s->sync_id
		};
		ops[k] = w->sync_ops.at[i];
		inserted[k] += s->inserted;
		n = k == n ? n + 1 : n;
	}
	if (n == 0)
		return 0;
	if (store_sync_states_read(w->pg, states, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		bool is_new = states[i].batches == inserted[i];

		effect_add_sync(w, ops[i], &states[i], is_new);
		if (is_new)
			new_ones[n_new++] = states[i];
		if (states[i].complete)
			states[n_complete++] = states[i];
	}
	if (store_syncs_close(w->pg, states, n_complete, err) < 0)
		return -1;
	return store_syncs_trim(w->pg, new_ones, n_new, err);
}

/* A parked update was sent earlier. */
static bool op_is_activity(const struct op *op)
{
	return op->item && event_is_activity(op->event, kafka_message_header(op->item->message, "ce_source"));
}

/* An event that the account sent moves last_activity_at, at most once in ACTIVITY_MS. */
static void accounts_active(struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		struct account *a = w->ops.at[i]->account;

		if (a->row.sent || (a->active_mono_ms != 0 && w->now_mono_ms - a->active_mono_ms < ACTIVITY_MS) ||
			!op_is_activity(w->ops.at[i]))
			continue;
		a->row.sent = true;
		a->active_mono_ms = w->now_mono_ms;
		account_touch(w, a);
	}
}

int accounts_write(struct work *w, struct err *err)
{
	const struct account_row **rows;

	accounts_active(w);
	rows = ARENA_ARRAY(w->arena, const struct account_row *, w->accounts.n);
	for (size_t i = 0; i < w->accounts.n; i++)
		rows[i] = &w->accounts.at[i]->row;
	return w->accounts.n == 0 ? 0 : store_accounts(w->pg, rows, w->accounts.n, err);
}
