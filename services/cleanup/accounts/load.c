/* What rows and lists say about accounts; see accounts.h. */
#include "cleanup/accounts/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "cleanup/policy/phone.h"

static struct str text_keep(struct str s, struct arena *a)
{
	return s.n > 0 ? arena_str(a, s) : STR_NONE;
}

/* Texts that were read lie in the arena of the former row. */
static void texts_keep(struct account_control *c, struct arena *a)
{
	c->observed = text_keep(c->observed, a);
	c->action = text_keep(c->action, a);
	c->outcome = text_keep(c->outcome, a);
	c->reason = text_keep(c->reason, a);
	c->error = text_keep(c->error, a);
}

/* Whether somebody wants something else of the session: it is looked at again at once. */
static bool is_steered(const struct cleanup_account *was, const struct cleanup_account *is)
{
	return was->desired_us != is->desired_us || was->restart_us != is->restart_us ||
		was->relink_us != is->relink_us || was->move_us != is->move_us || was->deleted_us != is->deleted_us ||
		was->instance_index != is->instance_index || !str_eq(was->instance_url, is->instance_url) ||
		!str_eq(was->session_id, is->session_id) || !str_eq(was->provider_ref, is->provider_ref) ||
		!str_eq(was->secrets, is->secrets);
}

/* Whether its bridge says something else of it. A tenant may let it say so as often as he likes. */
static bool is_reported_anew(const struct cleanup_account *was, const struct cleanup_account *is)
{
	return !str_eq(was->status, is->status) || was->status_since_us != is->status_since_us;
}

static void look_after_report(struct account *a, int64_t now_us)
{
	if (a->look_due_us == PG_NO_TIME)
		a->look_due_us = a->report_looked_us > now_us ? now_us : a->report_looked_us + REPORT_LOOK_US;
}

/* What was desired or lost before this replica led is not counted: its predecessor may have done so. */
static void changes_count(struct account *a, const struct cleanup_account *row, bool desired_anew)
{
	bool known = a->arena;

	a->reconciles |= (desired_anew || !known) && row->desired_us >= a->all->since_us;
	if (known && account_instance(a) && row->disconnected_us != PG_NO_TIME &&
		row->disconnected_us != a->row.disconnected_us)
		stats_disconnect(row->disconnect_reason);
}

/* This replica's control is newer than the row's: what it decided may not be written yet. Only the epoch is PostgreSQL's, and that the
 * session of a live account is not gone. */
static void row_use(struct account *a, const struct cleanup_account *row, struct arena *arena)
{
	struct account_control own = a->row.control;
	bool desired_anew = row->desired_us != a->row.desired_us, reported_anew = is_reported_anew(&a->row, row);

	changes_count(a, row, desired_anew);
	own.epoch = row->control.epoch;
	if (row->deleted_us == PG_NO_TIME)
		own.gone_us = PG_NO_TIME;
	if (row->instance_index != a->row.instance_index) {
		a->observed = OBSERVED_NONE;
		own.observed = STR_NONE;
		own.observed_us = PG_NO_TIME;
	}
	if (desired_anew) {
		own.attempt = own.starts = 0;
		own.next_us = own.starts_since_us = own.started_us = PG_NO_TIME;
		a->noticed = 0;
	}
	texts_keep(&own, arena);
	if (desired_anew || reported_anew) {
		a->ending = ENDING_NOT; /* what a job decided was about the account as it was */
		a->expires = false;
	}
	if (is_steered(&a->row, row)) {
		a->looked_us = PG_NO_TIME;
		a->assign_mono_ms = 0;
	} else if (reported_anew) {
		look_after_report(a, clock_now_us());
	}
	arena_free(a->arena);
	a->arena = arena;
	a->row = *row;
	a->row.control = own;
	if (phones_differ(row->reported_phone, row->phone_number) && !account_is_deleted(a))
		account_notice(a, NOTICE_PHONE_DIFFERS);
	account_wake(a);
}

static struct arena *row_arena(void *ctx)
{
	(void)ctx;
	return arena_new(1024);
}

static void on_row(void *ctx, const struct cleanup_account *row, struct arena *arena)
{
	struct accounts *all = ctx;
	struct account *a = accounts_find(all, &row->uuid);

	if (!a)
		a = accounts_add(all, row);
	row_use(a, row, arena);
	if (account_has_session(a))
		accounts_put_session(all, a);
}

