/* blazzctl workspaces and apps: tenants, and the Meta apps that post the events of their accounts. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "crypto/ids.h"
#include "facts.h"
#include "sealing.h"
#include "store/definitions.h"
#include "json/json.h"

struct workspace_options {
	const char *id, *settings;
};

static const struct option_row workspace_rows[] = {
	{ "id", OPTION_TEXT, offsetof(struct workspace_options, id), "UUID", "default: a random one" },
	{ "settings", OPTION_TEXT, offsetof(struct workspace_options, settings), "JSON",
		"an object, as db/README.md lists it: {\"default_region\":\"ID\"}" },
	{ 0 },
};

struct app_options {
	const char *id, *workspace, *name, *secret_file, *verify_file;
};

static const struct option_row app_rows[] = {
	{ "id", OPTION_TEXT, offsetof(struct app_options, id), "UUID", "default: a random one" },
	{ "workspace", OPTION_TEXT, offsetof(struct app_options, workspace), "UUID|NAME",
		"default: the platform's own app" },
	{ "name", OPTION_TEXT, offsetof(struct app_options, name), "TEXT", "for people" },
	{ "secret-file", OPTION_TEXT, offsetof(struct app_options, secret_file), "FILE",
		"app secrets, one per line; - is standard input; default: generates one and prints it" },
	{ "verify-token-file", OPTION_TEXT, offsetof(struct app_options, verify_file), "FILE",
		"token for Meta's subscription check; default: generates one and prints it" },
	{ 0 },
};

static int id_choose(const char *text, struct uuid *out, struct err *err)
{
	if (text)
		return ctl_uuid("--id", text, out, err);
	uuid_v4(out);
	return 0;
}

static int settings_check(const char *text, struct err *err)
{
	struct json_doc *doc = NULL;
	int rc = -1;

	if (!text)
		return 0;
	if (json_parse(&doc, str_of(text), err) < 0 || !json_is_obj(json_root(doc)))
		ctl_usage(err, "--settings: no JSON object");
	else
		rc = 0;
	json_free(doc);
	return rc;
}

static int workspaces_add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "workspace", "name", NULL };
	const struct workspace_options *o = options;
	struct workspace_info w = { .name = str_of(arguments[0]), .settings = str_of(o->settings) };
	struct table *t;
	struct pg *pg;

	if (settings_check(o->settings, err) < 0 || id_choose(o->id, &w.uuid, err) < 0 ||
		ctl_pg_admin(ctl, &pg, err) < 0 || store_workspace_add(pg, &w, err) < 0)
		return -1;
	t = table_new(columns);
	table_uuid(t, &w.uuid);
	table_text(t, w.name);
	table_print(t, ctl->json);
	table_free(t);
	return 0;
}

static const struct option_row workspace_set_rows[] = {
	{ "settings", OPTION_TEXT, offsetof(struct workspace_options, settings), "JSON",
		"an object: its members replace those of the settings, null removes one" },
	{ 0 },
};

static int workspaces_set(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "workspace", "settings", NULL };
	const struct workspace_options *o = options;
	struct arena *a = arena_new(4096);
	struct str settings;
	struct table *t;
	struct uuid uuid;
	int64_t id;
	struct pg *pg;
	int rc = -1;

	if (!o->settings) {
		ctl_usage(err, "--settings is missing");
		goto out;
	}
	if (settings_check(o->settings, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_workspace_find(pg, str_of(arguments[0]), &id, &uuid, err) < 0 ||
		store_workspace_settings(pg, id, str_of(o->settings), a, &settings, err) < 0)
		goto out;
	t = table_new(columns);
	table_uuid(t, &uuid);
	table_text(t, settings);
	table_print(t, ctl->json);
	table_free(t);
	rc = 0;
out:
	arena_free(a);
	return rc;
}

static int deletion_show(struct ctl *ctl, struct pg *pg, const struct uuid *workspace, struct err *err)
{
	static const char *const columns[] = { "workspace", "name", "deleted_at", NULL };
	struct arena *a = arena_new(4096);
	struct workspace_state now;
	struct table *t;
	char id[37];
	int rc;

	uuid_format(workspace, id);
	rc = store_workspace_state(pg, str_of(id), a, &now, err);
	if (rc == 0) {
		t = table_new(columns);
		table_uuid(t, &now.uuid);
		table_text(t, now.name);
		table_time(t, now.deleted_us);
		table_print(t, ctl->json);
		table_free(t);
	}
	arena_free(a);
	return rc;
}

static int workspaces_delete(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct uuid uuid;
	int64_t id;
	struct pg *pg;

	(void)options;
	if (ctl_pg_admin(ctl, &pg, err) < 0 || store_workspace_find(pg, str_of(arguments[0]), &id, &uuid, err) < 0 ||
		store_workspace_delete(pg, id, err) < 0)
		return -1;
	return deletion_show(ctl, pg, &uuid, err);
}

static int workspaces_restore(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct arena *a = arena_new(4096);
	struct workspace_state w;
	struct pg *pg;
	int rc = -1;

	(void)options;
	if (ctl_pg_admin(ctl, &pg, err) == 0 && store_workspace_state(pg, str_of(arguments[0]), a, &w, err) == 0 &&
		store_workspace_restore(pg, &w, err) == 0)
		rc = deletion_show(ctl, pg, &w.uuid, err);
	arena_free(a);
	return rc;
}

static void workspace_row(void *ctx, const struct workspace_info *w)
{
	struct table *t = ctx;

	table_uuid(t, &w->uuid);
	table_text(t, w->name);
	table_text(t, w->settings);
	table_time_ms(t, w->created_us / 1000);
}

static int workspaces_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "workspace", "name", "settings", "created_at", NULL };
	struct table *t = table_new(columns);
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0 && store_workspaces_list(pg, workspace_row, t, err) == 0) {
		table_print(t, ctl->json);
		rc = 0;
	}
	table_free(t);
	return rc;
}

static int app_seal(struct ctl *ctl, const struct uuid *id, const struct sealing_secrets *secrets,
	const struct sealing_secrets *verify, struct buf *out, struct err *err)
{
	const struct sealing_member members[] = {
		{ "app_secrets", secrets->values, secrets->n, false },
		{ "verify_token", verify->values, 1, true },
	};

	return sealing_seal(ctl, SEALED_APP, id, members, 2, out, err);
}

/* A generated secret is printed only here. */
static void app_print(const struct app_info *app, const struct sealing_secrets *secrets,
	const struct sealing_secrets *verify, bool as_json)
{
	static const char *const columns[] = { "app", "name", "secret", "verify_token", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &app->uuid);
	table_text(t, app->name);
	table_text(t, secrets->made ? secrets->values[0] : STR_NONE);
	table_text(t, verify->made ? verify->values[0] : STR_NONE);
	table_print(t, as_json);
	table_free(t);
}

