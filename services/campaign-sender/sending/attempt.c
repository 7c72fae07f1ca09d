/* See attempt.h: requests that send. Invariant: each attempt puts one result into the journal, also when its partition was revoked. */
#include "campaign-sender/sending/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "campaign-sender/stats.h"

struct client_id attempt_client_id(const struct send_row *row, const struct campaign *campaign)
{
	struct client_id id = { .id = row->id, .generation = row->generation };

	if (row->campaign_id == 0)
		id.request = row->request;
	else if (campaign)
		id.campaign = campaign->uuid;
	return id;
}

struct attempt *attempt_new(struct sending *s, struct send *send, const struct account *account)
{
	struct attempt *a = mem_calloc(1, sizeof(*a));

	a->sending = s;
	a->send = send;
	a->api = account ? account->api : NULL;
	a->began_us = clock_now_us();
	a->again_ms = settlement_first_look_ms(account ? account->from.bridge : BRIDGE_NONE,
		s->shared->settings->unknown_after_ms);
	send->request = a;
	return a;
}

void attempt_send(struct attempt *a, const struct account *account, int64_t begin_by_mono_ms,
	void (*done)(void *ctx, const struct exchange_result *result))
{
	struct sending *s = a->sending;
	const struct send_target to = { (uint64_t)account->id, (uint64_t)account->workspace_id, &account->host };
	const struct send_request request = {
		.url = s->request.url.p,
		.method = s->request.method,
		.headers = s->request.headers,
		.body = buf_str(&s->request.body),
		.timeout_ms = (int)s->shared->settings->timeout_ms,
		.begin_by_mono_ms = begin_by_mono_ms,
		.response_bytes = a->api->response_bytes,
		.max_idle_ms = MAX_IDLE_MS,
		.done = done,
		.ctx = a,
	};

	if (account->host_allowed)
		sender_pool_send(s->pool, &to, &request, &a->request);
	else
		sender_pool_refuse(s->pool, &request, "the address of the account's provider is not permitted",
			&a->request);
}

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
