/* blazzctl instances list, show: where sessions can run, and what cleanup observed of it. */
#include "facts.h"
#include "instances.h"
#include "store/definitions.h"

static const char *const columns[] = { "index", "kind", "url", "desired", "state", "since", "accounts", "capacity",
	"sessions", "storage_group", "key", "error", NULL };

static void instance_row(void *ctx, const struct instance_info *i)
{
	struct table *t = ctx;

	table_i64(t, i->index);
	table_text(t, str_of(bridge_word(i->kind)));
	table_text(t, i->url);
	table_text(t, i->desired);
	table_text(t, i->state);
	table_time(t, i->state_since_us);
	table_i64(t, i->accounts);
	table_i64(t, i->capacity);
	table_i64(t, i->sessions);
	table_text(t, i->storage_group);
	table_bool(t, i->secrets.p);
	table_text(t, i->error);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct table *t = table_new(columns);
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0)
		rc = store_instances_list(pg, instance_row, t, err);
	if (rc == 0)
		table_print(t, ctl->json);
	table_free(t);
	return rc;
}

static struct table *instance_table(const struct instance_info *i)
{
	struct table *t = facts_new();

	fact_i64(t, "index", i->index);
	fact_uuid(t, "uuid", &i->uuid);
	fact_text(t, "kind", str_of(bridge_word(i->kind)));
	fact_text(t, "url", i->url);
	fact_i64(t, "capacity", i->capacity);
	fact_text(t, "storage_group", i->storage_group);
	fact_text(t, "storage_path", i->storage_path);
	fact_bool(t, "key", i->secrets.p);
	fact_time(t, "created", i->created_us);
	fact_text(t, "desired", i->desired);
	fact_time(t, "desired_at", i->desired_us);
	fact_text(t, "state", i->state);
	fact_time(t, "state_since", i->state_since_us);
	fact_i64(t, "failures", i->failures);
	fact_time(t, "probed_at", i->probed_us);
	fact_time(t, "fenced_at", i->fenced_us);
	fact_i64(t, "sessions", i->sessions);
	fact_i64(t, "accounts", i->accounts);
	fact_text(t, "error", i->error);
	return t;
}

struct assigned {
	int64_t index;
	struct table *table;
};

static void account_row(void *ctx, const struct account_info *a)
{
	struct assigned *s = ctx;

	if (a->instance != s->index)
		return;
	table_text(s->table, a->session_id);
	table_uuid(s->table, &a->uuid);
	table_uuid(s->table, &a->workspace);
	table_text(s->table, a->desired_state);
	table_text(s->table, a->status);
	table_time(s->table, a->status_since_us);
}

static int show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const account_columns[] = { "session_id", "account", "workspace", "desired", "status",
		"since", NULL };
	struct table *instance = NULL, *accounts = table_new(account_columns);
	struct arena *a = arena_new(4096);
	struct assigned assigned = { 0, accounts };
	struct instance_info i;
	struct pg *pg;
	int rc = -1;

	(void)options;
	if (instance_index(arguments[0], &assigned.index, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_instance_find(pg, assigned.index, a, &i, err) < 0 ||
		store_accounts_list(pg, 0, account_row, &assigned, err) < 0)
		goto out;
	instance = instance_table(&i);
	tables_print((const struct titled_table[]){ { "instance", instance }, { "accounts", accounts }, { 0 } },
		ctl->json);
	rc = 0;
out:
	table_free(instance);
	table_free(accounts);
	arena_free(a);
	return rc;
}

const struct command instances_show_commands[] = {
	{ "instances", "list", NULL, 0, 0, NULL, 0, "lists servers of bridges, their state and how full they are",
		list },
	{ "instances", "show", "INDEX", 1, 1, NULL, 0, "shows an instance and the accounts that are assigned to it",
		show },
	{ 0 },
};
