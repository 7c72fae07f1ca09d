/* blazzctl campaigns check: what a start would find, without writing anything: accounts, content, audience. campaign-sender
 * decides again when the campaign is started, also on media and buttons. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign_content.h"
#include "campaigns.h"
#include "facts.h"
#include "sending_keys.h"
#include "store/lanes_ops.h"
#include "store/sending_templates.h"
#include "json/json.h"

#define REASON_KINDS 12

/* What the defaults of campaign-sender allow, and what its gaps and breaks leave of it for a bridge. */
#define META_PER_HOUR   (80.0 * 3600)
#define BRIDGE_PER_HOUR 150.0

struct check {
	struct ctl *ctl;
	struct pg *admin, *ops;
	struct arena *arena, *chunk;
	struct reasons why;
	struct campaign_info info;
	struct campaign_row row;
	struct campaign_content content;
	enum provider provider;
	bool marketing; /* opt-outs of marketing messages count */
	struct lane_info senders[CAMPAIGN_SEGMENTS_MAX];
	size_t n_senders;
	int64_t *keyless; /* accounts without a secret to send with */
	size_t n_keyless;
	struct {
		char reason[32];
		int64_t n;
	} counts[REASON_KINDS];
	size_t n_counts;
	int64_t members; /* without excluded ones */
	struct str cursor;
	size_t in_chunk;
};

/* Accounts */

static void row_keep(void *ctx, const struct campaign_row *row)
{
	struct check *k = ctx;

	k->row = *row;
}

/* Why the account cannot be used; NULL: it can. */
static const char *sender_fault(const struct check *k, const struct lane_info *l)
{
	for (size_t i = 0; i < k->n_keyless; i++)
		if (k->keyless[i] == l->account_id)
			return "has no secret to send with";
	return l->held ? "is held" : l->connected ? NULL : "is not connected";
}

/* Accounts of k->provider that may send it. The primary one comes first. */
static void sender_add(void *ctx, const struct lane_info *l)
{
	struct check *k = ctx;
	bool named = k->row.account_id == l->account_id;
	size_t at = l->is_primary ? 0 : k->n_senders;
	const char *fault = sender_fault(k, l);

	if (k->row.account_id ? !named : l->provider != k->provider)
		return;
	if (named && fault)
		reasons_add(&k->why, "account %.*s: it %s", STR_ARG(l->session_id), fault);
	if (fault && !named)
		return;
	if (k->n_senders == CAMPAIGN_SEGMENTS_MAX)
		return;
	memmove(&k->senders[at + 1], &k->senders[at], (k->n_senders - at) * sizeof(k->senders[0]));
	k->senders[at] = *l;
	k->senders[at].session_id = arena_str(k->arena, l->session_id);
	k->senders[at].limits = arena_str(k->arena, l->limits);
	k->n_senders++;
}

static int senders_find(struct check *k, enum provider provider, struct err *err)
{
	k->provider = provider;
	return store_lanes_list(k->admin, k->row.workspace_id, sender_add, k, err);
}

static int accounts_check(struct check *k, struct err *err)
{
	const struct campaign_row *row = &k->row;
	enum provider other = row->preferred_provider == PROVIDER_META ? PROVIDER_WEBJS : PROVIDER_META;

	if (sending_keys_missing(k->ctl, k->admin, row->workspace_id, k->arena, &k->keyless, &k->n_keyless, err) < 0 ||
		senders_find(k, row->preferred_provider, err) < 0)
		return -1;
	if (k->n_senders == 0 && row->allow_other_provider && !row->account_id && senders_find(k, other, err) < 0)
		return -1;
	if (k->n_senders == 0)
		reasons_add(&k->why, "the workspace has no account that can be used");
	else
		k->provider = k->senders[0].provider;
	if (k->n_senders > 1 && !row->spread)
		k->n_senders = 1;
	return 0;
}

/* Content */

struct template_search {
	struct check *check;
	struct str session_id;
	size_t n;
};

static void template_found(void *ctx, size_t key, const struct sending_template_row *t)
{
	const struct template_info info = { .status = t->status, .components = t->components };
	struct template_search *s = ctx;

	(void)key;
	s->check->marketing |= str_is(t->category, "MARKETING");
	campaign_template_check(&s->check->content, &info, s->session_id, s->check->arena, &s->check->why);
	s->n++;
}

