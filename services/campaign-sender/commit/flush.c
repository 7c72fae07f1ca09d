/* See flush.h; private.h says what the other files do. */
#include "campaign-sender/commit/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"

#define CHOICE_MAX 1000 /* messages that one flush begins */
#define DOUBTS_MAX 20000

struct flush *flush_new(const struct flush_options *options)
{
	struct flush *f = mem_calloc(1, sizeof(*f));

	f->o = *options;
	f->tx = owner_tx_new(options->owner);
	f->arena = arena_new(1 << 18);
	f->journal = journal_new();
	f->doubtful = map_new();
	f->announced = map_new();
	f->chosen = mem_calloc(CHOICE_MAX, sizeof(struct send *));
	return f;
}

void flush_free(struct flush *f)
{
	if (!f)
		return;
	owner_tx_free(f->tx);
	journal_free(f->journal);
	map_free(f->doubtful);
	map_free(f->announced);
	arena_free(f->arena);
	free(f->acquired);
	free(f->tenures);
	free(f->lanes.rows);
	free(f->released.rows);
	free(f->notified.rows);
	free(f->chosen);
	free(f->portfolio);
	free(f);
}

/* While Kafka does not acknowledge what follows from earlier flushes, nothing more is sent. */
static bool has_back_pressure(const struct flush *f)
{
	return owner_outstanding(f->o.owner) >= (size_t)f->o.shared->settings->outbox_max_outstanding;
}

static bool refresh_is_due(const struct flush *f, int64_t now_ms)
{
	return f->n_acquired > 0 || f->lanes_stale || f->segments_stale ||
		(f->n_segments > 0 && now_ms >= f->segments_at_ms) ||
		(now_ms >= f->release_at_ms && !TAILQ_EMPTY(&f->o.lanes->all));
}

bool flush_wanted(struct flush *f, int64_t now_ms, bool *at_once)
{
	const struct journal *j = f->o.sending->journal;
	bool direct = false, ready;

	*at_once = false;
	if (!owner_running(f->o.owner))
		return false;
	*at_once = f->n_acquired > 0 || f->lanes_stale || f->segments_stale;
	ready = !has_back_pressure(f) && lanes_ready(f->o.lanes, clock_now_us(), now_ms, &direct);
	*at_once = *at_once || (ready && direct);
	return *at_once || ready || j->n > 0 || !effects_empty(j->effects) || lanes_want_rows(f->o.lanes, now_ms) ||
		refresh_is_due(f, now_ms) || failover_wanted(f, now_ms);
}

static void transaction_clear(struct flush *f)
{
	owner_tx_reset(f->tx);
	arena_reset(f->arena);
	f->lanes.n = f->released.n = f->notified.n = f->n_portfolio = 0;
	f->n_written = f->n_chosen = 0;
	f->ended_holds = NULL;
	f->n_ended_holds = f->cap_ended_holds = 0;
	f->written = NULL;
	f->admitted = false;
	f->now_ms = clock_mono_ms();
	f->now_us = clock_now_us();
	f->generation = owner_generation(f->o.owner);
	f->included = ARENA_ARRAY(f->arena, bool, (size_t)f->o.shared->outbound_partitions + 1);
	f->epochs = ARENA_ARRAY(f->arena, int64_t, (size_t)f->o.shared->outbound_partitions + 1);
	f->any = -1;
}

static int transaction_begin(struct flush *f, struct err *err)
{
	for (int32_t i = 0; i < f->o.shared->outbound_partitions; i++)
		if (f->included[i] && owner_tx_include(f->tx, flush_partition(f, i), err) < 0)
			return -1;
	return owner_tx_begin(f->tx, err);
}

