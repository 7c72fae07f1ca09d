/* blazzctl webhook: the endpoints of tenants. */
#include "webhook.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/ids.h"
#include "http/headers.h"
#include "store/definitions.h"
#include "wire/party.h"
#include "json/writer.h"

struct add_options {
	const char *id, *workspace, *kind, *name, *url, *types, *origins, *schedule, *max_retries;
	struct webhook_pusher pusher; /* its secret_file is used for every kind of endpoint */
	struct option_texts headers;
	int64_t rate, max_in_flight, timeout_ms;
	bool unordered, lenient;
};

#define AT(field) offsetof(struct add_options, field)

static const struct option_row add_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "kind", OPTION_TEXT, AT(kind), "KIND",
		"http (default), or pusher: broadcasts to a Pusher-compatible server" },
	{ "url", OPTION_TEXT, AT(url), "URL", "where to" },
	{ "name", OPTION_TEXT, AT(name), "TEXT", "for people" },
	{ "types", OPTION_TEXT, AT(types), "TYPES", "message.created,session.*; default: all" },
	{ "origins", OPTION_TEXT, AT(origins), "WORDS", "of live,history,sync; default: live" },
	{ "unordered", OPTION_FLAG, AT(unordered), NULL,
		"a failed event does not hold back later ones of its conversation" },
	{ "lenient", OPTION_FLAG, AT(lenient), NULL, "retry on 3xx and 4xx as on 5xx" },
	{ "rate", OPTION_NUMBER, AT(rate), "N", "deliveries per second and partition; default: no limit" },
	{ "max-in-flight", OPTION_NUMBER, AT(max_in_flight), "N", "requests in flight per partition; default: 16" },
	{ "timeout", OPTION_DURATION, AT(timeout_ms), "TIME", "for the whole exchange, 1s to 30s; default: 15s" },
	{ "schedule", OPTION_TEXT, AT(schedule), "TIMES",
		"delays between attempts: 5s,30s,5m; default: ten, over 76 hours" },
	{ "max-retries", OPTION_TEXT, AT(max_retries), "N", "default: one for each delay of the schedule; 0: none" },
	{ "header", OPTION_TEXTS, AT(headers), "\"NAME: VALUE\"",
		"extra header; must not be a secret, as other users of this machine can see arguments" },
	{ "secret-file", OPTION_TEXT, AT(pusher.secret_file), "FILE",
		"signing secrets, one per line, newest first; - is standard input;\n"
		"                                default: generates one and prints it" },
	{ "app-id", OPTION_TEXT, AT(pusher.app_id), "ID", "pusher: its application" },
	{ "key", OPTION_TEXT, AT(pusher.key), "KEY", "pusher: the application's key; --secret-file has its secret" },
	{ "channel", OPTION_TEXT, AT(pusher.channel), "NAME",
		"pusher: default chats.ch<workspace>; private-chats.ch... requires authorisation" },
	{ "id", OPTION_TEXT, AT(id), "UUID", "default: a random one" },
	{ 0 },
};

struct endpoint_list_options {
	const char *workspace;
};

static const struct option_row list_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct endpoint_list_options, workspace), "UUID|NAME",
		"only of this one" },
	{ 0 },
};

struct rotate_options {
	const char *secret_file;
	const char *overlap;
};

static const struct option_row rotate_rows[] = {
	{ "secret-file", OPTION_TEXT, offsetof(struct rotate_options, secret_file), "FILE",
		"the new secret; - is standard input; default: generates one and prints it" },
	{ "overlap", OPTION_TEXT, offsetof(struct rotate_options, overlap), "TIME",
		"how long the previous secrets still sign, too; default: 24h" },
	{ 0 },
};

static const struct option_row sign_rows[] = {
	{ "secret-file", OPTION_TEXT, offsetof(struct webhook_sign_options, secret_file), "FILE",
		"in place of an endpoint's secrets; not - when the body is standard input" },
	{ "id", OPTION_TEXT, offsetof(struct webhook_sign_options, id), "ID", "webhook-id" },
	{ "timestamp", OPTION_NUMBER, offsetof(struct webhook_sign_options, timestamp_s), "SECONDS",
		"webhook-timestamp; sign: default now" },
	{ "signature", OPTION_TEXT, offsetof(struct webhook_sign_options, signature), "TEXT",
		"verify: webhook-signature" },
	{ 0 },
};

