/* blazzctl accounts set: changes names, secrets and sending limits of an existing account. Invariant: an account that has secrets keeps
 * at least one, unless the operator says --force: a rotation first adds the new secret, and removes the old one when it
 * is no longer used.
 */
#include <stddef.h>
#include <string.h>

#include "sealing.h"
#include "store/definitions.h"
#include "store/lanes_ops.h"
#include "json/json.h"
#include "json/writer.h"

#define LIMIT_MAX_PER_SECOND 1000 /* Meta's highest throughput */

struct account_set_options {
	const char *session, *ref, *phone, *phone_number_id, *waba, *business, *app, *require_timestamp,
		*access_token_file;
	const char *per_second, *per_minute, *per_hour, *warmed;
	struct sealing_edit_options secrets, tokens;
	bool force;
};

#define AT(field) offsetof(struct account_set_options, field)

static const struct option_row set_rows[] = {
	{ "session", OPTION_TEXT, AT(session), "ID", "Blazz's name for it" },
	{ "ref", OPTION_TEXT, AT(ref), "TEXT",
		"webjs: the bridge's name for the session; \"\" removes it, here and below" },
	{ "phone", OPTION_TEXT, AT(phone), "E.164", "its number" },
	{ "app", OPTION_TEXT, AT(app), "UUID", "meta: the app that posts its events" },
	{ "phone-number-id", OPTION_TEXT, AT(phone_number_id), "ID", "meta" },
	{ "waba", OPTION_TEXT, AT(waba), "ID", "meta: its business account" },
	{ "business", OPTION_TEXT, AT(business), "ID", "meta: the business portfolio" },
	{ "add-secret-file", OPTION_TEXT, AT(secrets.add_file), "FILE",
		"accepts these signing keys (evolution: tokens), too, for a rotation at the bridge;\n"
		"                                one per line; - is standard input" },
	{ "make-secret", OPTION_FLAG, AT(secrets.make), NULL, "the same with a generated one, which is printed" },
	{ "keep-secrets", OPTION_NUMBER, AT(secrets.keep), "N", "keeps only the newest N" },
	{ "remove-secret-file", OPTION_TEXT, AT(secrets.remove_file), "FILE", "removes those in FILE" },
	{ "add-token-file", OPTION_TEXT, AT(tokens.add_file), "FILE", "webjs: additional bearer tokens or API keys" },
	{ "keep-tokens", OPTION_NUMBER, AT(tokens.keep), "N", "keeps only the newest N" },
	{ "remove-token-file", OPTION_TEXT, AT(tokens.remove_file), "FILE", "removes those in FILE" },
	{ "access-token-file", OPTION_TEXT, AT(access_token_file), "FILE", "new token for sending messages" },
	{ "require-timestamp", OPTION_TEXT, AT(require_timestamp), "yes|no",
		"accepts only signatures of Standard Webhooks, which cannot be replayed later" },
	{ "per-second", OPTION_TEXT, AT(per_second), "N",
		"sends at most so many messages a second; \"\": the default" },
	{ "per-minute", OPTION_TEXT, AT(per_minute), "N", "the same, a minute" },
	{ "per-hour", OPTION_TEXT, AT(per_hour), "N", "the same, an hour" },
	{ "warmed", OPTION_TEXT, AT(warmed), "yes|no", "webjs: begins no warm-up, in which new conversations are few" },
	{ "force", OPTION_FLAG, AT(force), NULL, "even if no secret is left to authenticate the account" },
	{ 0 },
};

struct account_change {
	const struct account_set_options *options;
	const char *name; /* the account's id or session */
	struct arena *arena;
	struct account_info account;
	struct buf sealed;
	struct sealing_edit secrets, tokens;
	struct sealing_secrets access;
	struct sealing_opened former;
	struct buf limits; /* metadata.sending to set; empty: unchanged */
	bool timestamp_given, timestamp;
};

