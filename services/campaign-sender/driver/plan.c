/* See plan.h. */
#include "campaign-sender/driver/plan.h"

#include "campaign-sender/driver/accounts.h"

static struct template_key template_key(const struct plan *p, const struct campaign_references *r, size_t i)
{
	return (struct template_key){ p->row->workspace_id, p->accounts[i]->id, r->template_name,
		r->template_language };
}

/* Paused on one account and disabled on another: disabled. */
static void template_code_note(struct plan *p, struct str status)
{
	if (str_is(status, "DISABLED"))
		p->template_code = "132016";
	else if (str_is(status, "PAUSED") && !p->template_code)
		p->template_code = "132015";
}

/* The template of account i, when it can be sent with it. */
static const struct sending_template *template_of(const struct driving *w, struct plan *p,
	const struct campaign_references *r, size_t i, struct reasons *why)
{
	struct template_key key = template_key(p, r, i);
	const struct sending_template *t = campaign_cache_template(w->shared->campaigns, &key);
	char account[37];

	if (t)
		template_code_note(p, t->status);
	uuid_format(&p->accounts[i]->uuid, account);
	reasons_about(why, "template %s: account %s: ", reasons_quote(why, r->template_name), account);
	if (!t)
		reasons_add(why, "has no such template in language %s", reasons_quote(why, r->template_language));
	else if (!str_is(t->status, "APPROVED"))
		reasons_add(why, "its status is %s, not APPROVED", reasons_quote(why, t->status));
	else if (!t->parsed)
		reasons_add(why, "%s", reasons_quote(why, t->fault));
	reasons_about_all(why);
	return t && t->parsed ? t : NULL;
}

/* The content is compiled with the template of the first account, and checked with those of the others: the same name may
 * stand for other components. */
static int templates_compile(const struct driving *w, struct plan *p, const struct campaign_references *r,
	struct reasons *why)
{
	size_t before = reasons_count(why);
	struct composition *composition;

	for (size_t i = 0; i < p->n_accounts; i++) {
		const struct sending_template *t = template_of(w, p, r, i, why);

		if (reasons_count(why) > before)
			continue;
		if (composition_compile(&composition, p->row, p->provider, t, w->arena, why) < 0) {
			reasons_about_all(why);
			return -1;
		}
		if (i == 0) {
			p->template = t;
			p->composition = composition;
		}
	}
	return reasons_count(why) > before ? -1 : 0;
}

static int content_compile(const struct driving *w, struct plan *p, const struct campaign_references *r,
	struct reasons *why, struct err *err)
{
	struct template_key keys[CAMPAIGN_SEGMENTS_MAX];

	if (!str_is(p->row->type, "template") || p->provider != PROVIDER_META) {
		if (composition_compile(&p->composition, p->row, p->provider, NULL, w->arena, why) < 0) {
			reasons_about_all(why);
			p->composition = NULL;
		}
		return 0;
	}
	if (!r->template_name.p) {
		reasons_add(why, "its template does not exist");
		return 0;
	}
	for (size_t i = 0; i < p->n_accounts; i++)
		keys[i] = template_key(p, r, i);
	if (campaign_cache_load_templates(w->shared->campaigns, w->pg, keys, p->n_accounts, err) < 0)
		return -1;
	if (templates_compile(w, p, r, why) < 0)
		p->composition = NULL;
	return 0;
}

static struct audience audience_of(const struct driving *w, const struct plan *p, const struct audience_definition *d,
	const struct audience_groups *groups)
{
	int64_t *ids = ARENA_ARRAY(w->arena, int64_t, p->n_accounts);
	bool instant = !str_is(p->row->type, "template");

	for (size_t i = 0; i < p->n_accounts; i++)
		ids[i] = p->accounts[i]->id;
	return (struct audience){ .workspace_id = p->row->workspace_id,
		.all = d->all,
		.groups = groups->ids,
		.n_groups = groups->n,
		.excluded = groups->excluded,
		.n_excluded = groups->n_excluded,
		.last_inbound_within_days = d->last_inbound_within_days,
		.not_contacted_for_days = d->not_contacted_for_days,
		.marketing = instant || (p->template && str_is(p->template->category, "MARKETING")),
		.window = instant && p->provider == PROVIDER_META,
		.accounts = ids,
		.n_accounts = p->n_accounts,
		.provider = p->provider };
}

/* Content and audience, for the accounts that *p has, if any. */
static int plan_complete(const struct driving *w, struct plan *p, struct reasons *why, struct err *err)
{
	struct campaign_references references = { 0 };
	struct audience_definition definition;
	struct audience_groups groups = { 0 };
	struct campaign_key key = { p->row->workspace_id, p->row->id };
	size_t before = reasons_count(why);

	if (store_campaign_references(w->pg, &key, w->arena, &references, err) < 0)
		return -1;
	if (audience_parse(p->row->audience, w->arena, &definition, why) == 0 &&
		audience_resolve(w->pg, p->row, &definition, &references, w->arena, &groups, why, err) < 0)
		return -1;
	if (p->n_accounts == 0)
		return 0;
	p->audience_found = reasons_count(why) == before;
	p->provider = p->accounts[0]->from.provider;
	if (content_compile(w, p, &references, why, err) < 0)
		return -1;
	if (p->audience_found)
		p->audience = audience_of(w, p, &definition, &groups);
	return 0;
}

int plan_choose(const struct driving *w, const struct campaign_row *row, struct plan *out, struct reasons *why,
	struct err *err)
{
	*out = (struct plan){ .row = row };
	if (account_cache_load(w->shared->accounts, w->pg, &row->workspace_id, 1, err) < 0)
		return -1;
	out->n_accounts = campaign_accounts(w, row, out->accounts, why);
	return plan_complete(w, out, why, err);
}

/* Also when its account was deleted since: a lane finds another. */
static int segment_accounts(const struct driving *w, struct plan *p, struct reasons *why, struct err *err)
{
	struct campaign_key key = { p->row->workspace_id, p->row->id };
	struct uuid accounts[CAMPAIGN_SEGMENTS_MAX];
	size_t n;

	if (store_campaign_accounts(w->pg, &key, accounts, &n, err) < 0 ||
		account_cache_load_ids(w->shared->accounts, w->pg, accounts, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct account *a = account_cache_find_uuid(w->shared->accounts, &accounts[i]);

		if (a)
			p->accounts[p->n_accounts++] = a;
	}
	if (n == 0 || p->n_accounts < n) {
		reasons_add(why, "an account that was to send it does not exist any more");
		p->n_accounts = 0;
	}
	return 0;
}

int plan_of_segments(const struct driving *w, const struct campaign_row *row, struct plan *out, struct reasons *why,
	struct err *err)
{
	*out = (struct plan){ .row = row };
	return segment_accounts(w, out, why, err) < 0 ? -1 : plan_complete(w, out, why, err);
}
