/* Writes what was decided about accounts; see accounts.h. While its statements wait, answers of calls change accounts: what a statement
 * writes is copied before, and flags are cleared before it, so that later changes are written by the next flush. */
#include "cleanup/accounts/ending.h"
#include "cleanup/accounts/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/vec.h"
#include "cleanup/stats.h"

#define FLUSH_MAX 500 /* accounts in one transaction */

static const struct {
	enum account_notice_kind what;
	const char *kind;
	enum severity severity;
	const char *text;
} notices[] = {
	{ NOTICE_RECONNECT_GAVE_UP, "reconnect_gave_up", SEVERITY_WARNING,
		"The session was lost too often; it is not started again until the account is connected anew." },
	{ NOTICE_SESSION_BLOCKED, "session_blocked", SEVERITY_CRITICAL,
		"WhatsApp has blocked the session; it is not started again until the account is connected anew." },
	{ NOTICE_NO_CAPACITY, "no_capacity", SEVERITY_WARNING, "No instance of the account's bridge has room." },
	{ NOTICE_PHONE_DIFFERS, "phone_differs", SEVERITY_WARNING,
		"The session reports another phone number than the account has." },
	{ NOTICE_DUPLICATE_NUMBER, "duplicate_number", SEVERITY_WARNING,
		"Another connected account of the workspace has the same phone number." },
	{ NOTICE_INSTANCE_DOWN, "instance_down", SEVERITY_WARNING,
		"The instance on which the account's session runs does not answer." },
};

struct writing {
	struct accounts *all;
	const struct record_target *to;
	struct pg *pg;
	struct account **list;
	struct account_key *keys;
	struct account_control *controls;
	struct arena *texts; /* of controls */
	size_t n, n_controls;
};

static struct account_key key_of(const struct account *a)
{
	return (struct account_key){ a->row.workspace_id, a->row.id };
}

static void reload_add(struct account *a)
{
	struct accounts *all = a->all;

	all->reload = vec_grow(all->reload, all->n_reload, &all->cap_reload, sizeof(*all->reload));
	all->reload[all->n_reload++] = a->row.uuid;
}

static enum session_word word_of(enum bridge_observed observed)
{
	switch (observed) {
	case OBSERVED_CONNECTED:
		return SESSION_CONNECTED;
	case OBSERVED_QR:
		return SESSION_QR;
	case OBSERVED_FAILED:
		return SESSION_FAILED;
	default:
		return SESSION_DISCONNECTED;
	}
}

static void observation_publish(struct account *a, const struct record_target *to)
{
	enum session_word state = word_of(a->observed);
	bool wanted = account_desired(a) == DESIRED_CONNECTED;
	struct session_record s = { .state = state, .phone = a->phone, .at_us = a->looked_us };

	a->publish = false;
	if (account_agrees(a) || a->looked_us == PG_NO_TIME)
		return;
	if (state == SESSION_DISCONNECTED)
		s.reason = wanted ? REASON_UNKNOWN : REASON_USER_INITIATED;
	else if (state == SESSION_FAILED)
		s.reason = REASON_UNKNOWN;
	record_session(to, &a->row, &s);
	a->differs_us = PG_NO_TIME; /* counted again if it is still so */
}

/* What the notice follows from: a new leader finds the same, and its notice has the same id. */
static int64_t notice_time(const struct account *a, enum account_notice_kind what)
{
	bool of_loss = what == NOTICE_RECONNECT_GAVE_UP || what == NOTICE_SESSION_BLOCKED;

	if (what == NOTICE_INSTANCE_DOWN)
		return a->outage_us;
	return of_loss && a->row.disconnected_us != PG_NO_TIME ? a->row.disconnected_us : a->row.desired_us;
}

static void notices_publish(struct account *a, const struct record_target *to)
{
	for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++)
		if (a->notices & notices[i].what)
			record_notice(to, &a->row,
				&(struct notice_record){ notices[i].kind, notices[i].severity, str_of(notices[i].text),
					notice_time(a, notices[i].what) });
	a->notices = 0;
}

static bool is_lost(const struct account *a)
{
	return str_is(a->row.status, "disconnected") || str_is(a->row.status, "failed");
}

