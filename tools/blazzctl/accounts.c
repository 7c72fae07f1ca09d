/* blazzctl accounts: the WhatsApp numbers of workspaces. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "crypto/ids.h"
#include "facts.h"
#include "instances.h"
#include "sealing.h"
#include "store/definitions.h"

struct account_options {
	const char *id, *workspace, *session, *provider, *bridge, *ref, *phone, *phone_number_id, *waba, *business,
		*app, *instance, *secret_file, *token_file, *access_token_file;
	bool primary, anew;
};

#define AT(field) offsetof(struct account_options, field)

static const struct option_row add_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "session", OPTION_TEXT, AT(session), "ID", "Blazz's name for it, unique" },
	{ "provider", OPTION_TEXT, AT(provider), "WORD", "meta or webjs" },
	{ "bridge", OPTION_TEXT, AT(bridge), "WORD", "webjs: blazz, wwebjs, waha or evolution" },
	{ "ref", OPTION_TEXT, AT(ref), "TEXT", "webjs: the bridge's name for the session" },
	{ "instance", OPTION_TEXT, AT(instance), "INDEX|URL",
		"webjs: the instance asked for, by default cleanup chooses one; or an address, whose session cleanup leaves alone" },
	{ "phone", OPTION_TEXT, AT(phone), "E.164", "its number" },
	{ "app", OPTION_TEXT, AT(app), "UUID", "meta: the app that posts its events" },
	{ "phone-number-id", OPTION_TEXT, AT(phone_number_id), "ID", "meta" },
	{ "waba", OPTION_TEXT, AT(waba), "ID", "meta: its business account" },
	{ "business", OPTION_TEXT, AT(business), "ID", "meta: the business portfolio" },
	{ "primary", OPTION_FLAG, AT(primary), NULL, "the workspace's primary account from now on" },
	{ "new", OPTION_FLAG, AT(anew), NULL, "also when the number is that of a deleted account" },
	{ "secret-file", OPTION_TEXT, AT(secret_file), "FILE",
		"the bridge's signing keys (evolution: its token), one per line; - is standard input;\n"
		"                                default: generates one and prints it" },
	{ "token-file", OPTION_TEXT, AT(token_file), "FILE", "webjs: additional bearer tokens or API keys" },
	{ "access-token-file", OPTION_TEXT, AT(access_token_file), "FILE", "token for sending messages" },
	{ "id", OPTION_TEXT, AT(id), "UUID", "default: a random one" },
	{ 0 },
};

struct account_list_options {
	const char *workspace, *status, *instance;
	int64_t disconnected_since_ms;
};

#define LIST_AT(field) offsetof(struct account_list_options, field)

static const struct option_row list_rows[] = {
	{ "workspace", OPTION_TEXT, LIST_AT(workspace), "UUID|NAME", "only of this one" },
	{ "status", OPTION_TEXT, LIST_AT(status), "WORD", "only those with this status" },
	{ "instance", OPTION_TEXT, LIST_AT(instance), "INDEX", "only those assigned to it" },
	{ "disconnected-since", OPTION_TIME, LIST_AT(disconnected_since_ms), "TIME",
		"only those that lost their session at this time or later, and are not connected" },
	{ 0 },
};

static int provider_read(const struct account_options *o, struct account_info *a, struct err *err)
{
	a->provider = provider_parse(str_of(o->provider));
	a->bridge = bridge_parse(str_of(o->bridge));
	if (a->provider == PROVIDER_NONE)
		return ctl_usage(err, "--provider must be meta or webjs");
	if (a->provider == PROVIDER_META)
		return o->app && o->phone_number_id ? 0 : ctl_usage(err, "meta needs --app and --phone-number-id");
	return a->bridge ? 0 : ctl_usage(err, "webjs needs --bridge: blazz, wwebjs, waha or evolution");
}

/* Digits are an index, which goes to *index; anything else is a URL. */
static int instance_read(const struct account_options *o, struct account_info *a, int64_t *index, struct err *err)
{
	if (!o->instance || !*o->instance || o->instance[strspn(o->instance, "0123456789")] != '\0') {
		a->assigned_instance_url = str_of(o->instance);
		return 0;
	}
	if (a->provider == PROVIDER_META)
		return ctl_usage(err, "an account at Meta has no instance");
	a->asked_instance = index;
	return instance_index(o->instance, index, err);
}

