/* blazzctl sync: the state of the accounts' initial syncs. */
#include <stddef.h>

#include "ctl.h"
#include "store/definitions.h"
#include "json/json.h"

struct sync_options {
	const char *workspace;
};

static const struct option_row status_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct sync_options, workspace), "UUID|NAME", "only of this one" },
	{ 0 },
};

static void count_add(struct table *t, const json *sync, const char *name)
{
	int64_t n;

	if (json_to_i64(json_get(sync, name), &n))
		table_i64(t, n);
	else
		table_none(t);
}

static void sync_row(void *ctx, const struct sync_info *s)
{
	static const char *const counts[] = { "synced", "skipped", "rejected", "total" };
	struct table *t = ctx;
	struct json_doc *doc = NULL;
	const json *sync;

	/* Text that is not JSON has no members: the row then shows only the account. */
	sync = json_parse(&doc, s->sync, NULL) == 0 ? json_root(doc) : NULL;
	table_uuid(t, &s->account);
	table_text(t, s->session_id);
	table_text(t, json_str(json_get(sync, "status")));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		count_add(t, sync, counts[i]);
	table_text(t, json_str(json_get(sync, "last_sync_at")));
	table_bool(t, json_true(json_get(sync, "resync")));
	table_text(t, json_str(json_get(sync, "resync_reason")));
	json_free(doc);
}

static int status(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "account", "session_id", "status", "synced", "skipped", "rejected",
		"total", "last_sync_at", "resync", "resync_reason", NULL };
	const struct sync_options *o = options;
	struct table *t = table_new(columns);
	int64_t workspace_id = 0;
	struct uuid workspace;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->workspace && store_workspace_find(pg, str_of(o->workspace), &workspace_id, &workspace, err) < 0) ||
		store_syncs_list(pg, workspace_id, sync_row, t, err) < 0)
		goto out;
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	return rc;
}

const struct command sync_commands[] = {
	{ "sync", "status", NULL, 0, 0, status_rows, sizeof(struct sync_options),
		"shows the initial sync of each account", status },
	{ 0 },
};
