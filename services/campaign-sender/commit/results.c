/* Results of attempts as rows; see private.h. Invariant: a result leaves the journal only after the commit that wrote it, or because nothing
 * could be written of it (orphans that say nothing, JOURNAL_KEEP_MS). */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "campaign-sender/stats.h"
#include "store/campaign_driver.h"
#include "store/send_attempts.h"

/* Of a lane that another replica has now: to that one the message is unknown, and only an answer says more. */
static bool says_nothing(const struct journal_result *r)
{
	return !r->send->lane && (r->outcome.class == OUTCOME_NOT_SENT || r->outcome.class == OUTCOME_UNKNOWN);
}

static struct str error_code(const struct journal_result *r)
{
	if (r->settlement.status == SEND_STATUS_SENT)
		return STR_NONE;
	if (r->outcome.answer.error.code.n > 0 && strcmp(r->settlement.reason, "deadline") != 0)
		return r->outcome.answer.error.code;
	return r->settlement.reason && r->settlement.reason[0] ? str_of(r->settlement.reason) : STR_NONE;
}

static struct str error_message(const struct journal_result *r)
{
	const struct provider_error *e = &r->outcome.answer.error;

	if (r->settlement.status == SEND_STATUS_SENT)
		return STR_NONE;
	return e->details.n > 0 ? e->details : e->title.n > 0 ? e->title : r->outcome.excerpt;
}

static struct written written_of(struct journal_result *r)
{
	const struct settlement *s = &r->settlement;
	const struct send *send = r->send;
	const struct send_row *row = &send->row;

	return (struct written){
		.result = r,
		.campaign_id = row->campaign_id,
		.address = row->address,
		.content = row->content,
		.request = row->request,
		.kind = row->kind,
		.row = { .workspace_id = row->workspace_id,
			.id = row->id,
			.generation = row->generation,
			.sent_by = send->account_id,
			.slot = send->partition,
			.status = s->status,
			.attempt = s->attempt,
			.account_id = send->account_id,
			.delay_ms = s->delay_ms,
			.provider_message_id = r->outcome.answer.provider_id,
			.error_code = error_code(r),
			.error_message = error_message(r),
			.keep_content = s->keep_content,
			.resolved_by = r->by_policy ? "policy"
				: r->looked_up      ? "lookup"
						    : NULL },
	};
}

static int written_cmp(const void *va, const void *vb)
{
	const struct written *a = va, *b = vb;

	if (a->row.workspace_id != b->row.workspace_id)
		return a->row.workspace_id < b->row.workspace_id ? -1 : 1;
	return (a->row.id > b->row.id) - (a->row.id < b->row.id);
}

void results_collect(struct flush *f)
{
	struct journal *j = f->journal;
	size_t kept = 0;

	f->written = ARENA_ARRAY(f->arena, struct written, j->n + 1);
	f->n_written = 0;
	for (size_t i = 0; i < j->n; i++) {
		if (says_nothing(&j->results[i]))
			send_release(f->o.lanes, j->results[i].send, -1, f->now_ms);
		else
			j->results[kept++] = j->results[i];
	}
	j->n = kept;
	for (size_t i = 0; i < j->n; i++)
		f->written[f->n_written++] = written_of(&j->results[i]);
	qsort(f->written, f->n_written, sizeof(*f->written), written_cmp);
}

bool results_has(const struct flush *f, int64_t workspace_id, int64_t id)
{
	const struct written key = { .row = { .workspace_id = workspace_id, .id = id } };

	return f->n_written > 0 && bsearch(&key, f->written, f->n_written, sizeof(key), written_cmp);
}

/* A result that only says when an unknown row is looked at again, or that it never is. */
static bool stays_unknown(const struct written *w)
{
	return w->result->send->resolves && w->row.status == SEND_STATUS_UNKNOWN;
}

static int unknown_write(struct flush *f, bool by_policy, struct err *err)
{
	struct send_id *ids = ARENA_ARRAY(f->arena, struct send_id, f->n_written + 1);
	struct pg *pg = owner_tx_pg(f->tx);
	size_t n = 0;

	for (size_t i = 0; i < f->n_written; i++) {
		const struct written *w = &f->written[i];

		if (stays_unknown(w) && w->result->by_policy == by_policy)
			ids[n++] = (struct send_id){ w->row.workspace_id, w->row.id, w->row.delay_ms };
	}
	return by_policy ? store_sends_assume(pg, ids, n, err) : store_sends_postpone(pg, ids, n, err);
}