static int app_store(struct ctl *ctl, const struct app_options *o, struct app_info *app, struct err *err)
{
	struct uuid workspace;
	struct pg *pg;

	if (ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->workspace &&
			store_workspace_find(pg, str_of(o->workspace), &app->workspace_id, &workspace, err) < 0))
		return -1;
	return store_app_add(pg, app, err);
}

static int apps_add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct app_options *o = options;
	struct app_info app = { .kind = STR("meta"), .name = o->name ? str_of(o->name) : STR("") };
	struct sealing_secrets secrets = { .n = 0 }, verify = { .n = 0 };
	struct buf sealed = BUF_INIT;
	int rc = -1;

	(void)arguments;
	if (id_choose(o->id, &app.uuid, err) < 0 || sealing_secrets_read(o->secret_file, &secrets, err) < 0 ||
		sealing_secrets_read(o->verify_file, &verify, err) < 0 ||
		app_seal(ctl, &app.uuid, &secrets, &verify, &sealed, err) < 0)
		goto out;
	app.secrets = buf_str(&sealed);
	rc = app_store(ctl, o, &app, err);
	if (rc == 0)
		app_print(&app, &secrets, &verify, ctl->json);
out:
	sealing_secrets_fini(&secrets);
	sealing_secrets_fini(&verify);
	buf_fini(&sealed);
	return rc;
}

struct app_listing {
	struct ctl *ctl;
	struct table *table;
};

static void app_row(void *ctx, const struct app_info *app)
{
	static const char *const members[] = { "app_secrets", NULL };
	struct app_listing *l = ctx;
	struct table *t = l->table;
	bool known;
	size_t n = sealing_count(l->ctl, SEALED_APP, &app->uuid, app->secrets, members, &known);

	table_uuid(t, &app->uuid);
	table_text(t, app->kind);
	table_text(t, app->name);
	table_bool(t, app->workspace_id == 0);
	if (known)
		table_i64(t, (int64_t)n);
	else
		table_none(t);
	table_time_ms(t, app->created_us / 1000);
}

static int apps_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "app", "kind", "name", "platform", "secrets", "created_at", NULL };
	struct table *t = table_new(columns);
	struct app_listing l = { ctl, t };
	struct pg *pg;
	int rc = -1;

	(void)options;
	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) == 0 && store_apps_list(pg, app_row, &l, err) == 0) {
		table_print(t, ctl->json);
		rc = 0;
	}
	table_free(t);
	return rc;
}

const struct command apps_commands[] = {
	{ "workspaces", "add", "NAME", 1, 1, workspace_rows, sizeof(struct workspace_options), "adds a tenant",
		workspaces_add },
	{ "workspaces", "set", "WORKSPACE", 1, 1, workspace_set_rows, sizeof(struct workspace_options),
		"changes the settings of a tenant, given by its id or name", workspaces_set },
	{ "workspaces", "delete", "WORKSPACE", 1, 1, NULL, 0,
		"deletes a tenant, given by its id or name: its sessions stop, its webhooks wait, nothing is sent; cleanup deletes its sessions and rows for good after jobs.workspaces.after",
		workspaces_delete },
	{ "workspaces", "restore", "WORKSPACE", 1, 1, NULL, 0, "restores a deleted tenant until then",
		workspaces_restore },
	{ "workspaces", "list", NULL, 0, 0, NULL, 0, "all tenants", workspaces_show },
	{ "apps", "add", NULL, 0, 0, app_rows, sizeof(struct app_options), "adds a Meta app", apps_add },
	{ "apps", "list", NULL, 0, 0, NULL, 0, "all Meta apps", apps_show },
	{ 0 },
};