static int templates_check(struct check *k, struct err *err)
{
	for (size_t i = 0; i < k->n_senders; i++) {
		const struct template_key key = { k->row.workspace_id, k->senders[i].account_id, k->info.template_name,
			k->info.template_language };
		struct template_search s = { k, k->senders[i].session_id, 0 };

		if (store_sending_templates_find(k->admin, &key, 1, k->arena, template_found, &s, err) < 0)
			return -1;
		if (s.n == 0)
			campaign_template_check(&k->content, NULL, s.session_id, k->arena, &k->why);
	}
	return 0;
}

static int content_check(struct check *k, struct err *err)
{
	campaign_content_parse(&k->content, &k->row, k->provider, k->arena, &k->why);
	return k->content.is_template ? templates_check(k, err) : 0;
}

/* Audience */

static bool has_group(const struct uuid *groups, size_t n, const struct uuid *group)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_eq(&groups[i], group))
			return true;
	return false;
}

static int groups_read(struct check *k, const json *list, const char *what, int64_t **out, size_t *n, struct err *err)
{
	struct uuid uuids[AUDIENCE_GROUPS_MAX];
	struct json_iter it = json_iter(list);
	struct uuid group;
	const json *v;

	*n = 0;
	while ((v = json_next(&it))) {
		if (!uuid_parse(json_str(v), &group) || has_group(uuids, *n, &group))
			continue;
		if (*n == AUDIENCE_GROUPS_MAX) {
			reasons_add(&k->why, "its audience names more than %d %ss", AUDIENCE_GROUPS_MAX, what);
			break;
		}
		uuids[(*n)++] = group;
	}
	*out = ARENA_ARRAY(k->arena, int64_t, *n);
	if (store_audience_groups(k->ops, k->row.workspace_id, uuids, *n, *out, err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if ((*out)[i] == 0)
			reasons_add(&k->why, "%s %zu of its audience does not exist", what, i + 1);
	return 0;
}

static int32_t days_read(const json *v)
{
	int64_t n;

	return json_to_i64(v, &n) && n > 0 && n < INT32_MAX ? (int32_t)n : 0;
}

static int audience_read(struct check *k, struct audience *out, struct err *err)
{
	int64_t *accounts = ARENA_ARRAY(k->arena, int64_t, k->n_senders), *groups, *excluded;
	struct json_doc *doc = NULL;
	const json *root;
	int rc = -1;

	if (json_parse(&doc, k->row.audience, err) < 0)
		return -1;
	root = json_root(doc);
	for (size_t i = 0; i < k->n_senders; i++)
		accounts[i] = k->senders[i].account_id;
	*out = (struct audience){ .workspace_id = k->row.workspace_id,
		.all = json_true(json_get(root, "all")),
		.last_inbound_within_days = days_read(json_get(root, "last_inbound_within_days")),
		.not_contacted_for_days = days_read(json_get(root, "not_contacted_for_days")),
		.marketing = !k->content.is_template || k->marketing,
		.window = !k->content.is_template && k->provider == PROVIDER_META,
		.accounts = accounts,
		.n_accounts = k->n_senders,
		.provider = k->provider };
	if (groups_read(k, json_get(root, "groups"), "group", &groups, &out->n_groups, err) == 0 &&
		groups_read(k, json_get(root, "exclude"), "excluded group", &excluded, &out->n_excluded, err) == 0) {
		out->groups = groups;
		out->excluded = excluded;
		if (out->n_groups == 0 && k->row.group_id) {
			out->groups = &k->row.group_id;
			out->n_groups = 1;
		}
		rc = 0;
	}
	json_free(doc);
	return rc;
}

static void count_add(struct check *k, struct str reason)
{
	size_t i = 0;

	while (i < k->n_counts && !str_is(reason, k->counts[i].reason))
		i++;
	if (i == REASON_KINDS)
		return;
	if (i == k->n_counts) {
		snprintf(k->counts[i].reason, sizeof(k->counts[i].reason), "%.*s", STR_ARG(reason));
		k->n_counts++;
	}
	k->counts[i].n++;
}

static void member_count(void *ctx, const struct audience_member *m)
{
	struct check *k = ctx;
	const char *wrong;

	k->cursor = m->cursor;
	k->in_chunk++;
	if (m->excluded)
		return;
	k->members++;
	wrong = m->reason.n || !k->content.parsed ? NULL : campaign_member_check(&k->content, m);
	count_add(k, m->reason.n ? m->reason : wrong ? str_of(wrong) : STR(""));
}

static int audience_check(struct check *k, struct err *err)
{
	char cursor[1100] = "";
	struct audience audience;

	if (k->n_senders == 0)
		return 0;
	if (audience_read(k, &audience, err) < 0)
		return -1;
	do {
		arena_reset(k->chunk);
		k->in_chunk = 0;
		if (store_audience_read(k->ops, &audience, str_of(cursor), AUDIENCE_CHUNK, k->chunk, member_count, k,
			    err) < 0)
			return -1;
		snprintf(cursor, sizeof(cursor), "%.*s", STR_ARG(k->cursor));
	} while (k->in_chunk == AUDIENCE_CHUNK);
	if (k->members == 0)
		reasons_add(&k->why, "the audience is empty");
	return 0;
}

/* Result */

static double per_hour_of(const struct lane_info *l)
{
	double most = l->provider == PROVIDER_META ? META_PER_HOUR : BRIDGE_PER_HOUR;
	static const struct {
		const char *key;
		double hours;
	} limits[] = { { "per_second", 3600 }, { "per_minute", 60 }, { "per_hour", 1 } };
	struct json_doc *doc = NULL;
	double n;

	if (l->limits.n > 0 && json_parse(&doc, l->limits, NULL) == 0)
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
			if (json_to_f64(json_get(json_root(doc), limits[i].key), &n) && n > 0 &&
				(n * limits[i].hours < most || l->provider == PROVIDER_META))
				most = n * limits[i].hours;
	json_free(doc);
	return most;
}

static int64_t sendable(const struct check *k)
{
	for (size_t i = 0; i < k->n_counts; i++)
		if (!k->counts[i].reason[0])
			return k->counts[i].n;
	return 0;
}

static struct table *plan_table(const struct check *k)
{
	struct buf accounts = BUF_INIT;
	struct table *t = facts_new();
	double per_hour = 0;

	for (size_t i = 0; i < k->n_senders; i++) {
		per_hour += per_hour_of(&k->senders[i]);
		buf_printf(&accounts, "%s%.*s", i ? "," : "", STR_ARG(k->senders[i].session_id));
	}
	fact_text(t, "accounts", buf_str(&accounts));
	fact_text(t, "provider", str_of(provider_word(k->provider)));
	fact_i64(t, "recipients", k->members);
	fact_i64(t, "to_send", sendable(k));
	/* Within the window, at the highest rate that the limits allow. */
	fact_i64(t, "seconds_at_least", per_hour > 0 ? (int64_t)((double)sendable(k) * 3600 / per_hour) + 1 : 0);
	buf_fini(&accounts);
	return t;
}

static struct table *reasons_table(const struct reasons *why)
{
	static const char *const columns[] = { "reason", NULL };
	struct table *t = table_new(columns);

	for (size_t i = 0; i < why->n; i++)
		table_text(t, why->at[i]);
	return t;
}

static struct table *skipped_table(const struct check *k)
{
	static const char *const columns[] = { "reason", "recipients", NULL };
	struct table *t = table_new(columns);

	for (size_t i = 0; i < k->n_counts; i++) {
		if (!k->counts[i].reason[0])
			continue;
		table_text(t, str_of(k->counts[i].reason));
		table_i64(t, k->counts[i].n);
	}
	return t;
}

static int result_print(const struct check *k, bool as_json, struct err *err)
{
	struct table *plan = plan_table(k), *reasons = reasons_table(&k->why), *skipped = skipped_table(k);

	tables_print((const struct titled_table[]){ { "plan", plan }, { "skipped", skipped }, { "reasons", reasons },
			     { 0 } },
		as_json);
	table_free(plan);
	table_free(reasons);
	table_free(skipped);
	if (reasons_count(&k->why) > 0)
		return err_set(err, ERR_INPUT, "invalid", "the campaign cannot be sent: %zu reasons",
			reasons_count(&k->why));
	return 0;
}

static int definition_read(struct check *k, const char *id, struct err *err)
{
	struct campaign_key key;

	if (campaign_find(k->ctl, id, k->arena, &k->info, err) < 0 || ctl_pg_admin(k->ctl, &k->admin, err) < 0 ||
		ctl_pg_ops(k->ctl, &k->ops, err) < 0)
		return -1;
	key = k->info.counters.key;
	return store_campaigns_read(k->ops, &key, 1, k->arena, row_keep, k, err);
}

int campaign_check(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct check *k = mem_calloc(1, sizeof(*k));
	int rc = -1;

	(void)options;
	k->ctl = ctl;
	k->arena = arena_new(1 << 16);
	k->chunk = arena_new(1 << 20);
	reasons_init(&k->why, k->arena);
	if (definition_read(k, arguments[0], err) == 0 && accounts_check(k, err) == 0 && content_check(k, err) == 0 &&
		audience_check(k, err) == 0)
		rc = result_print(k, ctl->json, err);
	arena_free(k->arena);
	arena_free(k->chunk);
	free(k);
	return rc;
}