static int rows_write(struct flush *f, struct err *err)
{
	struct send_result *rows = ARENA_ARRAY(f->arena, struct send_result, f->n_written + 1);
	size_t n = 0, at = 0;

	for (size_t i = 0; i < f->n_written; i++)
		if (!stays_unknown(&f->written[i]))
			rows[n++] = f->written[i].row;
	if (store_sends_results(owner_tx_pg(f->tx), rows, n, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n_written; i++)
		if (!stays_unknown(&f->written[i])) {
			f->written[i].row.applied = rows[at].applied;
			f->written[i].row.erased = rows[at].erased;
			f->written[i].row.resolved = rows[at++].resolved;
		}
	return 0;
}

static int attempts_write(struct flush *f, struct err *err)
{
	struct send_attempt_row *rows = ARENA_ARRAY(f->arena, struct send_attempt_row, f->n_written + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->n_written; i++) {
		const struct written *w = &f->written[i];
		const struct journal_result *r = w->result;

		if (r->outcome.class == OUTCOME_ACCEPTED || r->send->resolves)
			continue;
		rows[n++] = (struct send_attempt_row){ .workspace_id = w->row.workspace_id,
			.send_id = w->row.id,
			.account_id = w->row.sent_by,
			.generation = w->row.generation,
			.attempt = r->send->row.attempt + 1,
			.class = outcome_class_word(r->outcome.class),
			.status = r->http_status,
			.code = error_code(r),
			.at_us = r->began_us,
			.total_us = r->total_us > INT32_MAX ? INT32_MAX : (int32_t)r->total_us,
			.excerpt = w->row.erased ? STR_NONE : r->outcome.excerpt };
	}
	return store_send_attempts(owner_tx_pg(f->tx), rows, n, err);
}

static void effect_note(struct flush *f, const struct written *w)
{
	const struct journal_result *r = w->result;
	const struct effect_source from = {
		.workspace_id = w->row.workspace_id,
		.account_id = w->row.sent_by,
		.campaign = w->campaign_id
			? campaign_cache_find(f->o.shared->campaigns, w->row.workspace_id, w->campaign_id)
			: NULL,
		.address = w->row.erased ? STR_NONE : w->address,
		.code = error_code(r),
		.text = error_message(r),
		.at_us = r->began_us,
		.stopped = r->stopped,
		.over_share = r->over_share,
	};

	if (r->outcome.class == OUTCOME_ACCEPTED)
		connected_note(f, account_cache_find(f->o.shared->accounts, w->row.workspace_id, w->row.sent_by));
	else if (!r->send->resolves)
		effects_add(f->journal->effects, &r->outcome.decision, &from);
}

/* Single messages that wait behind one that has ended, or has moved, come next. */
static void address_release(struct flush *f, const struct written *w)
{
	if (w->campaign_id || stays_unknown(w))
		return;
	if (w->row.status != SEND_STATUS_PENDING || w->moved_to)
		flush_release_address(f, w->row.workspace_id, w->row.sent_by, w->address);
	if (w->moved_to)
		flush_release_address(f, w->row.workspace_id, w->moved_to, w->address);
}

int results_find_backups(struct flush *f, struct err *err)
{
	bool *wanted = ARENA_ARRAY(f->arena, bool, f->n_written + 1);
	enum failover *rules = ARENA_ARRAY(f->arena, enum failover, f->n_written + 1);
	bool any = false;

	for (size_t i = 0; i < f->n_written; i++) {
		const struct written *w = &f->written[i];

		wanted[i] = w->campaign_id == 0 && w->result->settlement.fail_over;
		rules[i] = w->result->outcome.decision.failover;
		any = any || wanted[i];
	}
	return any ? backups_choose(f, wanted, rules, err) : 0;
}

/* A recipient that was unknown and is due again: its segment, which may be in the lane of another account, may have been done. */
static bool reopens(const struct written *w)
{
	return w->campaign_id != 0 && w->row.resolved && w->row.status == SEND_STATUS_PENDING;
}

static int segments_reopened(struct flush *f, struct err *err)
{
	for (size_t i = 0; i < f->n_written; i++) {
		const struct written *w = &f->written[i];
		const struct campaign *c = reopens(w)
			? campaign_cache_find(f->o.shared->campaigns, w->row.workspace_id, w->campaign_id)
			: NULL;

		if (c && store_campaign_notify(owner_tx_pg(f->tx), &c->uuid, err) < 0)
			return -1;
	}
	return 0;
}

int results_write(struct flush *f, struct err *err)
{
	if (f->n_written == 0)
		return 0;
	for (size_t i = 0; i < f->n_written; i++)
		f->written[i].row.slot = flush_slot(f, f->written[i].row.slot);
	if (rows_write(f, err) < 0 || unknown_write(f, false, err) < 0 || unknown_write(f, true, err) < 0 ||
		attempts_write(f, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n_written; i++) {
		effect_note(f, &f->written[i]);
		address_release(f, &f->written[i]);
	}
	return segments_reopened(f, err) < 0 ? -1 : dispatches_emit(f, err);
}

static void resolved_count(const struct written *w)
{
	if (w->row.resolved)
		stats_resolved(w->row.resolved_by ? w->row.resolved_by : "answer");
	else if (stays_unknown(w) && w->result->by_policy)
		stats_resolved("policy");
}

void results_release(struct flush *f)
{
	connected_keep(f);
	for (size_t i = 0; i < f->n_written; i++) {
		const struct written *w = &f->written[i];
		bool due = w->row.applied || stays_unknown(w);
		bool ours = due && w->moved_to == 0 && w->row.delay_ms >= 0 &&
			(w->row.status == SEND_STATUS_PENDING || w->row.status == SEND_STATUS_UNKNOWN);

		if (reopens(w))
			f->told = f->segments_stale = true;
		resolved_count(w);
		send_release(f->o.lanes, w->result->send, ours ? w->row.delay_ms : -1, f->now_ms);
	}
}
