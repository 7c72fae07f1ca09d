/* The steps of a batch, in order; see work.h. */
#include "chat-sync/sync.h"
#include "chat-sync/effect.h"
#include "chat-sync/expand.h"
#include "chat-sync/fold/account.h"
#include "chat-sync/fold/chat.h"
#include "chat-sync/fold/fold.h"
#include "chat-sync/identity/resolve.h"
#include "chat-sync/resolve/accounts.h"
#include "chat-sync/resolve/conversations.h"
#include "chat-sync/resolve/follow.h"
#include "chat-sync/resolve/groups.h"
#include "chat-sync/resolve/merging.h"
#include "chat-sync/resolve/messages.h"
#include "chat-sync/resolve/users.h"
#include "chat-sync/write.h"

#include "chat-sync/report.h"
#include "chat-sync/work.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define REWRITE_WEIGHT 10

struct chat_sync {
	const struct chat_sync_settings *settings;
	const char *topics[2]; /* as the owner has them */
	const char *chat_event_topic;
	struct cache cache;
	struct map *by_key, *effect_keys, *index;
	struct buf scratch;
	bool forget;
	bool refused; /* a batch was, or may have been, refused by the database: its records are applied anew, in parts */
	struct parked_place swept[2]; /* by topic: where the next sweep looks on for updates whose message is stored */
	struct merging merging;
	struct report report;
};

struct chat_sync *chat_sync_new(const struct chat_sync_settings *settings, const char *inbound_topic,
	const char *bulk_topic, const char *chat_event_topic)
{
	struct chat_sync *s = mem_calloc(1, sizeof(*s));

	s->settings = settings;
	s->topics[INBOUND] = inbound_topic;
	s->topics[INBOUND_BULK] = bulk_topic;
	s->chat_event_topic = chat_event_topic;
	cache_init(&s->cache, (size_t)settings->cache_max_bytes, settings->cache_ttl_ms);
	s->by_key = map_new();
	s->effect_keys = map_new();
	s->index = map_new();
	s->merging.pending = true;
	merging_reset(&s->merging);
	report_init(&s->report);
	return s;
}

void chat_sync_free(struct chat_sync *s)
{
	if (!s)
		return;
	cache_fini(&s->cache);
	map_free(s->by_key);
	map_free(s->effect_keys);
	map_free(s->index);
	report_fini(&s->report);
	buf_fini(&s->scratch);
	free(s);
}

static int sync_decode(void *ctx, const struct kafka_message *m, struct arena *a, void **decoded, struct err *err)
{
	struct inbound_event *e = ARENA_NEW(a, struct inbound_event);

	(void)ctx;
	if (inbound_decode(e, m->value, a, err) < 0)
		return -1;
	*decoded = e;
	return 0;
}

/* A chat of a sync brings up to 50 messages, and what rewrites a whole list or text costs as many as its most: batches of such take no
 * longer than others. */
static size_t sync_weight(const void *decoded)
{
	const struct inbound_event *e = decoded;

	switch (e->kind) {
	case IN_SYNC_CHAT:
		return 1 + e->u.sync_chat.n_messages;
	case IN_CHAT_STATE:
		return e->u.chat_state.has_participants ? REWRITE_WEIGHT : 1;
	case IN_GROUP_CHANGE:
	case IN_POLL_VOTE:
	case IN_EDIT:
	case IN_IDENTITY_CHANGE: /* statements of its own (sync_apply) */
		return REWRITE_WEIGHT;
	case IN_NONE:
	case IN_MESSAGE:
	case IN_STATUS:
	case IN_REVOKE:
	case IN_REACTION:
	case IN_SYNC_BATCH_END:
	case IN_HISTORY_STATE:
	case IN_CONTACT:
	case IN_OPT_OUT:
	case IN_SESSION_STATE:
	case IN_ACCOUNT_NOTICE:
	case IN_TEMPLATE_STATUS:
	case IN_CALL:
	case IN_READ_MARKER:
	case IN_MESSAGE_DELETE:
	case IN_DISPATCH:
	case IN_KINDS:
		break;
	}
	return 1;
}