int webhook_find(struct ctl *ctl, const char *id, struct arena *a, struct endpoint_row *out, struct err *err)
{
	struct uuid uuid;
	struct pg *pg;

	if (ctl_uuid("the endpoint", id, &uuid, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	return store_endpoint_find(pg, &uuid, a, out, err);
}

struct str *webhook_parts(struct str list, struct arena *a, size_t *n)
{
	struct str *out = ARENA_ARRAY(a, struct str, list.n + 1);
	bool more = list.p;

	for (*n = 0; more; (*n)++) {
		more = str_cut(list, ',', &out[*n], &list);
		out[*n] = str_trim(out[*n]);
	}
	return out;
}

static int origins_read(struct str list, struct arena *a, unsigned *out, struct err *err)
{
	size_t n;
	struct str *words = webhook_parts(list, a, &n);

	for (size_t i = 0; i < n; i++) {
		if (origin_parse(words[i]) == ORIGIN_NONE)
			return ctl_usage(err, "--origins: %.*s is not live, history or sync", STR_ARG(words[i]));
		*out |= 1U << origin_parse(words[i]);
	}
	return 0;
}

static int schedule_read(struct str list, struct arena *a, struct endpoint_row *e, struct err *err)
{
	struct str *delays = webhook_parts(list, a, &e->n_schedule);

	e->schedule_ms = ARENA_ARRAY(a, int64_t, e->n_schedule);
	for (size_t i = 0; i < e->n_schedule; i++)
		if (!option_duration_parse(delays[i], &e->schedule_ms[i]))
			return ctl_usage(err, "--schedule: %.*s is not a duration such as 5s, 30s or 5m",
				STR_ARG(delays[i]));
	return 0;
}

static int headers_read(const struct option_texts *texts, struct buf *out, struct err *err)
{
	struct json_writer w = json_writer(out);

	if (texts->n > HEADERS_MAX)
		return ctl_usage(err, "--header: at most %d", HEADERS_MAX);
	jw_obj(&w);
	for (size_t i = 0; i < texts->n; i++) {
		struct str name, value = STR_NONE;
		struct err why;

		if (!str_cut(str_of(texts->text[i]), ':', &name, &value))
			return ctl_usage(err, "--header is \"Name: value\"");
		if (header_check(name, str_trim(value), &why) < 0)
			return ctl_usage(err, "--header: %s", why.msg);
		jw_key_str(&w, name);
		jw_str(&w, str_trim(value));
	}
	jw_obj_end(&w);
	return 0;
}

static int kind_read(const struct add_options *o, enum endpoint_kind *out, struct err *err)
{
	*out = ENDPOINT_HTTP;
	if (o->kind && str_is(str_of(o->kind), store_endpoint_kind_word(ENDPOINT_PUSHER)))
		*out = ENDPOINT_PUSHER;
	else if (o->kind && !str_is(str_of(o->kind), store_endpoint_kind_word(ENDPOINT_HTTP)))
		return ctl_usage(err, "--kind must be http or pusher");
	if (*out == ENDPOINT_HTTP && (o->pusher.app_id || o->pusher.key || o->pusher.channel))
		return ctl_usage(err, "--app-id, --key and --channel are for --kind pusher");
	if (*out == ENDPOINT_PUSHER && (o->types || o->origins))
		return ctl_usage(err, "a pusher endpoint gets live messages only: --types and --origins do not apply");
	return 0;
}

static int endpoint_read(const struct add_options *o, struct arena *a, struct buf *headers, struct endpoint_row *e,
	struct err *err)
{
	int64_t max_retries = -1;
	enum endpoint_kind kind;

	if (kind_read(o, &kind, err) < 0)
		return -1;
	if (!o->workspace || !o->url)
		return ctl_usage(err, "webhook add needs --workspace and --url");
	if (o->rate > INT32_MAX || o->max_in_flight > 1000)
		return ctl_usage(err, "--rate or --max-in-flight (up to 1000) is too large");
	if (o->max_retries &&
		(!str_to_i64(str_of(o->max_retries), &max_retries) || max_retries < 0 || max_retries > 1000))
		return ctl_usage(err, "--max-retries is 0 to 1000");
	if (o->timeout_ms && (o->timeout_ms < 1000 || o->timeout_ms > 30000))
		return ctl_usage(err, "--timeout is 1s to 30s");
	*e = (struct endpoint_row){
		.kind = kind,
		.name = str_of(o->name),
		.url = str_of(o->url),
		.ordered = !o->unordered && kind == ENDPOINT_HTTP,
		.lenient = o->lenient,
		.rate = (int32_t)o->rate,
		.max_in_flight = o->max_in_flight ? (int32_t)o->max_in_flight : 16,
		.timeout_ms = o->timeout_ms ? (int32_t)o->timeout_ms : 15000,
		.max_retries = (int32_t)max_retries,
		.api_version = STR("1"),
		.enabled = true,
	};
	e->event_types = webhook_parts(str_of(o->types), a, &e->n_event_types);
	if (origins_read(o->origins ? str_of(o->origins) : STR("live"), a, &e->origins, err) < 0 ||
		schedule_read(str_of(o->schedule), a, e, err) < 0 || headers_read(&o->headers, headers, err) < 0)
		return -1;
	if (o->headers.n > 0)
		e->headers = buf_str(headers);
	if (!o->id)
		uuid_v4(&e->uuid);
	else if (ctl_uuid("--id", o->id, &e->uuid, err) < 0)
		return -1;
	return 0;
}

/* A generated secret is printed only here. */
static void secret_print(const struct uuid *endpoint, struct str secret, bool json)
{
	static const char *const columns[] = { "endpoint", "secret", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, endpoint);
	table_text(t, secret);
	table_print(t, json);
	table_free(t);
}

static int endpoint_store(struct ctl *ctl, const char *workspace, struct endpoint_row *e, struct err *err)
{
	const struct guard *guard;
	struct pg *pg;

	if (ctl_guard(ctl, &guard, err) < 0 || guard_check_reachable(guard, e->url, err) < 0 ||
		ctl_pg_admin(ctl, &pg, err) < 0 ||
		store_workspace_find(pg, str_of(workspace), &e->workspace_id, &e->workspace, err) < 0)
		return -1;
	return store_endpoint_add(pg, e, err);
}

/* Generates or reads the keys; a pusher has none. */
static int secrets_seal(struct ctl *ctl, const struct add_options *o, const struct endpoint_row *e,
	struct webhook_keys *keys, struct buf *out, struct err *err)
{
	if (e->kind == ENDPOINT_PUSHER)
		return webhook_pusher_seal(ctl, &e->uuid, &o->pusher, out, err);
	if (webhook_keys_read(o->pusher.secret_file, keys, err) < 0)
		return -1;
	return webhook_keys_seal(ctl, &e->uuid, keys, out, err);
}

static int add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct add_options *o = options;
	struct webhook_keys keys = { .n = 0 };
	struct buf sealed = BUF_INIT, headers = BUF_INIT;
	struct arena *a = arena_new(4096);
	struct endpoint_row e = { .id = 0 };
	int rc = -1;

	(void)arguments;
	if (endpoint_read(o, a, &headers, &e, err) < 0 || secrets_seal(ctl, o, &e, &keys, &sealed, err) < 0)
		goto out;
	e.secrets = buf_str(&sealed);
	rc = endpoint_store(ctl, o->workspace, &e, err);
	if (rc == 0)
		secret_print(&e.uuid, o->pusher.secret_file ? STR_NONE : keys.secret[0], ctl->json);
out:
	webhook_keys_fini(&keys);
	buf_fini(&sealed);
	buf_fini(&headers);
	arena_free(a);
	return rc;
}

struct endpoint_listing {
	struct table *table;
	int64_t workspace_id; /* 0: all */
};

static void endpoint_row(void *ctx, const struct endpoint_row *e)
{
	struct endpoint_listing *l = ctx;

	if (l->workspace_id && e->workspace_id != l->workspace_id)
		return;
	table_uuid(l->table, &e->uuid);
	table_uuid(l->table, &e->workspace);
	table_text(l->table, e->name);
	table_text(l->table, e->url);
	table_bool(l->table, e->enabled);
	table_text(l->table, str_of(store_endpoint_state_word(e->state)));
	table_bool(l->table, store_endpoint_is_live(e));
	table_text(l->table, e->disabled_reason);
	table_time_ms(l->table, e->failing_since_us == PG_NO_TIME ? 0 : e->failing_since_us / 1000);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "endpoint", "workspace", "name", "url", "enabled", "state", "live",
		"disabled_reason", "failing_since", NULL };
	const struct endpoint_list_options *o = options;
	struct endpoint_listing l = { .table = table_new(columns) };
	struct arena *a = arena_new(65536);
	struct uuid workspace;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->workspace &&
			store_workspace_find(pg, str_of(o->workspace), &l.workspace_id, &workspace, err) < 0) ||
		store_endpoints_read(pg, NULL, 0, a, endpoint_row, &l, err) < 0)
		goto out;
	table_print(l.table, ctl->json);
	rc = 0;
