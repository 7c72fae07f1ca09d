/* blazzctl lanes: accounts as senders, and ending their holds. */
#include <stddef.h>

#include "facts.h"
#include "store/lanes_ops.h"
#include "tenants.h"

struct lane_options {
	const char *workspace;
	bool held;
};

static const struct option_row list_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct lane_options, workspace), "UUID|NAME", "only of this one" },
	{ "held", OPTION_FLAG, offsetof(struct lane_options, held), NULL,
		"only those that a provider's code has stopped" },
	{ 0 },
};

static const char *const columns[] = { "session_id", "account", "workspace", "provider", "connected", "status",
	"held_code", "held_until", "paused_until", "next", "in_flight", "new_today", "warm_day", "attempts", "failures",
	"limits", NULL };

struct lanes {
	struct table *table;
	bool only_held;
};

static void lane_row(void *ctx, const struct lane_info *l)
{
	struct lanes *s = ctx;
	struct table *t = s->table;

	if (s->only_held && !l->held)
		return;
	table_text(t, l->session_id);
	table_uuid(t, &l->account);
	table_uuid(t, &l->workspace);
	table_text(t, str_of(provider_word(l->provider)));
	table_bool(t, l->connected);
	table_text(t, l->status);
	table_text(t, l->held ? l->held_code : STR_NONE);
	table_time(t, l->held ? l->held_until_us : PG_NO_TIME);
	table_time(t, l->paused_until_us);
	table_time(t, l->next_us);
	table_i64(t, l->in_flight);
	table_i64(t, l->new_today);
	table_i64(t, l->warm_day);
	table_i64(t, l->attempts);
	table_i64(t, l->failures);
	table_text(t, l->limits);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct lane_options *o = options;
	struct lanes s = { table_new(columns), o->held };
	struct tenant t = { 0 };
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if ((!o->workspace || tenant_find(ctl, o->workspace, &t, err) == 0) && ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_lanes_list(pg, t.id, lane_row, &s, err);
	if (rc == 0)
		table_print(s.table, ctl->json);
	table_free(s.table);
	return rc;
}

struct releasing {
	const char *account;
	struct arena *arena;
};

static int lane_release(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	const struct releasing *r = ctx;
	struct account_info a;

	(void)ctl;
	if (store_account_lock(pg, str_of(r->account), r->arena, &a, err) < 0)
		return -1;
	return store_lane_release(pg, a.workspace_id, a.id, err);
}

static int release(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct releasing r = { arguments[0], arena_new(4096) };
	int rc = ctl_pg_change(ctl, lane_release, &r, err);

	(void)options;
	arena_free(r.arena);
	return rc;
}

const struct command lanes_commands[] = {
	{ "lanes", "list", NULL, 0, 0, list_rows, sizeof(struct lane_options),
		"lists accounts as senders: whether one is held or waits, and its attempts", list },
	{ "lanes", "release", "ACCOUNT", 1, 1, NULL, 0,
		"ends an account's hold, given by its id or session; the next code of the provider may begin another",
		release },
	{ 0 },
};
