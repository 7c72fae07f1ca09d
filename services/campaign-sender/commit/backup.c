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
	struct arena *arena;
};

static bool other(struct str a, struct str b)
{
	return a.n == 0 || b.n == 0 || !str_eq(a, b);
}

static bool rule_admits(const struct wish *w, const struct account *a)
{
	if (!w->from)
		return true;
	switch (w->rule) {
	case FAILOVER_OTHER_WABA:
		return other(a->waba_id, w->from->waba_id);
	case FAILOVER_OTHER_APP:
		return other(a->app, w->from->app);
	case FAILOVER_OTHER_PORTFOLIO:
		return other(a->business_id, w->from->business_id);
	case FAILOVER_OTHER_PROVIDER:
		return a->from.provider != w->from->from.provider;
	case FAILOVER_NEVER:
	case FAILOVER_ANY:
	case FAILOVER_AFTER_TRIES:
	case FAILOVER_FREE:
		break;
	}
	return true;
}

static bool admits(void *ctx, const struct account *a)
{
	const struct wish *w = ctx;
	struct err err;

	return a->api && rule_admits(w, a) && provider_check(a->api, &w->message->to_provider, w->arena, &err) == 0;
}

static const struct account *account_for(struct flush *f, const struct written *w, enum failover rule,
	const int64_t *tried, size_t n)
{
	const struct client_id id = { .request = w->request, .generation = w->row.generation };
	struct wish wish = { .from = account_cache_find(f->o.shared->accounts, w->row.workspace_id, w->row.sent_by),
		.rule = rule,
		.arena = f->arena };
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
	if (!a) {
		w->row.status = SEND_STATUS_FAILED;
		w->row.error_code = STR("no_backup_account");
		return;
	}
	w->moved_to = a->id;
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
