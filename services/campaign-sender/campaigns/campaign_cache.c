/* See campaign_cache.h. Both tables are emptied before they would grow beyond their bound, so that what one call has read is found after
 * it. */
#include "campaign-sender/campaigns/campaign_cache.h"

#include <stdlib.h>

#include "campaign-sender/campaigns/campaign_table.h"
#include "campaign-sender/campaigns/template_table.h"

struct campaign_cache {
	struct campaign_table campaigns;
	struct template_table *templates;
};

struct campaign_cache *campaign_cache_new(void)
{
	struct campaign_cache *c = mem_calloc(1, sizeof(*c));

	c->templates = mem_calloc(1, sizeof(*c->templates));
	campaign_table_init(&c->campaigns);
	template_table_init(c->templates);
	return c;
}

void campaign_cache_free(struct campaign_cache *c)
{
	if (!c)
		return;
	campaign_table_fini(&c->campaigns);
	template_table_fini(c->templates);
	free(c->templates);
	free(c);
}

void campaign_cache_clear(struct campaign_cache *c)
{
	campaign_table_clear(&c->campaigns);
	template_table_clear(c->templates);
}

void campaign_cache_changed(struct campaign_cache *c, const struct uuid *campaign)
{
	campaign_table_drop(&c->campaigns, campaign);
}

void campaign_cache_template_changed(struct campaign_cache *c, int64_t template_id)
{
	campaign_table_drop_template(&c->campaigns, template_id);
	template_table_drop(c->templates, template_id);
}

void campaign_cache_account_changed(struct campaign_cache *c)
{
	template_table_drop(c->templates, 0);
}

/* Campaigns as they are read, before their templates are known. */
struct campaign_load {
	struct arena *arena;
	struct campaign_row *rows;
	struct sending_template_row *template_rows; /* id 0: none */
	size_t n, cap;
	struct sending_template_id *templates; /* of the rows that have one */
	size_t *row_of;
	size_t n_templates;
};

static void on_campaign(void *ctx, const struct campaign_row *row)
{
	struct campaign_load *l = ctx;

	if (l->n < l->cap) /* a key that was asked for twice comes once for each */
		l->rows[l->n++] = *row;
}

static void on_campaign_template(void *ctx, size_t id, const struct sending_template_row *row)
{
	struct campaign_load *l = ctx;

	l->template_rows[l->row_of[id]] = *row;
}

static int campaign_templates_read(struct campaign_load *l, struct pg *pg, struct err *err)
{
	l->template_rows = ARENA_ARRAY(l->arena, struct sending_template_row, l->n);
	l->templates = ARENA_ARRAY(l->arena, struct sending_template_id, l->n);
	l->row_of = ARENA_ARRAY(l->arena, size_t, l->n);
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].template_id != 0) {
			l->row_of[l->n_templates] = i;
			l->templates[l->n_templates++] =
				(struct sending_template_id){ l->rows[i].workspace_id, l->rows[i].template_id };
		}
	return store_sending_templates_read(pg, l->templates, l->n_templates, l->arena, on_campaign_template, l, err);
}

static void campaigns_put(struct campaign_cache *c, const struct campaign_load *l, const struct campaign_key *keys,
	size_t n)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct campaign_key key = { l->rows[i].workspace_id, l->rows[i].id };

		if (!campaign_table_has(&c->campaigns, &key))
			campaign_table_put(&c->campaigns, &key, &l->rows[i],
				l->template_rows[i].id ? &l->template_rows[i] : NULL);
	}
	for (size_t i = 0; i < n; i++)
		if (!campaign_table_has(&c->campaigns, &keys[i]))
			campaign_table_put(&c->campaigns, &keys[i], NULL, NULL);
}

static size_t campaigns_missing(const struct campaign_cache *c, const struct campaign_key *keys, size_t n,
	struct campaign_key *missing)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (!campaign_table_has(&c->campaigns, &keys[i]))
			missing[m++] = keys[i];
	return m;
}

int campaign_cache_load(struct campaign_cache *c, struct pg *pg, const struct campaign_key *keys, size_t n,
	struct err *err)
{
	struct arena *a = arena_new(16384);
	struct campaign_load load = { .arena = a, .rows = ARENA_ARRAY(a, struct campaign_row, n), .cap = n };
	struct campaign_key *missing = ARENA_ARRAY(a, struct campaign_key, n);
	size_t m = campaigns_missing(c, keys, n, missing);
	int rc = 0;

	if (m > 0 && map_count(c->campaigns.by_key) + m > CAMPAIGN_CACHE_MAX) {
		campaign_table_clear(&c->campaigns);
		m = campaigns_missing(c, keys, n, missing);
	}
	if (store_campaigns_read(pg, missing, m, a, on_campaign, &load, err) < 0 ||
		campaign_templates_read(&load, pg, err) < 0)
		rc = -1;
	else
		campaigns_put(c, &load, missing, m);
	arena_free(a);
	return rc;
}

const struct campaign *campaign_cache_find(const struct campaign_cache *c, int64_t workspace_id, int64_t id)
{
	return campaign_table_find(&c->campaigns, &(struct campaign_key){ workspace_id, id });
}

struct template_load {
	struct template_table *templates;
	const struct template_key *keys; /* that are not cached */
};

static void on_template(void *ctx, size_t key, const struct sending_template_row *row)
{
	struct template_load *l = ctx;

	if (!template_table_has(l->templates, &l->keys[key]))
		template_table_put(l->templates, &l->keys[key], row);
}

static size_t templates_missing(const struct campaign_cache *c, const struct template_key *keys, size_t n,
	struct template_key *missing)
{
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (!template_table_has(c->templates, &keys[i]))
			missing[m++] = keys[i];
	return m;
}

int campaign_cache_load_templates(struct campaign_cache *c, struct pg *pg, const struct template_key *keys, size_t n,
	struct err *err)
{
	struct arena *a = arena_new(16384);
	struct template_key *missing = ARENA_ARRAY(a, struct template_key, n);
	struct template_load load = { c->templates, missing };
	size_t m = templates_missing(c, keys, n, missing);
	int rc;

	if (m > 0 && map_count(c->templates->by_key) + m > CAMPAIGN_CACHE_MAX) {
		template_table_clear(c->templates);
		m = templates_missing(c, keys, n, missing);
	}
	rc = store_sending_templates_find(pg, missing, m, a, on_template, &load, err);
	for (size_t i = 0; rc == 0 && i < m; i++)
		if (!template_table_has(c->templates, &missing[i]))
			template_table_put(c->templates, &missing[i], NULL);
	arena_free(a);
	return rc;
}

const struct sending_template *campaign_cache_template(const struct campaign_cache *c, const struct template_key *key)
{
	return template_table_find(c->templates, key);
}
