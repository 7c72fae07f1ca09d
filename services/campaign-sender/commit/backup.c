/* Another account for messages that theirs cannot send; see private.h. Invariant: only what was certainly not sent, and no account that has
 * tried the message before. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "campaign-sender/content/fit.h"
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
	struct written *written;
	const struct account *from; /* NULL: not known any more */
	enum failover rule;
	struct outgoing message;
	const struct send_reference *reference;
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

/* A request that names its account does not allow another provider: allow_other_number is for an account that stays unusable. */
static bool allows_other_provider(const struct wish *w)
{
	return uuid_is_nil(&w->message.message.account);
}

static bool rule_admits(const struct wish *w, const struct account *a)
{
	struct failover_account from, to = failover_of(a, has_room(w, a));

	if (w->rule == FAILOVER_OTHER_PROVIDER && !allows_other_provider(w))
		return false;
	if (!w->from)
		return true;
	from = failover_of(w->from, false);
	return failover_admits(w->rule, &from, &to);
}

static bool admits(void *ctx, const struct account *a)
{
	const struct wish *w = ctx;
	struct err err;

	return rule_admits(w, a) && fit_check(w->reference, &w->message, a, w->flush->arena, &err) == 0;
}

/* `tried` has room for one more. */
static const struct account *account_for(struct wish *w, int64_t *tried, size_t n)
{
	struct flush *f = w->flush;

	tried[n] = w->written->row.sent_by;
	return choice_of(f->o.shared->accounts,
		&(struct choice){ .workspace_id = w->written->row.workspace_id,
			.latest = w->reference->latest_account_id,
			.tried = tried,
			.n_tried = n + 1,
			.admits = admits,
			.ctx = w,
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

/* False: a later release has written the message. */
static bool wish_read(struct wish *w, struct send_reference *reference)
{
	const struct written *of = w->written;
	const struct client_id id = { .request = of->request, .generation = of->row.generation };
	struct arena *a = w->flush->arena;
	struct err err;

	if (outgoing_read(&w->message, of->content, of->address, &id, NULL, a, &err) < 0)
		return false;
	w->from = account_cache_find(w->flush->o.shared->accounts, of->row.workspace_id, of->row.sent_by);
	w->reference = reference;
	fit_reference(reference, &w->message.message, a);
	return true;
}

/* Those that wish for another account. */
static struct wish *wishes_read(struct flush *f, const bool *wanted, const enum failover *rules,
	struct send_reference *references, size_t *n)
{
	struct wish *wishes = ARENA_ARRAY(f->arena, struct wish, f->n_written + 1);

	*n = 0;
	for (size_t i = 0; i < f->n_written; i++) {
		wishes[*n] = (struct wish){ .written = &f->written[i], .rule = rules[i], .flush = f };
		references[*n] = (struct send_reference){ 0 };
		if (wanted[i] && wish_read(&wishes[*n], &references[*n]))
			++*n;
	}
	return wishes;
}

static int tried_load(struct flush *f, const struct wish *wishes, size_t n, struct tried_list *out, struct err *err)
{
	struct send_tried *rows = ARENA_ARRAY(f->arena, struct send_tried, n + 1);

	*out = (struct tried_list){ .accounts = ARENA_ARRAY(f->arena, int64_t *, n + 1),
		.n = ARENA_ARRAY(f->arena, size_t, n + 1),
		.cap = ARENA_ARRAY(f->arena, size_t, n + 1),
		.arena = f->arena };
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct send_tried){ wishes[i].written->row.workspace_id, wishes[i].written->row.id,
			wishes[i].written->row.generation };
	return store_send_attempts_accounts(owner_tx_pg(f->tx), rows, n, tried_add, out, err);
}

int backups_choose(struct flush *f, const bool *wanted, const enum failover *rules, struct err *err)
{
	struct send_reference *references = ARENA_ARRAY(f->arena, struct send_reference, f->n_written + 1);
	size_t n;
	struct wish *wishes = wishes_read(f, wanted, rules, references, &n);
	struct tried_list tried;

	if (tried_load(f, wishes, n, &tried, err) < 0 ||
		store_send_references(owner_tx_pg(f->tx), references, n, f->arena, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t room = tried.cap[i];
		int64_t *accounts = vec_grow_in(f->arena, tried.accounts[i], tried.n[i], &room, sizeof(int64_t));

		backup_set(f, wishes[i].written, account_for(&wishes[i], accounts, tried.n[i]));
	}
	return 0;
}
