/* See attempt.h: requests that send. Invariant: each attempt puts one result into the journal, also when its partition was revoked. */
#include "campaign-sender/sending/private.h"

#include "base/failpoint.h"
#include "campaign-sender/stats.h"

static void on_sent(void *ctx, const struct exchange_result *result)
{
	struct attempt *a = ctx;
	struct attempt_outcome outcome;

	(void)failpoint("send_done");
	arena_reset(a->sending->arena);
	outcome_read(a->api, a->act, result, a->sending->arena, &outcome);
	stats_attempt(a->api->name, outcome_class_word(outcome.class), result->total_us);
	attempt_settle(a, &outcome, result);
}

static struct decision decided_invalid(void)
{
	return (struct decision){ .row = ROW_FAILED, .failover = FAILOVER_NEVER, .reason = "invalid_content" };
}

/* As of a campaign that has moved to an account of another provider. */
static struct decision decided_unsupported(void)
{
	return (struct decision){ .row = ROW_FAILED,
		.campaign = CAMPAIGN_BREAKER,
		.failover = FAILOVER_NEVER,
		.reason = "unsupported_content",
		.retryable = true };
}

static void message_send(struct attempt *a, const struct account *account, const struct campaign *campaign,
	int64_t begin_by_mono_ms)
{
	const struct send_row *row = &a->send->row;
	const struct client_id id = attempt_client_id(row, campaign);
	struct sending *s = a->sending;
	struct outgoing out;
	struct err err;

	arena_reset(s->arena);
	if (outgoing_read(&out, row->content, row->address, &id, account->api, s->arena, &err) < 0) {
		attempt_refuse(a, OUTCOME_DECIDED, decided_invalid(), err.msg);
		return;
	}
	a->act = out.to_provider.act;
	a->other_number = out.message.allow_other_number || uuid_is_nil(&out.message.account);
	if (provider_check(account->api, &out.to_provider, s->arena, &err) < 0) {
		attempt_refuse(a, OUTCOME_DECIDED, decided_unsupported(), err.msg);
		return;
	}
	if (provider_build(account->api, &account->from, &out.to_provider, a->began_us / 1000, s->arena, &s->request,
		    &err) < 0) {
		attempt_refuse(a, OUTCOME_NOT_SENT, code_of_not_sent(true), err.msg);
		return;
	}
	if (row->campaign_id == 0)
		stats_direct(a->began_us / 1000 - out.message.requested_at_ms);
	attempt_send(a, account, begin_by_mono_ms, on_sent);
}

void attempt_begin(struct sending *s, struct send *send, int64_t checked_mono_ms)
{
	const struct send_row *row = &send->row;
	const struct account *account = account_cache_find(s->shared->accounts, row->workspace_id, send->account_id);
	const struct campaign *campaign = row->campaign_id
		? campaign_cache_find(s->shared->campaigns, row->workspace_id, row->campaign_id)
		: NULL;
	struct attempt *a = attempt_new(s, send, account);

	(void)failpoint("send_begin");
	if (send->resolves)
		attempt_resolve(a, account, campaign);
	else if (!account || !account->api || !account->secrets_open || (row->campaign_id && !campaign))
		attempt_refuse(a, OUTCOME_NOT_SENT, code_of_not_sent(false), "the account cannot be used");
	else
		message_send(a, account, campaign, checked_mono_ms + s->shared->settings->max_delay_ms);
}
