/* blazzctl templates: reads an account's templates from Meta and publishes them as ingest does when Meta reports one.
 * Invariant: Meta's answer never decides where the next request goes: the access token is in it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl_producer.h"
#include "facts.h"
#include "http/client.h"
#include "sealing.h"
#include "store/campaigns_ops.h"
#include "tenants.h"
#include "terminal.h"
#include "wire/inbound.h"
#include "json/json.h"

#define PAGE_TEMPLATES  200
#define PAGE_MAX_BYTES  (16 << 20)
#define PAGES_MAX       1000
#define PAGE_TIMEOUT_MS 60000
#define TEMPLATE_FIELDS "id,name,language,status,category,components,quality_score,rejected_reason"

struct template_options {
	const char *workspace, *account;
};

static const struct option_row sync_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct template_options, workspace), "UUID|NAME", "whose" },
	{ "account", OPTION_TEXT, offsetof(struct template_options, account), "UUID|ID",
		"only of this one; default: every account of Meta with a business account and an access token" },
	{ 0 },
};
static const struct option_row list_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct template_options, workspace), "UUID|NAME", "whose" },
	{ "account", OPTION_TEXT, offsetof(struct template_options, account), "UUID|ID", "only of this one" },
	{ 0 },
};

struct sync {
	struct ctl *ctl;
	struct http_client *client;
	struct ctl_producer *producer;
	struct table *results;
	struct arena *arena; /* of a page */
	struct err failure; /* the first account that failed */
};

/* Publishing */

static struct str components_write(const json *components, struct arena *a)
{
	struct buf out = BUF_INIT;
	struct str text = STR_NONE;

	if (json_is_arr(components) && json_write_without(components, NULL, 0, &out, NULL) == 0)
		text = arena_str(a, buf_str(&out));
	buf_fini(&out);
	return text;
}

static void event_fill(struct inbound_event *e, const struct account_info *account, const json *t, struct arena *a)
{
	struct str reason = json_str(json_get(t, "rejected_reason"));

	*e = (struct inbound_event){ .workspace = account->workspace,
		.account = account->uuid,
		.provider = PROVIDER_META,
		.ingest_time_ms = clock_now_ms(),
		.origin = ORIGIN_LIVE,
		.kind = IN_TEMPLATE_STATUS,
		.u.template_status = { .provider_template_id = json_text(json_get(t, "id"), a),
			.name = json_str(json_get(t, "name")),
			.language = json_str(json_get(t, "language")),
			.category = json_str(json_get(t, "category")),
			.status = json_str(json_get(t, "status")),
			.quality = json_str(json_path(t, "quality_score.score")),
			.reason = str_is(reason, "NONE") ? STR_NONE : reason,
			.components = components_write(json_get(t, "components"), a) } };
	inbound_derive_id(e, e->u.template_status.provider_template_id, e->u.template_status.components);
}

/* 1: published; 0: left out, with a warning. */
static int template_publish(struct sync *s, const struct account_info *account, const json *t, struct err *err)
{
	struct inbound_event e;
	struct err why = { .kind = ERR_NONE };
	struct str value;
	char key[74];

	event_fill(&e, account, t, s->arena);
	if (inbound_check(&e, &why) < 0 || inbound_encode(&e, s->arena, &value, &why) < 0) {
		fprintf(stderr, "blazzctl: a template of %.*s is left out: %s\n", STR_ARG(account->session_id),
			why.msg);
		return 0;
	}
	inbound_key(&e, key);
	return ctl_producer_put(s->producer,
		       &(struct ctl_record){ TOPIC_INBOUND, str_of(key), value, e.id, "inbound",
			       inbound_kind_word(e.kind), e.ingest_time_ms },
		       err) < 0
		? -1
		: 1;
}

static int page_publish(struct sync *s, const struct account_info *account, const json *page, int64_t *n,
	struct err *err)
{
	struct json_iter it = json_iter(json_get(page, "data"));
	const json *t;