out:
	arena_free(a);
	table_free(l.table);
	return rc;
}

static int wish(struct ctl *ctl, const char *id, bool enabled, struct err *err)
{
	struct uuid uuid;
	struct pg *pg;

	if (ctl_uuid("the endpoint", id, &uuid, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	return store_endpoint_set_enabled(pg, &uuid, enabled, err);
}

static int enable(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], true, err);
}

static int disable(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	(void)options;
	return wish(ctl, arguments[0], false, err);
}

static int remove_endpoint(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct uuid uuid;
	struct pg *pg;

	(void)options;
	if (ctl_uuid("the endpoint", arguments[0], &uuid, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	return store_endpoint_remove(pg, &uuid, err);
}

/* The new keys, followed by the previous unexpired ones, which now get an expiry. */
static int keys_join(struct webhook_keys *fresh, const struct webhook_keys *former, int64_t now_ms, int64_t until_ms,
	struct err *err)
{
	for (size_t i = 0; i < former->n; i++) {
		if (former->expires_at_ms[i] <= now_ms || until_ms <= now_ms)
			continue;
		if (fresh->n == WEBHOOK_KEYS_MAX)
			return err_set(err, ERR_INPUT, "secret", "at most %d secrets", WEBHOOK_KEYS_MAX);
		fresh->secret[fresh->n] = former->secret[i];
		fresh->expires_at_ms[fresh->n++] =
			former->expires_at_ms[i] < until_ms ? former->expires_at_ms[i] : until_ms;
	}
	return 0;
}

static int rotate(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct rotate_options *o = options;
	struct webhook_keys fresh = { .n = 0 }, former = { .n = 0 };
	struct buf sealed = BUF_INIT;
	struct arena *a = arena_new(4096);
	int64_t now_ms = clock_now_ms(), overlap_ms = 24 * 3600000;
	struct endpoint_row e;
	struct pg *pg;
	int rc = -1;

	if (o->overlap && !option_duration_parse(str_of(o->overlap), &overlap_ms)) {
		ctl_usage(err, "--overlap: %s is not a duration such as 24h", o->overlap);
		goto out;
	}
	if (webhook_find(ctl, arguments[0], a, &e, err) < 0 || webhook_keys_open(ctl, &e, &former, err) < 0 ||
		webhook_keys_read(o->secret_file, &fresh, err) < 0 ||
		keys_join(&fresh, &former, now_ms, now_ms + overlap_ms, err) < 0 ||
		webhook_keys_seal(ctl, &e.uuid, &fresh, &sealed, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0)
		goto out;
	rc = store_endpoint_set_secrets(pg, &e.uuid, buf_str(&sealed), err);
	if (rc == 0)
		secret_print(&e.uuid, o->secret_file ? STR_NONE : fresh.secret[0], ctl->json);
out:
	webhook_keys_fini(&fresh);
	webhook_keys_fini(&former);
	buf_fini(&sealed);
	arena_free(a);
	return rc;
}

const struct command webhook_commands[] = {
	{ "webhook", "add", NULL, 0, 0, add_rows, sizeof(struct add_options), "adds an endpoint", add },
	{ "webhook", "list", NULL, 0, 0, list_rows, sizeof(struct endpoint_list_options),
		"lists endpoints and their state", list },
	{ "webhook", "show", "ENDPOINT", 1, 1, NULL, 0,
		"shows one endpoint: definition, health, catch-up positions, retry queue, latest attempts",
		webhook_show },
	{ "webhook", "test", "ENDPOINT", 1, 1, NULL, 0,
		"sends it a signed event of type endpoint.test, as the dispatcher would", webhook_test },
	{ "webhook", "enable", "ENDPOINT", 1, 1, NULL, 0,
		"enables it, also after the dispatcher disabled it; missed events are then delivered", enable },
	{ "webhook", "disable", "ENDPOINT", 1, 1, NULL, 0, "stops deliveries until it is enabled", disable },
	{ "webhook", "rotate-secret", "ENDPOINT", 1, 1, rotate_rows, sizeof(struct rotate_options),
		"adds a new signing secret; the previous ones still sign for a while, too", rotate },
	{ "webhook", "remove", "ENDPOINT", 1, 1, NULL, 0, "removes it permanently", remove_endpoint },
	{ "webhook", "sign", "[ENDPOINT] BODY", 1, 2, sign_rows, sizeof(struct webhook_sign_options),
		"prints the headers of a delivery with this body (a file; - is standard input)", webhook_sign_body },
	{ "webhook", "verify", "[ENDPOINT] BODY", 1, 2, sign_rows, sizeof(struct webhook_sign_options),
		"checks whether a delivery has a currently valid signature of the endpoint", webhook_verify_body },
	{ 0 },
};
