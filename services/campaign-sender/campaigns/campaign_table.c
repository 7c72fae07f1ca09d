/* See campaign_table.h. Invariant: a campaign whose row or whose template has changed is not found until it was read again. */
#include "campaign-sender/campaigns/campaign_table.h"

#include <stdlib.h>

struct campaign_entry {
	struct campaign campaign;
	int64_t template_id; /* 0: none */
	char *name; /* NULL: there is no such campaign */
	char *template_name, *template_language;
};

void campaign_table_init(struct campaign_table *t)
{
	t->by_key = map_new();
}

static void entry_free(struct campaign_entry *e)
{
	free(e->name);
	free(e->template_name);
	free(e->template_language);
	free(e);
}

void campaign_table_clear(struct campaign_table *t)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_key, &i, &key, &value);)
		entry_free(value);
	map_clear(t->by_key);
}

void campaign_table_fini(struct campaign_table *t)
{
	campaign_table_clear(t);
	map_free(t->by_key);
}

void campaign_table_drop(struct campaign_table *t, const struct uuid *campaign)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_key, &i, &key, &value);) {
		struct campaign_entry *e = value;

		if (e->name && !uuid_eq(&e->campaign.uuid, campaign))
			continue;
		map_del(t->by_key, key);
		entry_free(e);
	}
}

void campaign_table_drop_template(struct campaign_table *t, int64_t template_id)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_key, &i, &key, &value);) {
		struct campaign_entry *e = value;

		if (e->template_id == 0 || e->template_id != template_id)
			continue;
		map_del(t->by_key, key);
		entry_free(e);
	}
}

static struct str key_bytes(const struct campaign_key *key)
{
	return (struct str){ (const char *)key, sizeof(*key) };
}

bool campaign_table_has(const struct campaign_table *t, const struct campaign_key *key)
{
	return map_get(t->by_key, key_bytes(key)) != NULL;
}

const struct campaign *campaign_table_find(const struct campaign_table *t, const struct campaign_key *key)
{
	const struct campaign_entry *e = map_get(t->by_key, key_bytes(key));

	return e && e->name ? &e->campaign : NULL;
}

/* The campaign has its template's name and language, when that is known. */
static void template_set(struct campaign_entry *e, const struct sending_template_row *template)
{
	if (!template)
		return;
	e->template_name = mem_cstr(template->name);
	e->template_language = mem_cstr(template->language);
	e->campaign.template_name = (struct str){ e->template_name, template->name.n };
	e->campaign.template_language = (struct str){ e->template_language, template->language.n };
}

void campaign_table_put(struct campaign_table *t, const struct campaign_key *key, const struct campaign_row *row,
	const struct sending_template_row *template)
{
	struct campaign_entry *e = mem_calloc(1, sizeof(*e));
	struct str category = template ? template->category : STR_NONE;

	*map_slot(t->by_key, key_bytes(key)) = e;
	if (!row)
		return;
	e->template_id = row->template_id;
	e->name = mem_cstr(row->name);
	e->campaign = (struct campaign){
		.key = *key,
		.uuid = row->uuid,
		.workspace = row->workspace,
		.partition = row->partition,
		.status = row->status,
		.prepared = row->prepared_us != PG_NO_TIME,
		.commanded_us = row->commanded_us,
		.marketing = str_is(row->type, "instant") || str_is(category, "MARKETING"),
		.on_unknown = unknown_policy_of(true, category, row->on_unknown),
		.allow_other_provider = row->allow_other_provider,
		.name = { e->name, row->name.n },
		.has_template = str_is(row->type, "template"),
	};
	template_set(e, template);
}