/* What is read again and moved: a transaction over all lanes. */
static int upkeep_write(struct flush *f, struct err *err)
{
	bool lanes = f->n_acquired > 0 || f->lanes_stale || f->now_ms >= f->release_at_ms;

	f->lanes_stale = f->segments_stale = false;
	if (transaction_begin(f, err) < 0 || (lanes && acquire_run(f, err) < 0) || segments_refresh(f, err) < 0 ||
		flush_owns(f, err) < 0)
		return -1;
	if (f->lanes.n == 0 && failover_wanted(f, f->now_ms) && failover_run(f, err) < 0)
		return -1;
	if (flush_mark(f, err) < 0 || owner_tx_commit(f->tx, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	failover_done(f);
	f->n_acquired = 0;
	return 0;
}

static int upkeep_run(struct flush *f, struct err *err)
{
	size_t n;
	const int32_t *owned;

	transaction_clear(f);
	owned = partitions_owned(f, &n);
	for (size_t i = 0; i < n; i++)
		concerned_include(f, owned[i]);
	return n > 0 ? upkeep_write(f, err) : 0;
}

static void journals_swap(struct flush *f)
{
	struct journal *full = f->o.sending->journal;

	f->o.sending->journal = f->journal;
	f->journal = full;
}

static int effects_flush(struct flush *f, struct err *err)
{
	const struct record_target to = flush_target(f, f->any);

	if (effects_empty(f->journal->effects))
		return 0;
	return effects_write(f->journal->effects, &to, f->o.shared->accounts, &f->o.effects, err);
}

static int accounts_load(struct flush *f, struct err *err)
{
	int64_t *ids = ARENA_ARRAY(f->arena, int64_t, f->n_written + f->n_chosen + 1);
	struct campaign_key *keys = ARENA_ARRAY(f->arena, struct campaign_key, f->n_written + f->n_chosen + 1);
	size_t n = 0, n_keys = 0;

	for (size_t i = 0; i < f->n_written + f->n_chosen; i++) {
		const struct send_row *row =
			i < f->n_written ? &f->written[i].result->send->row : &f->chosen[i - f->n_written]->row;

		if (n == 0 || ids[n - 1] != row->workspace_id)
			ids[n++] = row->workspace_id;
		if (row->campaign_id && (n_keys == 0 || keys[n_keys - 1].id != row->campaign_id))
			keys[n_keys++] = (struct campaign_key){ row->workspace_id, row->campaign_id };
	}
	if ((n > 0 && account_cache_load(f->o.shared->accounts, owner_tx_pg(f->tx), ids, n, err) < 0) ||
		(n_keys > 0 && campaign_cache_load(f->o.shared->campaigns, owner_tx_pg(f->tx), keys, n_keys, err) < 0))
		return -1;
	return flush_owns(f, err);
}

static int exchange_write(struct flush *f, struct err *err)
{
	(void)failpoint("flush_begin");
	if (transaction_begin(f, err) < 0 || flush_owns(f, err) < 0)
		return -1;
	if (accounts_load(f, err) < 0 || results_find_backups(f, err) < 0 || concerned_lock(f, err) < 0)
		return -1;
	(void)failpoint("flush_locked");
	if (results_write(f, err) < 0 || effects_flush(f, err) < 0 || flush_owns(f, err) < 0 ||
		restored_resolve(f, f->chosen, f->n_chosen, err) < 0 || flush_check(f, err) < 0 ||
		flush_mark(f, err) < 0 || flush_fetch(f, err) < 0)
		return -1;
	(void)failpoint(f->n_written > 0 && f->written[0].result->by_policy ? "resolve_commit" : "flush_commit");
	if (owner_tx_commit(f->tx, err) < 0)
		return -1;
	(void)failpoint("flush_committed");
	return 0;
}

static void expired(void *ctx, struct journal_result *r)
{
	struct flush *f = ctx;

	log_error("answer not written: PostgreSQL was unreachable for too long",
		LOG_I("workspace", r->send->row.workspace_id), LOG_I("send", r->send->row.id));
	send_release(f->o.lanes, r->send, -1, f->now_ms);
}

/* What was admitted is not begun. When its commit is in doubt, its ids may be in in_flight nevertheless. */
static void exchange_undo(struct flush *f, const struct err *why)
{
	bool in_doubt = str_is(str_of(why->code), "unknown");

	if (map_count(f->doubtful) >= DOUBTS_MAX)
		map_clear(f->doubtful);
	for (size_t i = 0; f->admitted && i < f->n_chosen; i++) {
		const struct send *s = f->chosen[i];
		const struct doubt doubt = { s->account_id, s->row.id, f->epochs[s->partition] };

		if (in_doubt)
			*map_slot(f->doubtful, doubt_key(&doubt)) = f;
		send_forget(f->o.lanes, f->chosen[i]);
	}
	journal_put_back(f->o.sending->journal, f->journal, f->now_ms, expired, f);
}

static void exchange_done(struct flush *f)
{
	results_release(f);
	journal_clear(f->journal);
	for (size_t i = 0; i < f->released.n; i++)
		(void)lanes_wake(f->o.lanes, f->released.rows[i].account_id, f->now_ms);
	for (size_t i = 0; i < f->n_chosen; i++)
		attempt_begin(f->o.sending, f->chosen[i], f->checked_ms);
}

/* Nothing to write, only rows to fetch: no transaction is needed. */
static bool writes_nothing(const struct flush *f)
{
	return f->lanes.n == 0 && effects_empty(f->journal->effects);
}

static int exchange_run(struct flush *f, struct err *err)
{
	int rc;

	transaction_clear(f);
	journals_swap(f);
	results_collect(f);
	if (!has_back_pressure(f))
		f->n_chosen = lanes_choose(f->o.lanes, f->now_us, f->now_ms, f->chosen, CHOICE_MAX);
	concerned_collect(f);
	if (f->any < 0) { /* no partition of outbound is owned */
		journal_put_back(f->o.sending->journal, f->journal, f->now_ms, expired, f);
		return 0;
	}
	if (writes_nothing(f)) {
		journal_clear(f->journal);
		return flush_fetch(f, err);
	}
	rc = exchange_write(f, err);
	if (rc < 0)
		exchange_undo(f, err);
	else
		exchange_done(f);
	return rc;
}

int flush_fetch_due(struct flush *f, struct err *err)
{
	int rc;

	transaction_clear(f);
	rc = flush_fetch(f, err);
	transaction_clear(f);
	return rc;
}

int flush_run(struct flush *f, struct err *err)
{
	int64_t now_ms = clock_mono_ms();
	int rc = 0;

	if (refresh_is_due(f, now_ms) || failover_wanted(f, now_ms))
		rc = upkeep_run(f, err);
	if (rc == 0)
		rc = exchange_run(f, err);
	transaction_clear(f);
	return rc;
}

void flush_lost(struct flush *f)
{
	f->n_acquired = 0;
}

void flush_refresh_lanes(struct flush *f)
{
	f->lanes_stale = true;
}

void flush_refresh_segments(struct flush *f)
{
	f->told = f->segments_stale = true;
}
