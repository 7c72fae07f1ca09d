/* See choice.h. */
#include "campaign-sender/accounts/choice.h"

static bool account_was_tried(const struct choice *what, int64_t account_id)
{
	for (size_t i = 0; i < what->n_tried; i++)
		if (what->tried[i] == account_id)
			return true;
	return false;
}

static bool account_fits(const struct choice *what, const struct account *a)
{
	return account_state(a, what->now_us) == ACCOUNT_USABLE && !account_was_tried(what, a->id) &&
		(what->provider == PROVIDER_NONE || what->provider == a->from.provider) &&
		(!what->admits || what->admits(what->ctx, a));
}

static bool account_is_better(const struct account *a, const struct account *than)
{
	if (a->health_score != than->health_score)
		return a->health_score > than->health_score;
	if (a->created_us != than->created_us)
		return a->created_us < than->created_us;
	return a->id < than->id;
}

static const struct account *primary_or_best(const struct account_cache *c, const struct choice *what)
{
	const struct account *a, *best = NULL;

	for (size_t i = 0; (a = account_cache_each(c, what->workspace_id, &i));) {
		if (!account_fits(what, a))
			continue;
		if (a->is_primary)
			return a;
		if (!best || account_is_better(a, best))
			best = a;
	}
	return best;
}

const struct account *choice_of(const struct account_cache *c, const struct choice *what)
{
	const struct account *named = account_cache_find(c, what->workspace_id, what->named);
	const struct account *latest = account_cache_find(c, what->workspace_id, what->latest);

	if (named && !account_was_tried(what, named->id))
		return named;
	if (latest && account_fits(what, latest))
		return latest;
	return primary_or_best(c, what);
}

/* Puts the account into its place among the n best. Returns their number. */
static size_t best_insert(const struct account **best, size_t n, size_t cap, const struct account *a)
{
	size_t at = n;

	while (at > 0 && account_is_better(a, best[at - 1]))
		at--;
	if (at == cap)
		return n;
	n += n < cap;
	for (size_t i = n - 1; i > at; i--)
		best[i] = best[i - 1];
	best[at] = a;
	return n;
}

size_t choice_spread(const struct account_cache *c, int64_t workspace_id, enum provider provider, int64_t now_us,
	const struct account **out, size_t cap)
{
	const struct choice usable = { .provider = provider, .now_us = now_us };
	const struct account *a;
	size_t n = 0;

	for (size_t i = 0; (a = account_cache_each(c, workspace_id, &i));)
		if (account_fits(&usable, a))
			n = best_insert(out, n, cap, a);
	return n;
}

const struct account *choice_representative(const struct account_cache *c, int64_t workspace_id)
{
	const struct account *a, *oldest = NULL;

	for (size_t i = 0; (a = account_cache_each(c, workspace_id, &i));) {
		if (a->is_primary)
			return a;
		if (!oldest || a->created_us < oldest->created_us ||
			(a->created_us == oldest->created_us && a->id < oldest->id))
			oldest = a;
	}
	return oldest;
}