/* A session that ended with its instance is reported lost in the same transaction; why it was lost before still counts. */
static void migration_publish(const struct writing *w, struct account *a, int64_t from)
{
	a->row.control.observed_us = PG_NO_TIME;
	record_migrated(w->to, &a->row, from, a->assign_to, a->migrate_why);
	stats_migration();
	if (a->lost_instance && !is_lost(a))
		record_session(w->to, &a->row,
			&(struct session_record){ .state = SESSION_DISCONNECTED,
				.reason = REASON_INSTANCE_RESTART,
				.at_us = w->to->now_ms * 1000 });
}

/* Another session has its name there: that is for its owner to solve. */
static int assignment_refused(struct writing *w, struct account *a, struct err *err)
{
	log_warn("assignment refused", LOG_I("account_id", a->row.id), LOG_I("instance", a->assign_to), LOG_ERR(err));
	a->assign_mono_ms = clock_mono_ms() + ASSIGN_AGAIN_MS;
	return pg_savepoint_rollback(w->pg, err);
}

/* 0 also when it was refused. */
static int assignment_try(struct writing *w, struct account *a, const struct account_assignment *as, struct err *err)
{
	int rc;

	if (pg_savepoint(w->pg, err) < 0)
		return -1;
	rc = store_cleanup_assign(w->pg, as, &a->row.control.epoch, err);
	if (rc >= 0)
		return pg_savepoint_release(w->pg, err) < 0 ? -1 : rc;
	return err->kind == ERR_CONFLICT ? assignment_refused(w, a, err) : -1;
}

static int assignment_write(struct writing *w, struct account *a, struct err *err)
{
	const struct account_assignment as = { key_of(a), a->row.instance_index, a->assign_to, a->migrates };
	int rc = assignment_try(w, a, &as, err);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		(void)failpoint("assignment_written");
		if (as.to == a->row.move_to)
			a->row.control.moved_us = a->row.move_us;
		if (a->migrates)
			migration_publish(w, a, as.from);
		a->dirty = true;
	}
	a->assign_to = -1;
	a->lost_instance = false;
	reload_add(a); /* with its new URL and epoch, or as it is by now */
	return 0;
}

static void primary_notice(const struct writing *w, int64_t workspace_id, int64_t primary)
{
	const struct notice_record n = { "primary_changed", SEVERITY_INFO,
		STR("The workspace's primary account was deleted; this account has taken its place."),
		w->to->now_ms * 1000 };
	const struct account *a;
	size_t i = 0;

	while ((a = accounts_each(w->all, &i)))
		if (a->row.workspace_id == workspace_id && a->row.id == primary)
			record_notice(w->to, &a->row, &n);
}

static int deletion_write(struct writing *w, struct account *a, struct err *err)
{
	const struct account_deletion d = account_deletion(a);
	int64_t primary;
	int rc = store_cleanup_delete(w->pg, &d, &primary, err);

	if (rc > 0) {
		(void)failpoint("deletion_written");
		record_cleaned(w->to, &a->row, d.reason);
		primary_notice(w, a->row.workspace_id, primary);
		a->all->ended += a->ending != ENDING_NOT;
	}
	a->ending = ENDING_NOT;
	reload_add(a);
	return rc < 0 ? -1 : 0;
}

/* The report suspends the session, and so it is stopped. */
static void expiry_publish(struct account *a, const struct record_target *to)
{
	a->expires = false;
	a->all->ended++;
	record_session(to, &a->row,
		&(struct session_record){
			.state = SESSION_DISCONNECTED, .reason = REASON_QR_EXPIRED, .at_us = to->now_ms * 1000 });
}

/* A live account that has its number or name by now keeps them: the account stays deleted. */
static int restoration_write(struct writing *w, struct account *a, struct err *err)
{
	struct account_key key = key_of(a);

	if (pg_savepoint(w->pg, err) < 0)
		return -1;
	if (store_cleanup_restore(w->pg, &key, a->row.desired_us, err) < 0) {
		if (err->kind != ERR_CONFLICT || pg_savepoint_rollback(w->pg, err) < 0)
			return -1;
		a->row.desired_us = a->row.deleted_us; /* not tried again until it is desired anew */
		return 0;
	}
	reload_add(a);
	return pg_savepoint_release(w->pg, err);
}

