/* See accounts.h. Source: README.md, Account, failover, breaker. */
#include "campaign-sender/driver/accounts.h"

#include "campaign-sender/accounts/choice.h"

static size_t named_account(const struct driving *w, const struct campaign_row *row, const struct account **out,
	struct reasons *why)
{
	const struct account *a = account_cache_find(w->shared->accounts, row->workspace_id, row->account_id);
	enum account_state state = a ? account_state(a, w->now_us) : ACCOUNT_IS_DELETED;

	if (state != ACCOUNT_USABLE) {
		reasons_add(why, "the account cannot be used: %s", account_state_word(state));
		return 0;
	}
	*out = a;
	return 1;
}

static size_t accounts_of(const struct driving *w, const struct campaign_row *row, enum provider provider,
	const struct account **out)
{
	const struct choice choice = { .workspace_id = row->workspace_id, .provider = provider, .now_us = w->now_us };

	if (row->spread)
		return choice_spread(w->shared->accounts, row->workspace_id, provider, w->now_us, out,
			CAMPAIGN_SEGMENTS_MAX);
	*out = choice_of(w->shared->accounts, &choice);
	return *out ? 1 : 0;
}

size_t campaign_accounts(const struct driving *w, const struct campaign_row *row,
	const struct account *out[static CAMPAIGN_SEGMENTS_MAX], struct reasons *why)
{
	enum provider other = row->preferred_provider == PROVIDER_META ? PROVIDER_WEBJS : PROVIDER_META;
	size_t n;

	if (row->account_id > 0)
		return named_account(w, row, out, why);
	n = accounts_of(w, row, row->preferred_provider, out);
	if (n == 0 && row->allow_other_provider && (other == PROVIDER_META || !str_is(row->type, "template")))
		n = accounts_of(w, row, other, out);
	if (n == 0)
		reasons_add(why, "the workspace has no account of provider %s%s that can be used",
			provider_word(row->preferred_provider),
			row->allow_other_provider ? ", nor of the other one," : "");
	return n;
}
