/* Which account sends the segments of one that cannot; see private.h. Invariant: what a code forbids to other accounts of a WABA, app or portfolio
 * moves to none of them, and a template only to an account that has it. */
#include "campaign-sender/commit/private.h"

bool lane_is_stranded(const struct lane *lane, int64_t now_ms)
{
	return !lane->usable && now_ms - lane->unusable_since_ms >= LANE_STRANDED_MS;
}

/* Where none of the accounts is free just now, one that is not takes the messages all the same: they would fail otherwise. */
enum failover failover_rule(const struct flush *f, int64_t workspace_id, int64_t account_id)
{
	const struct account *a = account_cache_find(f->o.shared->accounts, workspace_id, account_id);
	enum failover rule = a && account_is_held(a, f->now_us) ? code_failover_of_hold(a->held_code) : FAILOVER_ANY;

	return rule == FAILOVER_FREE ? FAILOVER_ANY : rule;
}

/* What a segment asks of the account that is to send it. */
struct heir {
	struct flush *flush;
	const struct campaign *campaign;
	const struct account *from; /* NULL: not known any more */
	enum failover rule;
};

static struct template_key template_key(const struct campaign *c, int64_t account_id)
{
	return (struct template_key){ c->key.workspace_id, account_id, c->template_name, c->template_language };
}

static bool has_template(const struct heir *h, const struct account *a)
{
	const struct template_key key = template_key(h->campaign, a->id);
	const struct sending_template *t = campaign_cache_template(h->flush->o.shared->campaigns, &key);

	return a->from.provider == PROVIDER_META && t && str_is(t->status, "APPROVED");
}

static bool heir_admits(void *ctx, const struct account *a)
{
	const struct heir *h = ctx;
	struct failover_account from, to = { a->from.provider, a->business_id, a->waba_id, a->app, true };

	if (h->campaign->has_template && !has_template(h, a))
		return false;
	if (!h->from)
		return true;
	from = (struct failover_account){ h->from->from.provider, h->from->business_id, h->from->waba_id, h->from->app,
		false };
	return failover_admits(h->rule, &from, &to);
}

/* Another provider's only when no account of the same one can send it. */
const struct account *successor_of(struct flush *f, const struct segment *s, const struct campaign *c)
{
	const struct account_cache *accounts = f->o.shared->accounts;
	const int64_t from = s->row.account_id;
	struct heir heir = { f, c, account_cache_find(accounts, s->row.workspace_id, from),
		failover_rule(f, s->row.workspace_id, from) };
	struct choice what = { .workspace_id = s->row.workspace_id,
		.provider = heir.from ? heir.from->from.provider : PROVIDER_NONE,
		.tried = &from,
		.n_tried = 1,
		.admits = heir_admits,
		.ctx = &heir,
		.now_us = f->now_us };
	const struct account *to = choice_of(accounts, &what);

	what.provider = PROVIDER_NONE;
	return to || !c->allow_other_provider ? to : choice_of(accounts, &what);
}

const struct campaign *segment_to_move(const struct flush *f, const struct segment *s)
{
	const struct campaign *c = campaign_cache_find(f->o.shared->campaigns, s->row.workspace_id, s->row.campaign_id);

	return c && c->status == CAMPAIGN_RUNNING && c->prepared && !s->row.moving_to ? c : NULL;
}

struct template_keys {
	struct template_key *rows;
	size_t n, cap;
};

/* Of each account that might send the segment. */
static void templates_want(struct flush *f, const struct segment *s, struct template_keys *keys)
{
	const struct campaign *c = segment_to_move(f, s);
	const struct account *a;

	for (size_t i = 0;
		c && c->has_template && (a = account_cache_each(f->o.shared->accounts, s->row.workspace_id, &i));) {
		if (a->from.provider != PROVIDER_META || account_state(a, f->now_us) != ACCOUNT_USABLE)
			continue;
		keys->rows = vec_grow_in(f->arena, keys->rows, keys->n, &keys->cap, sizeof(*keys->rows));
		keys->rows[keys->n++] = template_key(c, a->id);
	}
}

int successors_load(struct flush *f, struct err *err)
{
	struct template_keys keys = { 0 };
	const struct segment *s;
	const struct lane *lane;

	TAILQ_FOREACH (lane, &f->o.lanes->all, in_lanes)
		if (lane_is_stranded(lane, f->now_ms))
			TAILQ_FOREACH (s, &lane->segments, in_lane)
				templates_want(f, s, &keys);
	if (keys.n == 0)
		return 0;
	if (campaign_cache_load_templates(f->o.shared->campaigns, owner_tx_pg(f->tx), keys.rows, keys.n, err) < 0)
		return -1;
	return flush_owns(f, err);
}