int accounts_load(struct accounts *all, struct pg *pg, const struct uuid *uuids, size_t n, struct err *err)
{
	const struct cleanup_account_ops ops = { .arena = row_arena, .each = on_row, .ctx = all };

	if (all->n == 0 && !uuids)
		all->since_us = clock_now_us();
	if ((uuids ? store_cleanup_accounts_of(pg, uuids, n, &ops, err) : store_cleanup_accounts(pg, &ops, err)) < 0)
		return -1;
	accounts_count(all);
	return 0;
}

/* What instances say */

void accounts_instances_loaded(struct accounts *all)
{
	accounts_count(all);
	for (size_t i = 0; i < all->n; i++)
		account_wake(all->list[i]);
}

void accounts_instance_changed(struct accounts *all, const struct instance *at)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i]->row.instance_index == at->row.index) {
			all->list[i]->looked_us = PG_NO_TIME;
			account_wake(all->list[i]);
		}
	all->rooms_changed = true;
}

static void on_stray_stopped(void *ctx, const struct bridge_answer *answer)
{
	(void)ctx;
	(void)answer; /* the next list tells */
}

void account_stray(const struct account *a, const struct instance *at)
{
	uint64_t suppressed;

	stats_stray(at->row.kind);
	if (log_limit_pass(&a->all->strays, clock_mono_ms(), &suppressed))
		log_warn(account_is_given_up(a, clock_now_us()) ? "session of a deleted account is left"
								: "session runs where it is not assigned",
			LOG_I("account_id", a->row.id), LOG_I("instance", at->row.index),
			LOG_I("assigned", a->row.instance_index), LOG_I("suppressed", suppressed));
}

/* A session that runs where its account is not assigned. Evolution cannot stop one without logging it out: it is counted only. */
static void stray_stop(const struct account *a, const struct instance *at, enum bridge_observed observed)
{
	const struct bridge_call call = { .action = BRIDGE_STOP, .session = { .name = account_session_name(a) } };
	bool stops = bridge_has(at->row.kind, BRIDGE_STOP) && instance_is_usable(at);

	if (observed == OBSERVED_STOPPED || observed == OBSERVED_ABSENT)
		return;
	account_stray(a, at);
	if (stops && !a->all->options.observe_only)
		calls_add(a->all->options.calls, at->row.index, &at->bridge, &call, on_stray_stopped, NULL);
}

/* After so long, a name that is not unique may be another program's session. */
static bool is_stray(const struct account *a, int64_t now_us)
{
	return !account_is_given_up(a, now_us) ||
		(a->row.control.gone_us == PG_NO_TIME && str_eq(account_session_name(a), a->row.session_id));
}

/* A name that no account has is another program's session. */
static void listed_one(struct accounts *all, struct instance *at, const struct bridge_listed *l, int64_t asked_us)
{
	struct account *a = accounts_find_session(all, at->row.kind, at->row.index, l->name);
	const struct account *stray;

	if (!a) {
		stray = accounts_find_stray(all, at->row.kind, at->row.index, l->name);
		if (stray && is_stray(stray, asked_us))
			stray_stop(stray, at, l->observed);
		return;
	}
	a->listed_us = asked_us;
	if (l->observed != OBSERVED_NONE)
		account_observe(a, l->observed, l->phone, asked_us);
	else if (account_is_given_up(a, asked_us))
		account_observe(a, OBSERVED_STARTING, STR_NONE, asked_us); /* it runs, and is not looked at */
	else if (!a->in_call)
		a->looked_us = PG_NO_TIME; /* wwebjs lists names only */
}

void accounts_listed(struct accounts *all, struct instance *at, const struct bridge_answer *answer, int64_t asked_us)
{
	for (size_t i = 0; i < answer->n_list; i++)
		listed_one(all, at, &answer->list[i], asked_us);
	for (size_t i = 0; i < all->n; i++) {
		struct account *a = all->list[i];

		if (a->row.instance_index != at->row.index || !account_has_session(a))
			continue;
		if (a->listed_us != asked_us)
			account_observe(a, OBSERVED_ABSENT, STR_NONE, asked_us);
		account_wake(a);
	}
}

void accounts_observe_only(struct accounts *all, bool only)
{
	for (size_t i = 0; only != all->options.observe_only && i < all->n; i++)
		account_wake(all->list[i]);
	all->options.observe_only = only;
}
