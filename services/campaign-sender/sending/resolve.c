/* Messages of which it is unknown whether they were sent; see private.h. Invariant: nothing here sends a message; one that its bridge never got
 * is pending again. */
#include "campaign-sender/sending/private.h"
#include "provider/answer.h"
#include "provider/blazz.h"

static void unknown_end(struct attempt *a, struct settlement settlement, bool by_policy)
{
	const struct journal_result r = { .settlement = settlement,
		.outcome = { .class = OUTCOME_UNKNOWN,
			.decision = code_of_unknown(false),
			.answer = { .code = CODE_NONE, .subcode = CODE_NONE },
			.retry_after_ms = -1 },
		.by_policy = by_policy,
		.total_us = -1 };

	attempt_end(a, &r);
}

static void unknown_wait(struct attempt *a, int64_t delay_ms)
{
	unknown_end(a,
		(struct settlement){ .status = SEND_STATUS_UNKNOWN,
			.attempt = a->send->row.attempt,
			.delay_ms = delay_ms,
			.account = ACCOUNT_NEUTRAL,
			.reason = "" },
		false);
}

static void policy_apply(struct attempt *a, const struct campaign *campaign)
{
	bool of_campaign = a->send->row.campaign_id != 0;
	enum unknown_policy policy = of_campaign ? campaign->on_unknown : unknown_policy_of(false, STR_NONE, STR_NONE);
	struct settlement settlement;

	settle_by_policy(policy, of_campaign, a->send->row.attempt, &settlement);
	unknown_end(a, settlement, true);
}

static void on_looked_up(void *ctx, const struct exchange_result *result)
{
	struct attempt *a = ctx;
	struct attempt_outcome outcome;
	struct provider_answer answer = answer_none();
	enum blazz_lookup found;

	arena_reset(a->sending->arena);
	found = blazz_lookup_read(result, a->sending->arena, &answer);
	settlement_lookup(found, &answer, &outcome);
	attempt_settle(a, &outcome, result);
}

static void look_up(struct attempt *a, const struct account *account, const struct campaign *campaign)
{
	const struct client_id id = attempt_client_id(&a->send->row, campaign);
	struct sending *s = a->sending;
	char text[CLIENT_ID_CAP];
	struct err err;

	store_client_id_write(&id, text);
	arena_reset(s->arena);
	if (blazz_lookup_build(&account->from, str_of(text), a->began_us / 1000, s->arena, &s->request, &err) < 0)
		unknown_wait(a, a->again_ms);
	else
		attempt_send(a, account, 0, on_looked_up);
}

#define CAMPAIGN_MISSING_MS 60000 /* the campaign could not be read: it was deleted, or changed at this moment */

void attempt_resolve(struct attempt *a, const struct account *account, const struct campaign *campaign)
{
	enum bridge_kind bridge = account ? account->from.bridge : BRIDGE_NONE;
	struct resolution_step step =
		resolution_next(bridge, a->send->row.age_ms, a->sending->shared->settings->unknown_after_ms);

	a->again_ms = step.delay_ms;
	if (a->send->row.campaign_id && !campaign)
		unknown_wait(a, CAMPAIGN_MISSING_MS);
	else if (step.what == RESOLVE_BY_POLICY)
		policy_apply(a, campaign);
	else if (step.what == RESOLVE_LOOK_UP && account && account->secrets_open)
		look_up(a, account, campaign);
	else
		unknown_wait(a, step.delay_ms);
}
