/* See settlement.h. Invariant: a row is pending again only when its message was certainly not sent, or may be sent twice
 * (reactions and read markers); and only while an attempt still fits before its deadline. */
#include "campaign-sender/policy/settlement.h"

#define FIRST_LOOK_UP_MS 1000

/* Attempts of this generation so far. A look-up follows an attempt that was counted when its outcome was unknown. */
static int32_t attempts_made(const struct settled_attempt *a)
{
	return a->unknown_before ? a->attempt : a->attempt + 1;
}

static void settle_failed(const struct settled_attempt *a, const char *reason, bool retryable, struct settlement *out)
{
	out->status = SEND_STATUS_FAILED;
	out->delay_ms = 0;
	out->keep_content = a->of_campaign && retryable;
	out->reason = reason;
}

static void settle_pending(const struct settled_attempt *a, int64_t delay_ms, struct settlement *out)
{
	out->status = SEND_STATUS_PENDING;
	out->delay_ms = delay_ms;
	if (a->deadline_ms > 0 && a->now_ms + delay_ms >= a->deadline_ms)
		settle_failed(a, "deadline", false, out);
}

static bool fails_over(const struct settled_attempt *a, int32_t attempts)
{
	enum failover f = a->outcome->decision.failover;

	return a->may_fail_over && !a->of_campaign && f != FAILOVER_NEVER &&
		(f != FAILOVER_AFTER_TRIES || attempts >= CODES_FAILOVER_TRIES) &&
		(a->deadline_ms == 0 || a->now_ms < a->deadline_ms);
}

static void settle_retried(const struct settled_attempt *a, enum retry_plan plan, struct settlement *out)
{
	const struct decision *d = &a->outcome->decision;
	int32_t attempts = attempts_made(a);
	int64_t delay_ms = codes_retry_ms(plan, attempts > 0 ? attempts - 1 : 0, a->outcome->retry_after_ms, a->random);

	out->attempt = attempts;
	if (delay_ms == SCHEDULE_EXHAUSTED) {
		settle_failed(a, d->reason, d->retryable, out);
		return;
	}
	settle_pending(a, delay_ms, out);
	out->fail_over = fails_over(a, attempts);
}

/* Not the message's fault: it is due at once, and waits for as long as its account or campaign is stopped. */
static void settle_uncounted(const struct settled_attempt *a, struct settlement *out)
{
	const struct decision *d = &a->outcome->decision;

	/* A template that cannot be used pauses the campaign; nothing else would hold a single message back. */
	if (d->campaign >= CAMPAIGN_STOPS && d->account == ACCOUNT_UNAFFECTED && !a->of_campaign) {
		settle_failed(a, d->reason, false, out);
		return;
	}
	settle_pending(a, 0, out);
	out->fail_over = fails_over(a, out->attempt);
}

/* Due at once, which is after the circuit breaker's pause. An attempt that was aborted before it began, because this process drains or
 * was stopped for a while, is no reason to change the account. */
static void settle_not_sent(const struct settled_attempt *a, struct settlement *out)
{
	settle_pending(a, 0, out);
	out->fail_over = a->outcome->decision.account == ACCOUNT_COUNTS && fails_over(a, out->attempt);
}

static void settle_decided(const struct settled_attempt *a, struct settlement *out)
{
	const struct decision *d = &a->outcome->decision;

	if (d->row == ROW_RETRIED) {
		settle_retried(a, d->retry, out);
	} else if (d->row == ROW_PENDING) {
		settle_uncounted(a, out);
	} else {
		out->attempt = attempts_made(a);
		settle_failed(a, d->reason, d->retryable, out);
		out->fail_over = fails_over(a, out->attempt);
	}
}

static void settle_accepted(const struct settled_attempt *a, struct settlement *out)
{
	out->status = SEND_STATUS_SENT;
	out->attempt = attempts_made(a);
	out->keep_content = a->of_campaign; /* a status may still say that it failed */
	out->reason = "";
}

static void settle_unknown(const struct settled_attempt *a, struct settlement *out)
{
	if (a->repeatable) {
		settle_retried(a, RETRY_TRANSIENT, out);
		return;
	}
	out->status = SEND_STATUS_UNKNOWN;
	out->attempt = attempts_made(a);
	out->delay_ms = a->unknown_delay_ms;
}

