/* blazzctl accounts connect, disconnect, restart, relink, delete, set-primary, show: what is wanted of a session, and what has
 * become of it. cleanup carries it out. */
#include <stdio.h>

#include "ctl.h"
#include "facts.h"
#include "store/account_wishes.h"
#include "store/definitions.h"

struct wishing {
	const char *account;
	enum account_wish wish;
};

static void warn(const struct account_state *a, enum account_wish wish)
{
	if (wish == WISH_DISCONNECTED && a->bridge == BRIDGE_EVOLUTION)
		fputs("blazzctl: an Evolution server cannot stop a session: the account is logged out, and needs a new code to connect\n",
			stderr);
	if (wish != WISH_DELETED && store_account_is_unmanaged(a))
		fputs("blazzctl: the account's bridge is not a registered instance: its session stays as it is\n",
			stderr);
}

static int account_wish(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	const struct wishing *w = ctx;
	struct arena *a = arena_new(4096);
	struct account_state account;
	int rc = -1;

	(void)ctl;
	if (store_account_state_lock(pg, str_of(w->account), a, &account, err) < 0 ||
		store_account_wish(pg, &account, w->wish, err) < 0)
		goto out;
	warn(&account, w->wish);
	rc = 0;
out:
	arena_free(a);
	return rc;
}

static int wish(struct ctl *ctl, const char *account, enum account_wish what, struct err *err)
{
	struct wishing w = { account, what };

	return ctl_pg_change(ctl, account_wish, &w, err);
}

static int wish_connect(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], WISH_CONNECTED, err);
}

static int wish_disconnect(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], WISH_DISCONNECTED, err);
}

static int wish_restart(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], WISH_RESTART, err);
}

static int wish_relink(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], WISH_RELINK, err);
}

static int wish_delete(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], WISH_DELETED, err);
}

static int account_primary(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct account_info account;
	int rc = store_account_lock(pg, str_of(ctx), a, &account, err);

	(void)ctl;
	if (rc == 0)
		rc = store_account_primary_set(pg, account.workspace_id, account.id, err);
	arena_free(a);
	return rc;
}

static int set_primary(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return ctl_pg_change(ctl, account_primary, arguments[0], err);
}

static void fact_index(struct table *t, const char *name, int64_t index)
{
	if (index >= 0)
		fact_i64(t, name, index);
	else
		fact_text(t, name, STR_NONE);
}

static struct table *account_table(const struct account_state *a)
{
	struct table *t = facts_new();

	fact_uuid(t, "account", &a->uuid);
	fact_uuid(t, "workspace", &a->workspace);
	fact_text(t, "session_id", a->session_id);
	fact_text(t, "provider", str_of(provider_word(a->provider)));
	fact_text(t, "bridge", a->bridge ? str_of(bridge_word(a->bridge)) : STR_NONE);
	fact_bool(t, "primary", a->is_primary);
	fact_index(t, "instance", a->instance);
	fact_text(t, "instance_url", a->instance_url);
	fact_bool(t, "unmanaged", store_account_is_unmanaged(a));
	fact_index(t, "previous_instance", a->previous_instance);
	fact_i64(t, "migrations", a->migrations);
	fact_time(t, "migrated_at", a->migrated_us);
	return t;
}

static struct table *desired_table(const struct account_state *a)
{
	struct table *t = facts_new();

	fact_text(t, "desired", a->desired);
	fact_time(t, "since", a->desired_us);
	fact_time(t, "deleted_at", a->deleted_us);
	fact_time(t, "restart_at", a->restart_us);
	fact_time(t, "relink_at", a->relink_us);
	fact_index(t, "move_to", a->move_to);
	fact_time(t, "move_at", a->move_us);
	return t;
}

static struct table *reported_table(const struct account_state *a)
{
	struct table *t = facts_new();

	fact_text(t, "status", a->status);
	fact_time(t, "since", a->status_since_us);
	fact_time(t, "connected_at", a->connected_us);
	fact_time(t, "disconnected_at", a->disconnected_us);
	fact_text(t, "disconnect_reason", a->disconnect_reason);
	fact_text(t, "disconnect_details", a->disconnect_details);
	fact_text(t, "phone_number", a->phone_number);
	fact_text(t, "reported_phone", a->reported_phone);
	fact_i64(t, "health", a->health_score);
	return t;
}

static struct table *observed_table(const struct account_state *a)
{
	struct table *t = facts_new();

	fact_text(t, "observed", a->observed);
	fact_time(t, "since", a->observed_us);
	fact_text(t, "why", a->reason);
	fact_time(t, "next", a->next_us);
	fact_text(t, "last_call", a->action);
	fact_text(t, "outcome", a->outcome);
	fact_i64(t, "attempt", a->attempt);
	fact_text(t, "error", a->error);
	fact_time(t, "restarted_at", a->restarted_us);
	fact_time(t, "relinked_at", a->relinked_us);
	fact_time(t, "moved_at", a->moved_us);
	fact_i64(t, "assignment_epoch", a->epoch);
	return t;
}

static void state_print(const struct account_state *a, bool json)
{
	struct table *account = account_table(a), *desired = desired_table(a), *reported = reported_table(a),
		     *observed = observed_table(a);

	tables_print((const struct titled_table[]){ { "account", account }, { "desired", desired },
			     { "reported", reported }, { "observed", observed }, { 0 } },
		json);
	table_free(account);
	table_free(desired);
	table_free(reported);
	table_free(observed);
}

static int show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct arena *arena = arena_new(4096);
	struct account_state a;
	struct pg *pg;
	int rc = -1;

	(void)options;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_account_state(pg, str_of(arguments[0]), arena, &a, err);
	if (rc == 0)
		state_print(&a, ctl->json);
	arena_free(arena);
	return rc;
}

const struct command accounts_wish_commands[] = {
	{ "accounts", "show", "ACCOUNT", 1, 1, NULL, 0,
		"shows what is desired, reported and observed of a number's session, and why they differ", show },
	{ "accounts", "connect", "ACCOUNT", 1, 1, NULL, 0,
		"has its session started, also that of a deleted number; ends a suspension", wish_connect },
	{ "accounts", "disconnect", "ACCOUNT", 1, 1, NULL, 0, "has its session stopped", wish_disconnect },
	{ "accounts", "restart", "ACCOUNT", 1, 1, NULL, 0, "has its session restarted once", wish_restart },
	{ "accounts", "relink", "ACCOUNT", 1, 1, NULL, 0, "has it logged out, to log in with a new code", wish_relink },
	{ "accounts", "delete", "ACCOUNT", 1, 1, NULL, 0,
		"has it logged out and deleted; its conversations stay, and connect brings it back", wish_delete },
	{ "accounts", "set-primary", "ACCOUNT", 1, 1, NULL, 0, "makes it its workspace's primary account",
		set_primary },
	{ 0 },
};