static void work_open(struct chat_sync *s, struct work *w, struct owner_tx *tx)
{
	*w = (struct work){
		.settings = s->settings,
		.cache = &s->cache,
		.merging = &s->merging,
		.report = &s->report,
		.tx = tx,
		.pg = owner_tx_pg(tx),
		.arena = owner_tx_arena(tx),
		.now_ms = clock_now_ms(),
		.now_mono_ms = clock_mono_ms(),
		.topics = s->topics,
		.chat_event_topic = s->chat_event_topic,
		.by_key = s->by_key,
		.effect_keys = s->effect_keys,
		.index = s->index,
		.scratch = &s->scratch,
		.isolating = s->refused,
	};
	map_clear(w->by_key);
	map_clear(w->effect_keys);
	map_clear(w->index);
	s->cache.ttl_ms = s->settings->cache_ttl_ms;
}

/* What is marked in the cache was marked for this batch only. */
static void work_close(struct work *w)
{
	for (size_t i = 0; i < w->conversations.n; i++) {
		w->conversations.at[i]->dirty = w->conversations.at[i]->recount = false;
		w->conversations.at[i]->newest_sync_us = PG_NO_TIME;
	}
	for (size_t i = 0; i < w->contacts.n; i++) {
		w->contacts.at[i]->dirty = w->contacts.at[i]->announced = false;
		w->contacts.at[i]->changed_by = NULL;
		w->contacts.at[i]->changed = 0;
	}
	for (size_t i = 0; i < w->created.n; i++)
		w->created.at[i]->created = w->created.at[i]->announced = false;
	for (size_t i = 0; i < w->groups.n; i++) {
		w->groups.at[i]->dirty = w->groups.at[i]->created = false;
		group_forget_members(w->groups.at[i]);
	}
	for (size_t i = 0; i < w->accounts.n; i++) {
		w->accounts.at[i]->dirty = false;
		w->accounts.at[i]->row.sync_patch = STR_NONE;
	}
	for (size_t i = 0; i < w->ops.n; i++)
		if (w->ops.at[i]->group)
			w->ops.at[i]->group->locked = w->ops.at[i]->group->created = false;
}

/* An item's outcome is that of its ops: applied when one of them changed anything. */
static void outcomes_set(struct chat_sync *s, struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++) {
		const struct op *op = w->ops.at[i];
		const char *effect = op->filtered ? "filtered"
			: op->changed             ? "applied"
			: op->waits               ? "parked"
						  : "none";

		report_event(&s->report, inbound_kind_word(op->kind), effect);
		if (!op->item || op->item->outcome == OUTCOME_APPLIED)
			continue;
		if (op->filtered) /* although the sync's progress may be told in its name */
			op->item->outcome = OUTCOME_FILTERED;
		else if (op->changed)
			op->item->outcome = OUTCOME_APPLIED;
		else if (op->waits)
			op->item->outcome = OUTCOME_PARKED;
	}
}

static int work_resolve(struct work *w, struct err *err)
{
	size_t before;

	if (people_resolve(w, err) < 0 || merges_follow(w, err) < 0 || groups_resolve(w, err) < 0 ||
		conversations_resolve(w, err) < 0 || users_resolve(w, err) < 0 || messages_resolve(w, err) < 0)
		return -1;
	before = w->ops.n;
	w->people.n = 0;
	if (!w->isolating && parked_take_up(w, err) < 0)
		return -1;
	if (w->ops.n == before)
		return 0;
	if (people_resolve(w, err) < 0 || groups_resolve(w, err) < 0 || conversations_resolve(w, err) < 0 ||
		users_resolve(w, err) < 0)
		return -1;
	targets_resolve(w);
	return conversations_of_targets(w, err);
}

static int work_run(struct work *w, struct err *err)
{
	if (w->ops.n == 0)
		return 0;
	if (work_resolve(w, err) < 0 || ops_fold(w, err) < 0 || work_write(w, err) < 0)
		return -1;
	return effects_emit(w, err); /* encoded while the conversations are written */
}

static int segment_apply(struct chat_sync *s, struct owner_tx *tx, struct batch_item *const *items, size_t n,
	struct err *err)
{
	struct work w;
	int rc;