static enum account_verdict account_verdict_of(const struct settled_attempt *a)
{
	static const enum account_verdict verdicts[] = {
		[ACCOUNT_UNAFFECTED] = ACCOUNT_SUCCEEDED, /* it has answered */
		[ACCOUNT_COUNTS] = ACCOUNT_FAILED,
		[ACCOUNT_SLOWED] = ACCOUNT_LIMITED,
		[ACCOUNT_WAITS] = ACCOUNT_NEUTRAL, /* its pause is the effect */
		[ACCOUNT_HELD] = ACCOUNT_NEUTRAL,
	};
	enum account_effect effect = a->outcome->decision.account;
	bool answered = a->outcome->class == OUTCOME_DECIDED || a->outcome->class == OUTCOME_ACCEPTED;

	/* A look-up says nothing about whether the account can send. */
	if (a->unknown_before || (effect == ACCOUNT_UNAFFECTED && !answered))
		return ACCOUNT_NEUTRAL;
	return verdicts[effect];
}

/* Maintenance, and errors that the provider calls its own, are not the account's. */
static bool is_at_fault(const struct settled_attempt *a)
{
	const struct decision *d = &a->outcome->decision;

	if (a->unknown_before || a->outcome->class == OUTCOME_NOT_SENT)
		return false;
	return (d->account == ACCOUNT_HELD && !d->probe) || (d->account == ACCOUNT_COUNTS && d->row != ROW_RETRIED);
}

void settle(const struct settled_attempt *a, struct settlement *out)
{
	*out = (struct settlement){
		.attempt = a->attempt,
		.account = account_verdict_of(a),
		.at_fault = is_at_fault(a),
		.reason = a->outcome->decision.reason,
	};
	switch (a->outcome->class) {
	case OUTCOME_NOT_SENT:
		settle_not_sent(a, out);
		break;
	case OUTCOME_DECIDED:
		settle_decided(a, out);
		break;
	case OUTCOME_ACCEPTED:
		settle_accepted(a, out);
		break;
	case OUTCOME_UNKNOWN:
	case OUTCOME_CLASSES:
		settle_unknown(a, out);
		break;
	}
}

void settle_by_policy(enum unknown_policy policy, bool of_campaign, int32_t attempt, struct settlement *out)
{
	bool fails = policy == UNKNOWN_FAILS;

	*out = (struct settlement){
		.status = fails ? SEND_STATUS_FAILED : SEND_STATUS_UNKNOWN,
		.attempt = attempt,
		.keep_content = fails && of_campaign, /* for a person's RETRY_FAILED */
		.account = ACCOUNT_NEUTRAL,
		.reason = "unknown_outcome",
	};
}

void settlement_lookup(enum blazz_lookup found, const struct provider_answer *answer, struct attempt_outcome *out)
{
	*out = (struct attempt_outcome){
		.class = OUTCOME_UNKNOWN,
		.decision = code_of_unknown(false),
		.answer = *answer,
		.retry_after_ms = -1,
	};
	if (found == LOOKUP_SENT) {
		out->class = OUTCOME_ACCEPTED;
		out->decision = code_of_sent();
	} else if (found == LOOKUP_FAILED && answer->decided) {
		out->class = OUTCOME_DECIDED;
		out->decision = answer->decision;
	} else if (found == LOOKUP_ABSENT) {
		out->class = OUTCOME_NOT_SENT;
		out->decision = code_of_not_sent(false);
	}
}

static bool differs(struct str a, struct str b)
{
	return a.n > 0 && b.n > 0 && !str_eq(a, b);
}

bool failover_admits(enum failover f, const struct failover_account *from, const struct failover_account *to)
{
	bool other_provider = from->provider != to->provider;

	switch (f) {
	case FAILOVER_NEVER:
		return false;
	case FAILOVER_ANY:
	case FAILOVER_AFTER_TRIES:
		return true;
	case FAILOVER_OTHER_WABA:
		return other_provider || differs(from->waba_id, to->waba_id);
	case FAILOVER_OTHER_APP:
		return other_provider || differs(from->app, to->app);
	case FAILOVER_OTHER_PORTFOLIO:
		return other_provider || differs(from->business_id, to->business_id);
	case FAILOVER_OTHER_PROVIDER:
		return other_provider;
	case FAILOVER_FREE:
		return to->has_room;
	}
	return false;
}

int64_t settlement_first_look_ms(enum bridge_kind bridge, int64_t unknown_after_ms)
{
	return bridge == BRIDGE_BLAZZ ? FIRST_LOOK_UP_MS : unknown_after_ms;
}
