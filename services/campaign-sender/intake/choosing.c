/* Which account sends each request. */
#include "campaign-sender/intake/private.h"

static int accounts_load(struct intake_work *w, struct err *err)
{
	const struct requests *all = &w->requests;
	struct uuid *named = ARENA_ARRAY(w->arena, struct uuid, all->n);
	int64_t *workspaces = ARENA_ARRAY(w->arena, int64_t, all->n);
	size_t n_named = 0;

	for (size_t i = 0; i < all->n; i++) {
		workspaces[i] = all->at[i].reference->workspace_id;
		if (!uuid_is_nil(&all->at[i].message->account))
			named[n_named++] = all->at[i].message->account;
	}
	if (account_cache_load_ids(w->shared->accounts, w->pg, named, n_named, err) < 0)
		return -1;
	return account_cache_load(w->shared->accounts, w->pg, workspaces, all->n, err);
}

struct admission {
	const struct request *request;
	struct arena *arena;
};

static bool admits(void *ctx, const struct account *a)
{
	const struct admission *admission = ctx;
	struct err ignored;

	return fit_check(admission->request->reference, admission->request->outgoing, a, admission->arena, &ignored) ==
		0;
}

/* Without a named account, one that can carry the content is preferred to a better one that cannot. */
static void account_choose(struct intake_work *w, struct request *r, int64_t named)
{
	struct admission admission = { r, w->arena };
	struct choice choice = { .workspace_id = r->reference->workspace_id,
		.named = named,
		.latest = r->reference->latest_account_id,
		.now_us = w->now_ms * 1000 };

	if (named == 0) {
		choice.admits = admits;
		choice.ctx = &admission;
		r->account = choice_of(w->shared->accounts, &choice);
		choice.admits = NULL;
	}
	if (!r->account)
		r->account = choice_of(w->shared->accounts, &choice);
	r->shown_under = r->account ? r->account : choice_representative(w->shared->accounts, choice.workspace_id);
}

/* False: it became a dead letter. */
static bool account_set(struct intake_work *w, struct request *r)
{
	const struct account *named = NULL;

	if (!uuid_is_nil(&r->message->account)) {
		named = account_cache_find_uuid(w->shared->accounts, &r->message->account);
		if (!named || named->workspace_id != r->reference->workspace_id) {
			batch_dead_letter(w->tx, r->item, DEAD_UNKNOWN_REFERENCE, "account",
				"the workspace has no such account", true);
			return false;
		}
	}
	account_choose(w, r, named ? named->id : 0);
	return true;
}

int choose_accounts(struct intake_work *w, struct err *err)
{
	struct requests *all = &w->requests;
	size_t kept = 0;

	if (all->n == 0)
		return 0;
	if (accounts_load(w, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++)
		if (account_set(w, &all->at[i]))
			all->at[kept++] = all->at[i];
	all->n = kept;
	return 0;
}