static void change_fini(struct account_change *c)
{
	sealing_edit_fini(&c->secrets);
	sealing_edit_fini(&c->tokens);
	sealing_secrets_fini(&c->access);
	sealing_opened_fini(&c->former);
	buf_fini(&c->sealed);
	buf_fini(&c->limits);
	arena_free(c->arena);
}

static int limit_write(struct json_writer *w, const char *option, const char *key, const char *value, int64_t max,
	struct err *err)
{
	int64_t n;

	if (!value)
		return 0;
	if (!value[0]) {
		jw_key(w, key);
		jw_null(w);
		return 0;
	}
	if (!str_to_i64(str_of(value), &n) || n < 1 || n > max)
		return ctl_usage(err, "%s must be 1 to %lld, or empty", option, (long long)max);
	jw_member_i64(w, key, n);
	return 0;
}

static int limits_read(const struct account_set_options *o, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer(out);

	if (!o->per_second && !o->per_minute && !o->per_hour && !o->warmed)
		return 0;
	jw_obj(&w);
	if (limit_write(&w, "--per-second", "per_second", o->per_second, LIMIT_MAX_PER_SECOND, err) < 0 ||
		limit_write(&w, "--per-minute", "per_minute", o->per_minute, 60 * LIMIT_MAX_PER_SECOND, err) < 0 ||
		limit_write(&w, "--per-hour", "per_hour", o->per_hour, 1000000, err) < 0)
		return -1;
	if (o->warmed && o->warmed[0] && strcmp(o->warmed, "yes") != 0 && strcmp(o->warmed, "no") != 0)
		return ctl_usage(err, "--warmed must be yes or no, or empty");
	if (o->warmed && !o->warmed[0]) {
		jw_key(&w, "warmed");
		jw_null(&w);
	} else if (o->warmed) {
		jw_member_bool(&w, "warmed", strcmp(o->warmed, "yes") == 0);
	}
	jw_obj_end(&w);
	return 0;
}

static bool edits(const struct sealing_edit_options *o)
{
	return o->add_file || o->remove_file || o->make || o->keep > 0;
}

/* Evolution does not sign: its secrets are tokens. */
static int change_read(const struct account_set_options *o, const struct account_info *a, struct account_change *c,
	struct err *err)
{
	bool tokens_only = a->bridge == BRIDGE_EVOLUTION;

	if (tokens_only && edits(&o->tokens))
		return ctl_usage(err,
			"evolution's secrets are its tokens: use --add-secret-file, --make-secret and --keep-secrets");
	if (o->require_timestamp && strcmp(o->require_timestamp, "yes") != 0 && strcmp(o->require_timestamp, "no") != 0)
		return ctl_usage(err, "--require-timestamp must be yes or no");
	c->timestamp_given = o->require_timestamp;
	c->timestamp = o->require_timestamp && strcmp(o->require_timestamp, "yes") == 0;
	if (sealing_edit_read(&o->secrets, tokens_only ? "tokens" : "signing_keys", &c->secrets, err) < 0 ||
		sealing_edit_read(&o->tokens, tokens_only ? "signing_keys" : "tokens", &c->tokens, err) < 0)
		return -1;
	return o->access_token_file ? sealing_secrets_read(o->access_token_file, &c->access, err) : 0;
}

static int lockout_check(const struct account_change *c, const struct sealing_list *secrets,
	const struct sealing_list *tokens, struct err *err)
{
	const json *root = json_root(c->former.doc);
	bool timestamp = c->timestamp_given ? c->timestamp : json_true(json_get(root, "require_timestamp"));
	size_t before = json_count(json_get(root, "signing_keys")) + json_count(json_get(root, "tokens"));
	size_t signing = strcmp(c->secrets.member, "signing_keys") == 0 ? secrets->n : tokens->n;

	if (before > 0 && secrets->n + tokens->n == 0)
		return err_set(err, ERR_INPUT, "secret", "these are its last secrets; --force removes them");
	if (timestamp && signing == 0)
		return err_set(err, ERR_INPUT, "secret",
			"without a signing key no request has a timestamp; --force sets it anyway");
	return 0;
}

