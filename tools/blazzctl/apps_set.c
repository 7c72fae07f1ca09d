/* blazzctl apps set: name and secrets of a Meta app that exists; its invariant is that of accounts set. */
#include <stddef.h>

#include "sealing.h"
#include "store/definitions.h"

struct app_set_options {
	const char *name, *verify_file;
	struct sealing_edit_options secrets;
	bool make_verify, force;
};

#define AT(field) offsetof(struct app_set_options, field)

static const struct option_row set_rows[] = {
	{ "name", OPTION_TEXT, AT(name), "TEXT", "for people" },
	{ "add-secret-file", OPTION_TEXT, AT(secrets.add_file), "FILE",
		"accepts these app secrets, too, one per line; - is standard input" },
	{ "make-secret", OPTION_FLAG, AT(secrets.make), NULL, "the same with a generated one, which is printed" },
	{ "keep-secrets", OPTION_NUMBER, AT(secrets.keep), "N", "keeps only the newest N" },
	{ "remove-secret-file", OPTION_TEXT, AT(secrets.remove_file), "FILE", "removes those in FILE" },
	{ "verify-token-file", OPTION_TEXT, AT(verify_file), "FILE", "new token for Meta's subscription check" },
	{ "make-verify-token", OPTION_FLAG, AT(make_verify), NULL, "the same with a generated one, which is printed" },
	{ "force", OPTION_FLAG, AT(force), NULL, "even if no secret is left" },
	{ 0 },
};

struct app_change {
	const struct app_set_options *options;
	struct uuid uuid; /* the app's */
	struct arena *arena;
	struct app_info app;
	struct buf sealed;
	struct sealing_edit secrets;
	struct sealing_secrets verify;
	struct sealing_opened former;
};

static void change_fini(struct app_change *c)
{
	sealing_edit_fini(&c->secrets);
	sealing_secrets_fini(&c->verify);
	sealing_opened_fini(&c->former);
	buf_fini(&c->sealed);
	arena_free(c->arena);
}

static int change_read(const struct app_set_options *o, struct app_change *c, struct err *err)
{
	if (o->verify_file && o->make_verify)
		return ctl_usage(err, "--verify-token-file and --make-verify-token exclude each other");
	if (sealing_edit_read(&o->secrets, "app_secrets", &c->secrets, err) < 0)
		return -1;
	return o->verify_file || o->make_verify ? sealing_secrets_read(o->verify_file, &c->verify, err) : 0;
}

static int secrets_reseal(struct ctl *ctl, struct app_change *c, struct err *err)
{
	struct sealing_list secrets;

	if (sealing_open(ctl, SEALED_APP, &c->uuid, c->app.secrets, &c->former, err) < 0 ||
		sealing_list_edit(&secrets, &c->former, &c->secrets, err) < 0)
		return -1;
	if (secrets.n == 0 && !c->options->force)
		return err_set(err, ERR_INPUT, "secret", "these are its last secrets; --force removes them");
	const struct sealing_member members[] = {
		{ "app_secrets", secrets.values, secrets.n, false },
		{ "verify_token", c->verify.values, c->verify.n, true },
	};
	const struct sealing_change whole = { .members = members, .n = c->verify.n > 0 ? 2 : 1 };

	if (sealing_reseal(ctl, SEALED_APP, &c->uuid, &c->former, &whole, &c->sealed, err) < 0)
		return -1;
	c->app.secrets = buf_str(&c->sealed);
	return 0;
}

/* A generated secret is printed only here. */
static void app_print(const struct app_change *c, bool json)
{
	static const char *const columns[] = { "app", "name", "secret", "verify_token", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &c->uuid);
	table_text(t, c->app.name);
	table_text(t, c->secrets.added.made ? c->secrets.added.values[0] : STR_NONE);
	table_text(t, c->verify.made ? c->verify.values[0] : STR_NONE);
	table_print(t, json);
	table_free(t);
}

static int app_change(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	struct app_change *c = ctx;

	if (store_app_lock(pg, &c->uuid, c->arena, &c->app, err) < 0 || secrets_reseal(ctl, c, err) < 0)
		return -1;
	if (c->options->name)
		c->app.name = str_of(c->options->name);
	return store_app_set(pg, &c->app, err);
}

static int set(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct app_change c = { .options = options, .arena = arena_new(4096), .sealed = BUF_INIT };
	int rc = -1;

	if (ctl_uuid("the app", arguments[0], &c.uuid, err) == 0 && change_read(options, &c, err) == 0)
		rc = ctl_pg_change(ctl, app_change, &c, err);
	if (rc == 0)
		app_print(&c, ctl->json);
	change_fini(&c);
	return rc;
}

const struct command apps_set_commands[] = {
	{ "apps", "set", "APP", 1, 1, set_rows, sizeof(struct app_set_options),
		"changes name and secrets of a Meta app", set },
	{ 0 },
};
