/* How attempts end; see private.h. Invariant: a send is ANSWERED exactly when the journal has its result. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "campaign-sender/sending/private.h"
#include "campaign-sender/stats.h"

void attempt_end(struct attempt *a, const struct journal_result *result)
{
	struct sending *s = a->sending;
	struct journal_result r = *result;
	const struct decision *d = &r.outcome.decision;
	struct segment *segment = a->send->segment;
	bool only_warns = d->campaign == CAMPAIGN_WARNED_OVER_SHARE;
	/* Only a result of the message itself says something about its campaign. */
	bool counts = !a->send->resolves &&
		(r.outcome.class == OUTCOME_ACCEPTED || d->campaign == CAMPAIGN_BREAKER ||
			r.settlement.status == SEND_STATUS_FAILED);
	const struct send_answer answer = {
		.account = r.settlement.account,
		.at_fault = r.settlement.at_fault,
		.attempted = r.attempted,
		.retry_after_ms = r.outcome.retry_after_ms,
		.code = d->campaign == CAMPAIGN_BREAKER || only_warns ? str_of(d->reason) : STR_NONE,
		.counts = counts,
		.only_warns = only_warns,
	};

	r.send = a->send;
	r.began_us = a->began_us;
	r.answered_ms = clock_mono_ms();
	r.other_number = a->other_number;
	a->send->request = NULL;
	r.stopped = send_answered(a->send, &answer, clock_now_us(), r.answered_ms);
	r.over_share = segment && only_warns && stopper_is_over(&segment->stopper, answer.code, CODES_WARN_PERCENT);
	if (segment && (d->campaign == CAMPAIGN_STOPS || d->campaign == CAMPAIGN_STOPS_FOR_PERSON))
		segment_stop(segment);
	journal_add(s->journal, &r);
	free(a);
	s->ended(s->ctx);
}

static int64_t deadline_ms(const struct send_row *row)
{
	return row->deadline_us == PG_NO_TIME ? 0 : row->deadline_us / 1000;
}

void attempt_settle(struct attempt *a, const struct attempt_outcome *outcome, const struct exchange_result *result)
{
	const struct send_row *row = &a->send->row;
	const struct settled_attempt settled = {
		.outcome = outcome,
		.unknown_before = a->send->resolves,
		.of_campaign = row->campaign_id != 0,
		.repeatable = row->kind != SEND_MESSAGE,
		.attempt = row->attempt,
		.deadline_ms = deadline_ms(row),
		.now_ms = clock_now_ms(),
		.may_fail_over = row->campaign_id != 0 || a->other_number,
		.unknown_delay_ms = a->again_ms,
		.random = rng_unit(),
	};
	struct journal_result r = { .outcome = *outcome, .looked_up = a->send->resolves, .total_us = -1 };

	if (result) {
		r.attempted = result->begun && !a->send->resolves;
		r.http_status = result->status;
		r.total_us = result->total_us;
	}
	settle(&settled, &r.settlement);
	if (outcome->class != OUTCOME_ACCEPTED && outcome->decision.reason && outcome->decision.reason[0])
		stats_code(outcome->decision.reason);
	attempt_end(a, &r);
}

void attempt_refuse(struct attempt *a, enum outcome_class class, struct decision decision, const char *why)
{
	struct attempt_outcome outcome = {
		.class = class,
		.decision = decision,
		.answer = { .code = CODE_NONE, .subcode = CODE_NONE, .error = { .details = str_of(why) } },
		.retry_after_ms = -1,
	};

	stats_attempt(a->api ? a->api->name : "none", outcome_class_word(class), -1);
	attempt_settle(a, &outcome, NULL);
}