static int secrets_reseal(struct ctl *ctl, struct account_change *c, struct err *err)
{
	const struct uuid *row = &c->account.uuid;
	struct sealing_list secrets, tokens;

	if (sealing_open(ctl, SEALED_ACCOUNT, row, c->account.secrets, &c->former, err) < 0 ||
		sealing_list_edit(&secrets, &c->former, &c->secrets, err) < 0 ||
		sealing_list_edit(&tokens, &c->former, &c->tokens, err) < 0 ||
		(!c->options->force && lockout_check(c, &secrets, &tokens, err) < 0))
		return -1;
	const struct sealing_member members[] = {
		{ c->secrets.member, secrets.values, secrets.n, false },
		{ c->tokens.member, tokens.values, tokens.n, false },
		{ "access_token", c->access.values, c->access.n, true },
	};
	const struct sealing_change whole = { .members = members,
		.n = c->access.n > 0 ? 3 : 2,
		.name_of_switch = c->timestamp_given ? "require_timestamp" : NULL,
		.on = c->timestamp };

	if (sealing_reseal(ctl, SEALED_ACCOUNT, row, &c->former, &whole, &c->sealed, err) < 0)
		return -1;
	c->account.secrets = buf_str(&c->sealed);
	return 0;
}

static void name_set(struct str *name, const char *wanted)
{
	if (wanted)
		*name = str_of(wanted);
}

static int names_set(const struct account_set_options *o, struct account_info *a, struct err *err)
{
	name_set(&a->session_id, o->session);
	name_set(&a->provider_ref, o->ref);
	name_set(&a->phone_number, o->phone);
	name_set(&a->phone_number_id, o->phone_number_id);
	name_set(&a->waba_id, o->waba);
	name_set(&a->business_id, o->business);
	return o->app ? ctl_uuid("--app", o->app, &a->app, err) : 0;
}

/* A generated secret is printed only here. */
static void account_print(const struct account_change *c, bool as_json)
{
	static const char *const columns[] = { "account", "session_id", "secret", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &c->account.uuid);
	table_text(t, c->account.session_id);
	table_text(t, c->secrets.added.made ? c->secrets.added.values[0] : STR_NONE);
	table_print(t, as_json);
	table_free(t);
}

static int account_change(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	struct account_change *c = ctx;
	const struct account_set_options *o = c->options;
	struct account_info *a = &c->account;

	if (store_account_lock(pg, str_of(c->name), c->arena, a, err) < 0 || change_read(o, a, c, err) < 0 ||
		names_set(o, a, err) < 0)
		return -1;
	if ((edits(&o->secrets) || edits(&o->tokens) || c->timestamp_given || c->access.n > 0) &&
		secrets_reseal(ctl, c, err) < 0)
		return -1;
	if (store_account_set(pg, a, err) < 0)
		return -1;
	return c->limits.n > 0 ? store_account_limits_set(pg, a->workspace_id, a->id, buf_str(&c->limits), err) : 0;
}

static int set(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct account_change c = {
		.options = options, .name = arguments[0], .arena = arena_new(4096), .sealed = BUF_INIT
	};
	int rc = limits_read(options, &c.limits, err);

	if (rc == 0)
		rc = ctl_pg_change(ctl, account_change, &c, err);
	if (rc == 0)
		account_print(&c, ctl->json);
	change_fini(&c);
	return rc;
}

const struct command accounts_set_commands[] = {
	{ "accounts", "set", "ACCOUNT", 1, 1, set_rows, sizeof(struct account_set_options),
		"changes names, secrets and limits of a number, given by its id or session", set },
	{ 0 },
};