	work_open(s, &w, tx);
	rc = accounts_resolve(&w, items, n, err);
	if (rc == 0)
		rc = work_run(&w, err);
	if (rc == 0)
		outcomes_set(s, &w);
	work_close(&w);
	if (w.forget)
		cache_forget(&s->cache);
	return rc;
}

static bool changes_identity(const struct batch_item *item)
{
	const struct inbound_event *e = item->decoded;

	return e->kind == IN_IDENTITY_CHANGE;
}

/* Who is meant by what follows depends on an identity change, so it stands alone: where a batch happens to end decides nothing. */
static int sync_apply(void *ctx, struct owner_tx *tx, struct batch_item *const *items, size_t n, struct err *err)
{
	size_t from = 0;

	for (size_t i = 1; i <= n; i++) {
		if (i < n && !changes_identity(items[i - 1]) && !changes_identity(items[i]))
			continue;
		if (segment_apply(ctx, tx, items + from, i - from, err) < 0)
			return -1;
		from = i;
	}
	return 0;
}

/* the sweep */

struct ready {
	const struct parked_row *row;
	const struct inbound_event *event;
};

struct due {
	struct chat_sync *s;
	struct work *w;
	struct topic_partition partition; /* one of ours */
	LIST(struct ready) ready; /* parked updates whose message is stored by now */
	int64_t *gap_workspaces, *gap_accounts; /* of those that expired */
	size_t n_gaps;
	bool changed;
};

static void parked_dead_letter(struct due *d, const struct parked_row *row, enum dead_reason reason, const char *code,
	const char *message)
{
	struct record_view view = { .n_headers = 0 };
	struct err err;
	size_t at = 0;

	if (records_next(row->record_headers, &at, &view, &err) < 0)
		view.n_headers = 0;
	owner_tx_dead_record(d->w->tx,
		&(struct dead_record){ .partition = parked_partition(d->w, row),
			.offset = row->offset,
			.timestamp_ms = row->timestamp_ms,
			.key = row->record_key,
			.value = row->record_value,
			.headers = view.headers,
			.n_headers = view.n_headers },
		reason, code, message, true);
	d->changed = true;
}

static void expire(void *ctx, const struct parked_row *row)
{
	struct due *d = ctx;

	parked_dead_letter(d, row, DEAD_EXPIRED, row->kind, "the message it refers to never came");
	report_gap(&d->s->report, "expired_update");
	d->gap_workspaces[d->n_gaps] = row->workspace_id;
	d->gap_accounts[d->n_gaps++] = row->account_id;
	d->s->forget = true;
}

static void take_up(void *ctx, const struct parked_row *row)
{
	struct due *d = ctx;
	struct inbound_event *e = ARENA_NEW(d->w->arena, struct inbound_event);
	struct parked_row *kept = ARENA_NEW(d->w->arena, struct parked_row);
	struct err err;

	*kept = *row;
	if (inbound_decode(e, row->record_value, d->w->arena, &err) == 0)
		*LIST_ADD(d->w, &d->ready) = (struct ready){ kept, e };
}