	while ((t = json_next(&it))) {
		int rc = template_publish(s, account, t, err);

		if (rc < 0)
			return -1;
		*n += rc;
	}
	return 0;
}

/* Reading from Meta */

static void escaped_add(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_')
			buf_add_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

static void page_url(const struct ctl *ctl, const struct account_info *account, struct str after, struct buf *out)
{
	buf_printf(out, "%s/%s/", ctl->settings.meta_base_url, ctl->settings.meta_version);
	escaped_add(out, account->waba_id);
	buf_printf(out, "/message_templates?fields=" TEMPLATE_FIELDS "&limit=%d", PAGE_TEMPLATES);
	if (after.n > 0) {
		buf_printf(out, "&after=");
		escaped_add(out, after);
	}
	buf_add_char(out, '\0');
}

static int answer_check(int status, const json *page, struct err *err)
{
	const json *error = json_get(page, "error");
	int64_t code = 0;

	if (status == 200 && json_is_arr(json_get(page, "data")))
		return 0;
	json_to_i64(json_get(error, "code"), &code);
	return err_set(err, ERR_INPUT, "answer", "Meta answered %d: error %lld: %.*s", status, (long long)code,
		STR_ARG(json_str(json_get(error, "message"))));
}

/* One page; *after is then the next one's cursor, absent behind the last. */
static int page_read(struct sync *s, const struct account_info *account, const char *authorization, struct buf *after,
	int64_t *n, struct err *err)
{
	const char *const headers[] = { authorization, "Accept: application/json", NULL };
	struct buf url = BUF_INIT, answer = BUF_INIT;
	struct json_doc *doc = NULL;
	int status, rc = -1;

	page_url(s->ctl, account, buf_str(after), &url);
	if (http_client_call(s->client,
		    &(struct http_call){ .method = "GET",
			    .url = url.p,
			    .headers = headers,
			    .timeout_ms = PAGE_TIMEOUT_MS,
			    .max_response_bytes = PAGE_MAX_BYTES },
		    &status, &answer, err) < 0)
		goto out;
	if (json_parse(&doc, buf_str(&answer), err) < 0) {
		err_set(err, ERR_INPUT, "answer", "Meta answered %d without JSON", status);
		goto out;
	}
	if (answer_check(status, json_root(doc), err) < 0 || page_publish(s, account, json_root(doc), n, err) < 0)
		goto out;
	buf_clear(after);
	if (json_str(json_path(json_root(doc), "paging.next")).n > 0)
		buf_add_str(after, json_str(json_path(json_root(doc), "paging.cursors.after")));
	rc = 0;
out:
	json_free(doc);
	buf_fini(&answer);
	buf_fini(&url);
	return rc;
}

static int pages_read(struct sync *s, const struct account_info *account, const char *authorization, int64_t *n,
	struct err *err)
{
	struct buf after = BUF_INIT;
	int pages = 0, rc;

	do {
		arena_reset(s->arena);
		rc = page_read(s, account, authorization, &after, n, err);
	} while (rc == 0 && after.n > 0 && ++pages < PAGES_MAX);
	buf_fini(&after);
	return rc;
}

/* 1: done; 0: it has no access token. */
static int account_read(struct sync *s, const struct account_info *account, int64_t *n, struct err *err)
{
	struct buf authorization = BUF_INIT;
	struct sealing_opened opened;
	struct str token;
	int rc = 0;

	if (sealing_open(s->ctl, SEALED_ACCOUNT, &account->uuid, account->secrets, &opened, err) < 0)
		return -1;
	token = json_str(json_get(json_root(opened.doc), "access_token"));
	if (token.n > 0) {
		buf_reserve(&authorization, token.n + 32);
		buf_printf(&authorization, "Authorization: Bearer %.*s", STR_ARG(token));
		buf_add_char(&authorization, '\0');
		rc = pages_read(s, account, authorization.p, n, err) < 0 ? -1 : 1;
	}
	ctl_secret_free(&authorization);
	sealing_opened_fini(&opened);
	return rc;
}

/* One account's failure does not keep the others from being read. */
static void account_sync(void *ctx, const struct account_info *account)
{
	struct sync *s = ctx;
	struct err err = { .kind = ERR_NONE };
	int64_t n = 0;
	int rc;

	if (account->provider != PROVIDER_META)
		return;
	rc = account->waba_id.n > 0 ? account_read(s, account, &n, &err) : 0;
	table_text(s->results, account->session_id);
	table_uuid(s->results, &account->uuid);
	table_i64(s->results, n);
	table_text(s->results,
		rc < 0                       ? str_of(err.msg)
			: rc == 1            ? STR_NONE
			: account->waba_id.n ? STR("no access token")
					     : STR("no WABA id"));
	if (rc < 0 && s->failure.kind == ERR_NONE)
		s->failure = err;
}

static int accounts_sync(struct sync *s, const struct template_options *o, struct arena *a, struct err *err)
{
	struct account_info account;
	struct tenant t;
	struct pg *pg;

	if (tenant_find(s->ctl, o->workspace, &t, err) < 0 || ctl_pg_admin(s->ctl, &pg, err) < 0)
		return -1;
	if (!o->account)
		return store_accounts_list(pg, t.id, account_sync, s, err);
	if (tenant_account(s->ctl, &t, o->account, a, &account, err) < 0)
		return -1;
	if (account.provider != PROVIDER_META)
		return err_set(err, ERR_INPUT, "provider", "only accounts of Meta have templates");
	account_sync(s, &account);
	return 0;
}

static int sync_run(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "session_id", "account", "templates", "error", NULL };
	struct sync s = { .ctl = ctl, .results = table_new(columns), .arena = arena_new(1 << 16) };
	struct arena *a = arena_new(4096);
	int rc = -1;

	(void)arguments;
	if (http_client_open(&s.client, err) < 0 || ctl_producer_open(&s.producer, ctl, err) < 0 ||
		accounts_sync(&s, options, a, err) < 0 || ctl_producer_finish(s.producer, err) < 0)
		goto out;
	table_print(s.results, ctl->json);
	rc = 0;
	if (s.failure.kind != ERR_NONE) {
		*err = s.failure;
		rc = -1;
	}
out:
	ctl_producer_close(&s.producer);
	http_client_close(&s.client);
	table_free(s.results);
	arena_free(s.arena);
	arena_free(a);
	return rc;
}