/* a->asked_instance becomes index, or NULL. */
static int account_read(const struct account_options *o, struct account_info *a, int64_t *index, struct err *err)
{
	*a = (struct account_info){
		.session_id = str_of(o->session),
		.provider_ref = str_of(o->ref),
		.phone_number = str_of(o->phone),
		.phone_number_id = str_of(o->phone_number_id),
		.waba_id = str_of(o->waba),
		.business_id = str_of(o->business),
		.is_primary = o->primary,
	};
	if (!o->workspace || !o->session)
		return ctl_usage(err, "accounts add needs --workspace and --session");
	if (!o->id)
		uuid_v4(&a->uuid);
	else if (ctl_uuid("--id", o->id, &a->uuid, err) < 0)
		return -1;
	if (o->app && ctl_uuid("--app", o->app, &a->app, err) < 0)
		return -1;
	if (provider_read(o, a, err) < 0)
		return -1;
	return instance_read(o, a, index, err);
}

/* The members of an account's sealed object. */
struct account_secrets {
	struct sealing_secrets own, tokens, access;
};

static int secrets_read(const struct account_options *o, enum provider provider, struct account_secrets *s,
	struct err *err)
{
	/* Meta signs with the app's secret, so its accounts have no signing keys. */
	if ((provider == PROVIDER_WEBJS || o->secret_file) && sealing_secrets_read(o->secret_file, &s->own, err) < 0)
		return -1;
	if (o->token_file && sealing_secrets_read(o->token_file, &s->tokens, err) < 0)
		return -1;
	return o->access_token_file ? sealing_secrets_read(o->access_token_file, &s->access, err) : 0;
}

static void secrets_fini(struct account_secrets *s)
{
	sealing_secrets_fini(&s->own);
	sealing_secrets_fini(&s->tokens);
	sealing_secrets_fini(&s->access);
}

/* Evolution does not sign: its secret is a token, and becomes the first of the tokens. */
static int account_seal(struct ctl *ctl, const struct account_info *a, const struct account_secrets *s, struct buf *out,
	struct err *err)
{
	bool token = a->bridge == BRIDGE_EVOLUTION;
	struct str tokens[2 * OPTION_TEXTS_MAX];
	size_t n = 0;

	for (size_t i = 0; token && i < s->own.n; i++)
		tokens[n++] = s->own.values[i];
	for (size_t i = 0; i < s->tokens.n; i++)
		tokens[n++] = s->tokens.values[i];
	const struct sealing_member members[] = {
		{ "signing_keys", s->own.values, token ? 0 : s->own.n, false },
		{ "tokens", tokens, n, false },
		{ "access_token", s->access.values, s->access.n, true },
	};

	return sealing_seal(ctl, SEALED_ACCOUNT, &a->uuid, members, 3, out, err);
}

/* A generated secret is printed only here. */
static void account_print(const struct account_info *a, const struct account_secrets *s, bool json)
{
	static const char *const columns[] = { "account", "workspace", "session_id", "secret", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &a->uuid);
	table_uuid(t, &a->workspace);
	table_text(t, a->session_id);
	table_text(t, s->own.made ? s->own.values[0] : STR_NONE);
	table_print(t, json);
	table_free(t);
}

/* A number whose account was deleted has conversations that would not be those of a new account. */
static int phone_check(struct pg *pg, const struct account_info *a, struct err *err)
{
	struct arena *arena = arena_new(1024);
	struct str session;
	int rc = store_account_deleted(pg, a->workspace_id, a->phone_number, arena, &session, err);

	if (rc == 0 && session.p)
		rc = err_set(err, ERR_INPUT, "deleted",
			"the number is that of %.*s, which is deleted: accounts connect %.*s brings it back with its conversations; with --new another account is added",
			STR_ARG(session), STR_ARG(session));
	arena_free(arena);
	return rc;
}

