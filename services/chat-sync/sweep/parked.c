/* See parked.h. */
#include "chat-sync/sweep/parked.h"
#include "chat-sync/apply.h"
#include "chat-sync/expand.h"
#include "chat-sync/resolve/accounts.h"
#include "chat-sync/settings.h"

#include "base/log.h"

static void parked_dead_letter(struct sweep *d, const struct parked_row *row, enum dead_reason reason, const char *code,
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

/* The second row of an update that is parked under two targets: the first one decides what becomes of it. */
static bool parked_is_second(const struct sweep *d, const struct parked_row *row)
{
	struct inbound_event e;
	struct str targets[OWN_STATUS_TARGETS];
	struct err err;

	return str_is(str_of(row->kind), inbound_kind_word(IN_STATUS)) &&
		inbound_decode(&e, row->record_value, d->w->arena, &err) == 0 &&
		own_status_targets(d->w, &e, targets) == 2 && str_eq(row->target, targets[1]);
}

static void parked_expired(void *ctx, const struct parked_row *row)
{
	struct sweep *d = ctx;

	d->changed = d->s->cache_stale = true;
	if (str_is(str_of(row->kind), inbound_kind_word(IN_DISPATCH)))
		return; /* whether its message was sent is never learned */
	if (row->of_deleted || parked_is_second(d, row))
		return;
	if (row->may_be_old) { /* no update says when its message was sent, and a new sync would not bring an old one back */
		report_event(&d->s->report, row->kind, "filtered");
		return;
	}
	parked_dead_letter(d, row, DEAD_EXPIRED, row->kind, "the message that it refers to never arrived");
	report_gap(&d->s->report, "expired_update");
	d->gap_workspaces[d->n_gaps] = row->workspace_id;
	d->gap_accounts[d->n_gaps++] = row->account_id;
}

static void parked_ready(void *ctx, const struct parked_row *row)
{
	struct sweep *d = ctx;
	void **seen = map_slot(d->w->index, uuid_bytes(&row->event_id));
	struct inbound_event *e;
	struct parked_row *kept;
	struct err err;

	if (*seen) /* it is parked under two targets, and both are stored */
		return;
	*seen = d;
	e = ARENA_NEW(d->w->arena, struct inbound_event);
	kept = ARENA_NEW(d->w->arena, struct parked_row);
	*kept = *row;
	if (inbound_decode(e, row->record_value, d->w->arena, &err) == 0)
		*LIST_ADD(d->w, &d->ready) = (struct ready_update){ kept, e };
}

int parked_sweep(struct sweep *d, int topic, const int32_t *partitions, size_t n, struct err *err)
{
	struct str name = str_of(d->s->topics[topic]);
	int limit = (int)d->s->settings->parked_sweep_max;

	if (store_parked_expire(d->w->pg, name, partitions, n, limit, d->w->arena, parked_expired, d, err) < 0)
		return -1;
	map_clear(d->w->index);
	return store_parked_ready(d->w->pg, name, partitions, n, limit, &d->s->swept[topic], d->w->arena, parked_ready,
		d, err);
}

/* Makes ops of them; updates of a deleted account are left to expire. */
static int ready_expand(struct work *w, const struct ready_update *ready, size_t n, struct err *err)
{
	struct uuid *accounts = ARENA_ARRAY(w->arena, struct uuid, n);

	for (size_t i = 0; i < n; i++)
		accounts[i] = ready[i].event->account;
	if (n > 0 && store_accounts_load(w->pg, accounts, n, w->arena, account_loaded, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct account *a = cache_account(w->cache, &accounts[i], w->now_mono_ms);

		if (a && !a->row.deleted)
			ops_expand_parked(w, ready[i].row, ready[i].event);
	}
	return 0;
}

static bool any_applied(const struct work *w)
{
	for (size_t i = 0; i < w->ops.n; i++)
		if (!w->ops.at[i]->waits)
			return true;
	return false;
}

/* Applies all of them or none, and checks deferred constraints, too. 1: applied; 0: rejected, *err has the reason; -1: err. */
static int ready_apply_together(struct sweep *d, const struct ready_update *ready, size_t n, struct err *err)
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
		d->changed = any_applied(&w) || d->changed;
	work_close(&w);
	if (rc == 0) {
		report_mark(&d->s->report);
		return pg_savepoint_release(pg, err) < 0 ? -1 : 1;
	}
	if (!pg_is_data_error(err))
		return -1;
	cache_clear(&d->s->cache);
	report_undo(&d->s->report);
	owner_tx_undo(tx);
	return pg_savepoint_rollback(pg, &ignored) < 0 ? err_set(err, ERR_RETRY, ignored.code, "%s", ignored.msg) : 0;
}

/* Under all its targets. */
static int ready_delete(struct sweep *d, const struct ready_update *ready, struct err *err)
{
	struct str targets[OWN_STATUS_TARGETS];
	size_t n = own_status_targets(d->w, ready->event, targets);
	struct parked_row copies[OWN_STATUS_TARGETS];
	const struct parked_row *rows[1 + OWN_STATUS_TARGETS] = { ready->row };

	for (size_t i = 0; i < n; i++) {
		copies[i] = *ready->row;
		copies[i].target = targets[i];
		rows[1 + i] = &copies[i];
	}
	return store_parked_delete(d->w->pg, rows, 1 + n, err);
}

int ready_apply(struct sweep *d, struct err *err)
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
			if (log_limit_pass(&d->s->report.rejected, d->w->now_mono_ms, &suppressed))
				log_error("parked update rejected by the database", LOG_STR("topic", row->topic),
					LOG_I("partition", row->partition), LOG_I("offset", row->offset), LOG_ERR(err),
					LOG_I("suppressed", suppressed));
			parked_dead_letter(d, row, DEAD_DATA_ERROR, err->code, err->msg);
			rc = ready_delete(d, &d->ready.at[i], err);
		} else {
			rc = 0;
		}
	}
	return rc < 0 ? -1 : 0;
}