static void template_row(void *ctx, const struct template_info *t)
{
	struct table *table = ctx;

	table_text(table, t->name);
	table_text(table, t->language);
	table_text(table, t->category);
	table_text(table, t->status);
	table_text(table, t->quality);
	table_text(table, t->reason);
	table_text(table, t->session_id);
	table_bool(table, t->components.n > 0);
	table_time(table, t->status_at_us);
}

static int list(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	static const char *const columns[] = { "name", "language", "category", "status", "quality", "reason",
		"session_id", "components", "status_at", NULL };
	const struct template_options *o = options;
	struct table *table = table_new(columns);
	struct template_filter filter = { 0 };
	struct arena *a = arena_new(4096);
	struct account_info account;
	struct tenant t;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (tenant_find(ctl, o->workspace, &t, err) < 0 || ctl_pg_admin(ctl, &pg, err) < 0 ||
		(o->account && tenant_account(ctl, &t, o->account, a, &account, err) < 0))
		goto out;
	filter.workspace_id = t.id;
	filter.account_id = o->account ? account.id : 0;
	if (store_templates_list(pg, &filter, template_row, table, err) < 0)
		goto out;
	table_print(table, ctl->json);
	rc = 0;
out:
	table_free(table);
	arena_free(a);
	return rc;
}

const struct command templates_commands[] = {
	{ "templates", "sync", NULL, 0, 0, sync_rows, sizeof(struct template_options),
		"reads templates from Meta and publishes their state and components; chat-sync stores them", sync_run },
	{ "templates", "list", NULL, 0, 0, list_rows, sizeof(struct template_options),
		"lists the templates of each account", list },
	{ 0 },
};