static int account_store(struct ctl *ctl, const struct account_options *o, struct account_info *a, struct err *err)
{
	struct pg *pg;

	if (ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_workspace_find(pg, str_of(o->workspace), &a->workspace_id, &a->workspace, err) < 0 ||
		(!o->anew && phone_check(pg, a, err) < 0))
		return -1;
	return store_account_add(pg, a, err);
}

static int add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct account_options *o = options;
	struct account_secrets secrets = { .own = { .n = 0 } };
	struct buf sealed = BUF_INIT;
	struct account_info a;
	int64_t index;
	int rc = -1;

	(void)arguments;
	if (account_read(o, &a, &index, err) < 0 || secrets_read(o, a.provider, &secrets, err) < 0)
		goto out;
	if (secrets.own.n + secrets.tokens.n + secrets.access.n > 0) {
		if (account_seal(ctl, &a, &secrets, &sealed, err) < 0)
			goto out;
		a.secrets = buf_str(&sealed);
	}
	rc = account_store(ctl, o, &a, err);
	if (rc == 0)
		account_print(&a, &secrets, ctl->json);
out:
	secrets_fini(&secrets);
	buf_fini(&sealed);
	return rc;
}

struct account_listing {
	struct ctl *ctl;
	struct table *table;
	const struct account_list_options *options;
	int64_t instance; /* -1: any */
};

/* The number of secrets that authenticate it; empty when they cannot be opened. */
static void secrets_count(struct ctl *ctl, struct table *t, const struct account_info *a)
{
	static const char *const members[] = { "signing_keys", "tokens", NULL };
	bool known;
	size_t n = sealing_count(ctl, SEALED_ACCOUNT, &a->uuid, a->secrets, members, &known);

	if (known)
		table_i64(t, (int64_t)n);
	else
		table_none(t);
}

static bool is_wanted(const struct account_listing *l, const struct account_info *a)
{
	int64_t since_ms = l->options->disconnected_since_ms;

	if (l->options->status && !str_is(a->status, l->options->status))
		return false;
	if (l->instance >= 0 && a->instance != l->instance)
		return false;
	return since_ms == 0 ||
		(!str_is(a->status, "connected") && a->disconnected_us != PG_NO_TIME &&
			a->disconnected_us / 1000 >= since_ms);
}

static void account_row(void *ctx, const struct account_info *a)
{
	struct account_listing *l = ctx;
	struct table *t = l->table;

	if (!is_wanted(l, a))
		return;
	table_uuid(t, &a->uuid);
	table_uuid(t, &a->workspace);
	table_text(t, a->session_id);
	table_text(t, str_of(provider_word(a->provider)));
	table_text(t, a->bridge ? str_of(bridge_word(a->bridge)) : STR_NONE);
	table_text(t, a->phone_number);
	table_text(t, a->desired_state);
	table_text(t, a->status);
	table_text(t, a->disconnect_reason);
	table_time(t, a->disconnected_us);
	if (a->instance >= 0)
		table_i64(t, a->instance);
	else
		table_none(t);
	table_bool(t, a->is_primary);
	table_i64(t, a->health_score);
	secrets_count(l->ctl, t, a);
	table_time(t, a->last_activity_us);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "account", "workspace", "session_id", "provider", "bridge", "phone",
		"desired", "status", "reason", "disconnected", "instance", "primary", "health", "secrets",
		"last_activity", NULL };
	const struct account_list_options *o = options;
	struct table *t = table_new(columns);
	struct account_listing l = { ctl, t, o, -1 };
	int64_t workspace_id = 0;
	struct uuid workspace;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if ((o->instance && instance_index(o->instance, &l.instance, err) < 0) || ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->workspace && store_workspace_find(pg, str_of(o->workspace), &workspace_id, &workspace, err) < 0) ||
		store_accounts_list(pg, workspace_id, account_row, &l, err) < 0)
		goto out;
	table_print(t, ctl->json);
	rc = 0;
out:
	table_free(t);
	return rc;
}

const struct command accounts_commands[] = {
	{ "accounts", "add", NULL, 0, 0, add_rows, sizeof(struct account_options), "adds a number", add },
	{ "accounts", "list", NULL, 0, 0, list_rows, sizeof(struct account_list_options),
		"lists numbers and their state", list },
	{ 0 },
};