/* What is ready joins the batch; an account that is gone leaves its updates to expire. */
static int ready_expand(struct work *w, const struct ready *ready, size_t n, struct err *err)
{
	struct uuid *accounts = ARENA_ARRAY(w->arena, struct uuid, n);

	for (size_t i = 0; i < n; i++)
		accounts[i] = ready[i].event->account;
	if (n > 0 && store_accounts_load(w->pg, accounts, n, w->arena, account_keep, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (cache_account(w->cache, &accounts[i], w->now_mono_ms))
			ops_expand_parked(w, ready[i].row, ready[i].event);
	return 0;
}

static bool any_taken_up(const struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++)
		if (!w->ops.at[i]->waits)
			return true;
	return false;
}

/* Applies all of them or none, also when only the commit would refuse them: 1: applied; 0: refused, *err says why; -1: err. */
static int ready_apply_together(struct due *d, const struct ready *ready, size_t n, struct err *err)
{
	struct owner_tx *tx = d->w->tx;
	struct pg *pg = d->w->pg;
	struct err ignored;
	struct work w;
	int rc;

	if (pg_savepoint(pg, err) < 0)
		return -1;
	owner_tx_mark(tx);
	work_open(d->s, &w, tx);
	rc = ready_expand(&w, ready, n, err) < 0 || work_run(&w, err) < 0 || pg_check_deferred(pg, err) < 0 ? -1 : 0;
	if (rc == 0)
		d->changed = any_taken_up(&w) || d->changed;
	work_close(&w);
	if (rc == 0) {
		report_keep(&d->s->report);
		return pg_savepoint_release(pg, err) < 0 ? -1 : 1;
	}
	if (!pg_is_data_error(err))
		return -1;
	cache_forget(&d->s->cache);
	report_undo(&d->s->report);
	owner_tx_undo(tx);
	return pg_savepoint_rollback(pg, &ignored) < 0 ? err_set(err, ERR_RETRY, ignored.code, "%s", ignored.msg) : 0;
}

/* An update that the database rejects is a dead letter, as any record; the others do not wait for it. */
static int ready_apply(struct due *d, struct err *err)
{
	const struct parked_row *row;
	uint64_t suppressed;
	int rc = d->ready.n > 0 ? ready_apply_together(d, d->ready.at, d->ready.n, err) : 1;

	for (size_t i = 0; rc == 0 && i < d->ready.n; i++) {
		rc = ready_apply_together(d, &d->ready.at[i], 1, err);
		if (rc < 0)
			break;
		row = d->ready.at[i].row;
		if (rc == 0) {
			if (log_limit_pass(&d->s->report.refused, d->w->now_mono_ms, &suppressed))
				log_error("parked update rejected by the database", LOG_STR("topic", row->topic),
					LOG_I("partition", row->partition), LOG_I("offset", row->offset), LOG_ERR(err),
					LOG_I("suppressed", suppressed));
			parked_dead_letter(d, row, DEAD_DATA_ERROR, err->code, err->msg);
			rc = store_parked_delete(d->w->pg, &row, 1, err);
		} else {
			rc = 0;
		}
	}
	return rc < 0 ? -1 : 0;
}

/* Told by whoever sweeps first, which need not own the account's partition. */
static int sync_failed_emit(struct due *d, const struct stale_sync *stale, struct err *err)
{
	struct chat_event e = { .workspace = stale->workspace,
		.account = stale->account,
		.provider = stale->provider,
		.origin = ORIGIN_LIVE,
		.kind = CE_SYNC_COMPLETED,
		.occurred_at_ms = d->w->now_ms };
	struct uuid subject;

	sync_event(&e, &stale->state, "failed");
	sync_subject(d->w, &stale->account, &stale->state, &subject);
	chat_event_derive_id(&e, &stale->account, &subject);
	return event_emit(d->w, d->partition, &e, STR_NONE, err);
}

static int syncs_fail(struct due *d, struct err *err)
{
	struct stale_sync *stale;
	size_t n;

	if (store_syncs_fail_stale(d->w->pg, d->s->settings->sync_idle_ms, d->w->arena, &stale, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (sync_failed_emit(d, &stale[i], err) < 0)
			return -1;
		report_sync_later(&d->s->report, "failed",
			&(struct sync_news){ .workspace = stale[i].workspace,
				.account = stale[i].account,
				.state = stale[i].state });
		d->changed = d->s->forget = true;
	}
	return 0;
}

static void gap_found(struct due *d, const char *kind, struct log_limit *limit, const char *event, int64_t workspace_id,
	int64_t account_id)
{
	uint64_t suppressed;

	if (log_limit_pass(limit, d->w->now_mono_ms, &suppressed))
		log_warn(event, LOG_I("workspace", workspace_id), LOG_I("account", account_id),
			LOG_I("suppressed", suppressed));
	report_gap(&d->s->report, kind);
	d->changed = d->s->forget = true;
}

static void session_silent(void *ctx, int64_t workspace_id, int64_t account_id)
{
	struct due *d = ctx;

	gap_found(d, "silent_session", &d->s->report.session_silent, "session silent", workspace_id, account_id);
}

static void history_stalled(void *ctx, int64_t workspace_id, int64_t account_id)
{
	struct due *d = ctx;

	gap_found(d, "history", &d->s->report.history_stalled, "history stalled", workspace_id, account_id);
}

/* What is missing is counted, and the account marked for re-sync. */
static int gaps_sweep(struct due *d, struct err *err)
{
	struct pg *pg = d->w->pg;

	if (store_accounts_mark_gap(pg, d->gap_workspaces, d->gap_accounts, d->n_gaps, err) < 0 ||
		syncs_fail(d, err) < 0 ||
		store_accounts_mark_history(pg, d->s->settings->history_idle_ms, history_stalled, d, err) < 0)
		return -1;
	return store_accounts_mark_silent(pg, d->s->settings->session_silent_ms, session_silent, d, err);
}

/* Of the records of one topic that wait: what has expired, and what need not wait any longer. */
static int parked_sweep(struct due *d, int topic, const int32_t *partitions, size_t n, struct err *err)
{
	struct str name = str_of(d->s->topics[topic]);
	int limit = (int)d->s->settings->parked_sweep_max;

	if (store_parked_expire(d->w->pg, name, partitions, n, limit, d->w->arena, expire, d, err) < 0)
		return -1;
	return store_parked_ready(d->w->pg, name, partitions, n, limit, &d->s->swept[topic], d->w->arena, take_up, d,
		err);
}

static int sync_sweep(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct chat_sync *s = ctx;
	struct work w;
	struct due due = { .s = s, .w = &w, .partition = partitions[0] };
	size_t limit = 2 * (size_t)s->settings->parked_sweep_max; /* of both topics */
	int32_t *numbers;
	int rc = -1;

	report_forget(&s->report);
	work_open(s, &w, tx);
	numbers = ARENA_ARRAY(w.arena, int32_t, n);
	for (size_t i = 0; i < n; i++)
		numbers[i] = partitions[i].number;
	due.gap_workspaces = ARENA_ARRAY(w.arena, int64_t, limit);
	due.gap_accounts = ARENA_ARRAY(w.arena, int64_t, limit);
	if (parked_sweep(&due, INBOUND, numbers, n, err) == 0 &&
		parked_sweep(&due, INBOUND_BULK, numbers, n, err) == 0 && ready_apply(&due, err) == 0 &&
		gaps_sweep(&due, err) == 0)
		rc = 0;
	work_close(&w);
	if (rc < 0 || !due.changed) /* nothing will be committed */
		report_forget(&s->report);
	return rc < 0 ? -1 : due.changed;
}

static int sync_step(void *ctx, struct owner_tx *tx, const struct topic_partition *partitions, size_t n,
	struct err *err)
{
	struct chat_sync *s = ctx;
	struct work w;
	int rc;

	report_forget(&s->report);
	work_open(s, &w, tx);
	rc = merging_step(&w, partitions, n, err);
	work_close(&w);
	return rc;
}

static void sync_committed(void *ctx)
{
	struct chat_sync *s = ctx;

	if (s->forget)
		cache_forget(&s->cache);
	s->forget = s->refused = false;
	merging_reset(&s->merging);
	report_committed(&s->report);
	cache_trim(&s->cache);
}

static void sync_kept(void *ctx)
{
	struct chat_sync *s = ctx;

	report_keep(&s->report);
}

static void sync_forget(void *ctx)
{
	struct chat_sync *s = ctx;

	report_undo(&s->report);
	cache_forget(&s->cache);
	s->forget = false;
}

/* What the database refused may be an update that waited for one of the messages: until the batch is through, those wait for the
 * sweep, which finds out by itself. */
static void sync_rolled_back(void *ctx)
{
	struct chat_sync *s = ctx;

	sync_forget(ctx);
	s->refused = true;
}

static void sync_taken(void *ctx)
{
	struct chat_sync *s = ctx;

	report_forget(&s->report);
	sync_forget(ctx);
	s->merging.pending = true; /* of partitions that are ours by now */
	merging_reset(&s->merging);
}

const struct worker_ops chat_sync_ops = {
	.decode = sync_decode,
	.weight = sync_weight,
	.apply = sync_apply,
	.sweep = sync_sweep,
	.step = sync_step,
	.kept = sync_kept,
	.committed = sync_committed,
	.rolled_back = sync_rolled_back,
	.assignment_changed = sync_taken,
};
