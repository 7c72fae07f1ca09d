/* Another account for messages that theirs cannot send; see private.h. Invariant: only what was certainly not sent, and no account that has
 * tried the message before. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "store/send_attempts.h"

struct tried_list {
	int64_t **accounts; /* by place */
	size_t *n, *cap;
	struct arena *arena;
};

static void tried_add(void *ctx, size_t place, int64_t account_id)
{
	struct tried_list *t = ctx;

	t->accounts[place] = vec_grow_in(t->arena, t->accounts[place], t->n[place], &t->cap[place], sizeof(int64_t));
	t->accounts[place][t->n[place]++] = account_id;
}

/* What one message asks of the account. */
struct wish {
	const struct account *from; /* NULL: not known any more */
	enum failover rule;
	const struct outgoing *message;
	struct flush *flush;
};

static struct failover_account failover_of(const struct account *a, bool has_room)
{
	return (struct failover_account){ a->from.provider, a->business_id, a->waba_id, a->app, has_room };
}

/* Of a lane on another replica it is not known whether it has room. */
static bool has_room(const struct wish *w, const struct account *a)
{
	struct lane *lane = lanes_find(w->flush->o.lanes, a->id);

	return !lane || lane_has_room(lane, w->flush->now_us, w->flush->now_ms);
}

static bool rule_admits(const struct wish *w, const struct account *a)
{
	struct failover_account from, to = failover_of(a, has_room(w, a));

	if (!w->from)
		return true;
	from = failover_of(w->from, false);
	return failover_admits(w->rule, &from, &to);
}

static bool admits(void *ctx, const struct account *a)
{
	const struct wish *w = ctx;
	struct err err;

	return a->api && rule_admits(w, a) &&
		provider_check(a->api, &w->message->to_provider, w->flush->arena, &err) == 0;
}

static const struct account *account_for(struct flush *f, const struct written *w, enum failover rule,
	const int64_t *tried, size_t n)
{
	const struct client_id id = { .request = w->request, .generation = w->row.generation };
	struct wish wish = { .from = account_cache_find(f->o.shared->accounts, w->row.workspace_id, w->row.sent_by),
		.rule = rule,
		.flush = f };
	struct outgoing message;
	struct err err;
	int64_t *all = ARENA_ARRAY(f->arena, int64_t, n + 1);

	if (outgoing_read(&message, w->content, w->address, &id, NULL, f->arena, &err) < 0)
		return NULL;
	wish.message = &message;
	for (size_t i = 0; i < n; i++)
		all[i] = tried[i];
	all[n] = w->row.sent_by;
	return choice_of(f->o.shared->accounts,
		&(struct choice){ .workspace_id = w->row.workspace_id,
			.tried = all,
			.n_tried = n + 1,
			.admits = admits,
			.ctx = &wish,
			.now_us = f->now_us });
}

static void backup_set(struct flush *f, struct written *w, const struct account *a)
{
	if (!a)
		return;
	w->moved_to = a->id;
	w->row.status = SEND_STATUS_PENDING;
	w->row.account_id = a->id;
	w->row.delay_ms = -1;
	concerned_add_lane(f, a->workspace_id, a->id, a->partition);
	flush_notify(f, a);
}

int backups_choose(struct flush *f, const bool *wanted, const enum failover *rules, struct err *err)
{
	struct send_tried *rows = ARENA_ARRAY(f->arena, struct send_tried, f->n_written + 1);
	struct tried_list tried = { .accounts = ARENA_ARRAY(f->arena, int64_t *, f->n_written + 1),
		.n = ARENA_ARRAY(f->arena, size_t, f->n_written + 1),
		.cap = ARENA_ARRAY(f->arena, size_t, f->n_written + 1),
		.arena = f->arena };
	size_t n = 0;

	for (size_t i = 0; i < f->n_written; i++)
		if (wanted[i])
			rows[n++] = (struct send_tried){ f->written[i].row.workspace_id, f->written[i].row.id,
				f->written[i].row.generation };
	if (store_send_attempts_accounts(owner_tx_pg(f->tx), rows, n, tried_add, &tried, err) < 0 ||
		flush_owns(f, err) < 0)
		return -1;
	n = 0;
	for (size_t i = 0; i < f->n_written; i++)
		if (wanted[i]) {
			struct written *w = &f->written[i];

			backup_set(f, w, account_for(f, w, rules[i], tried.accounts[n], tried.n[n]));
			n++;
		}
	return 0;
}
