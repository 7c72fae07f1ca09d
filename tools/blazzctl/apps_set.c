/* blazzctl apps set: name and secrets of a Meta app that exists; its invariant is that of accounts set. */
#include <stddef.h>

#include "sealing.h"
#include "store/config.h"

struct set_options {
	const char *name, *verify_file;
	struct sealing_edit_options secrets;
	bool make_verify, force;
};

#define AT(field) offsetof(struct set_options, field)

static const struct option_row set_rows[] = {
	{ "name", OPTION_TEXT, AT(name), "TEXT", "for people" },
	{ "add-secret-file", OPTION_TEXT, AT(secrets.add_file), "FILE",
		"accepts these app secrets, too, one a line; - is standard input" },
	{ "make-secret", OPTION_FLAG, AT(secrets.make), NULL, "the same with one that is made up and printed" },
	{ "keep-secrets", OPTION_NUMBER, AT(secrets.keep), "N", "only the newest N stay" },
	{ "remove-secret-file", OPTION_TEXT, AT(secrets.remove_file), "FILE", "these do not" },
	{ "verify-token-file", OPTION_TEXT, AT(verify_file), "FILE", "Meta's subscription check from now on" },
	{ "make-verify-token", OPTION_FLAG, AT(make_verify), NULL, "the same with one that is made up and printed" },
	{ "force", OPTION_FLAG, AT(force), NULL, "even when no secret is left" },
	{ 0 },
};

struct change {
	struct sealing_edit secrets;
	struct sealing_secrets verify;
	struct sealing_opened former;
};

static void change_fini(struct change *c)
{
	sealing_edit_fini(&c->secrets);
	sealing_secrets_fini(&c->verify);
	sealing_opened_fini(&c->former);
}

static int change_read(const struct set_options *o, struct change *c, struct err *err)
{
	if (o->verify_file && o->make_verify)
		return ctl_usage(err, "a verify token is read or made up, not both");
	if (sealing_edit_read(&o->secrets, "app_secrets", &c->secrets, err) < 0)
		return -1;
	return o->verify_file || o->make_verify ? sealing_secrets_read(o->verify_file, &c->verify, err) : 0;
}

static int secrets_reseal(struct ctl *ctl, const struct set_options *o, const struct app_info *app, struct change *c,
	struct buf *out, struct err *err)
{
	struct sealing_list secrets;

	if (sealing_open(ctl, SEALING_APP, &app->uuid, app->secrets, &c->former, err) < 0 ||
		sealing_list_edit(&secrets, &c->former, &c->secrets, err) < 0)
		return -1;
	if (secrets.n == 0 && !o->force)
		return err_set(err, ERR_INPUT, "secret", "these are its last secrets; --force removes them");
	const struct sealing_member members[] = {
		{ "app_secrets", secrets.values, secrets.n, false },
		{ "verify_token", c->verify.values, c->verify.n, true },
	};
	const struct sealing_change whole = { .members = members, .n = c->verify.n > 0 ? 2 : 1 };

	return sealing_reseal(ctl, SEALING_APP, &app->uuid, &c->former, &whole, out, err);
}

/* A secret that was made up is shown this once. */
static void app_print(const struct app_info *app, const struct change *c, bool json)
{
	static const char *const columns[] = { "app", "name", "secret", "verify_token", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &app->uuid);
	table_text(t, app->name);
	table_text(t, c->secrets.added.made ? c->secrets.added.values[0] : STR_NONE);
	table_text(t, c->verify.made ? c->verify.values[0] : STR_NONE);
	table_print(t, json);
	table_free(t);
}

static int set(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct set_options *o = options;
	struct arena *arena = arena_new(4096);
	struct buf sealed = BUF_INIT;
	struct app_info app = { .id = 0 };
	struct change c = { .verify = { .n = 0 } };
	struct uuid uuid;
	struct pg *pg = NULL;
	int rc = -1;

	if (ctl_uuid("the app", arguments[0], &uuid, err) < 0 || change_read(o, &c, err) < 0 ||
		ctl_pg_admin(ctl, &pg, err) < 0 || pg_begin(pg, err) < 0 || app_lock(pg, &uuid, arena, &app, err) < 0 ||
		secrets_reseal(ctl, o, &app, &c, &sealed, err) < 0)
		goto out;
	app.secrets = buf_str(&sealed);
	if (o->name)
		app.name = str_of(o->name);
	if (app_set(pg, &app, err) < 0 || pg_commit(pg, err) < 0)
		goto out;
	app_print(&app, &c, ctl->json);
	rc = 0;
out:
	if (pg)
		pg_rollback(pg);
	change_fini(&c);
	buf_fini(&sealed);
	arena_free(arena);
	return rc;
}

const struct command apps_set_commands[] = {
	{ "apps", "set", "APP", 1, 1, set_rows, sizeof(struct set_options), "changes name and secrets of a Meta app",
		set },
	{ 0 },
};