static int row_write(struct writing *w, struct account *a, struct err *err)
{
	bool deleted = account_is_deleted(a);

	if (w->all->options.observe_only)
		return 0;
	if (deleted)
		a->assign_to = -1;
	if (a->assign_to >= 0 && assignment_write(w, a, err) < 0)
		return -1;
	if (!deleted && (a->ending != ENDING_NOT || account_desired(a) == DESIRED_DELETED))
		return deletion_write(w, a, err);
	if (deleted && account_desired(a) == DESIRED_CONNECTED && a->row.desired_us > a->row.deleted_us)
		return restoration_write(w, a, err);
	return 0;
}

/* An answer to a call may change the account's error while the statements that follow wait. */
static void control_copy(struct writing *w, struct account *a)
{
	struct account_control *c = &w->controls[w->n_controls];

	a->dirty = false;
	w->keys[w->n_controls++] = key_of(a);
	*c = a->row.control;
	if (c->error.n > 0)
		c->error = arena_str(w->texts, c->error);
}

static int account_write(struct writing *w, struct account *a, struct err *err)
{
	const struct account_key key = key_of(a);

	arena_reset(w->to->arena);
	if (row_write(w, a, err) < 0)
		return -1;
	if (a->publish)
		observation_publish(a, w->to);
	if (a->expires)
		expiry_publish(a, w->to);
	notices_publish(a, w->to);
	if (a->restored) {
		a->restored = false;
		if (store_cleanup_count_restore(w->pg, &key, err) < 0)
			return -1;
	}
	if (a->dirty)
		control_copy(w, a);
	return 0;
}

static bool wants_row(const struct account *a)
{
	bool deleted = account_is_deleted(a);
	enum desired_state desired = account_desired(a);

	if (a->all->options.observe_only)
		return false;
	return a->assign_to >= 0 || (!deleted && (desired == DESIRED_DELETED || a->ending != ENDING_NOT)) ||
		(deleted && desired == DESIRED_CONNECTED && a->row.desired_us > a->row.deleted_us);
}

static void collect(struct writing *w)
{
	struct accounts *all = w->all;

	all->pending = false;
	for (size_t i = 0; i < all->n; i++) {
		struct account *a = all->list[i];

		if (!a->dirty && !a->publish && !a->notices && !a->restored && !a->expires && !wants_row(a))
			continue;
		if (w->n == FLUSH_MAX) {
			all->pending = true;
			return;
		}
		w->list[w->n++] = a;
	}
}

static int write_all(struct writing *w, struct err *err)
{
	struct accounts *all = w->all;

	if (lease_begin(w->to->lease, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		if (account_write(w, w->list[i], err) < 0)
			return -1;
	if (store_cleanup_controls(w->pg, w->keys, w->controls, w->n_controls, err) < 0 ||
		fleet_report(all->options.fleet, w->pg, err) < 0)
		return -1;
	(void)failpoint("cleanup_before_commit");
	if (lease_commit(w->to->lease, err) < 0)
		return -1;
	(void)failpoint("cleanup_after_commit");
	return 0;
}

bool accounts_pending(const struct accounts *all)
{
	return all->pending || fleet_has_report(all->options.fleet);
}

static int reload(struct accounts *all, struct pg *pg, struct err *err)
{
	size_t n = all->n_reload;

	if (n > 0)
		(void)failpoint("assignment_committed");
	all->n_reload = 0;
	return n > 0 ? accounts_load(all, pg, all->reload, n, err) : 0;
}

int accounts_flush(struct accounts *all, const struct record_target *to, struct err *err)
{
	struct writing w = { .all = all,
		.to = to,
		.pg = lease_pg(to->lease),
		.list = mem_calloc(FLUSH_MAX, sizeof(*w.list)),
		.keys = mem_calloc(FLUSH_MAX, sizeof(*w.keys)),
		.controls = mem_calloc(FLUSH_MAX, sizeof(*w.controls)),
		.texts = arena_new(4096) };
	int rc;

	collect(&w);
	rc = write_all(&w, err);
	if (rc == 0)
		rc = reload(all, w.pg, err);
	free(w.list);
	free(w.keys);
	free(w.controls);
	arena_free(w.texts);
	return rc;
}
