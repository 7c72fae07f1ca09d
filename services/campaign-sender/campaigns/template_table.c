/* See template_table.h. Invariant: a template's components are parsed once, when it is read. */
#include "campaign-sender/campaigns/template_table.h"

struct template_entry {
	struct sending_template template; /* id 0: there is none */
	struct template parsed;
	struct arena *arena; /* of the strings and of itself */
};

void template_table_init(struct template_table *t)
{
	t->by_key = map_new();
	t->key = (struct buf)BUF_INIT;
}

void template_table_clear(struct template_table *t)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_key, &i, &key, &value);)
		arena_free(((struct template_entry *)value)->arena);
	map_clear(t->by_key);
}

void template_table_fini(struct template_table *t)
{
	template_table_clear(t);
	map_free(t->by_key);
	buf_fini(&t->key);
}

void template_table_drop(struct template_table *t, int64_t id)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_each(t->by_key, &i, &key, &value);) {
		struct template_entry *e = value;

		if (e->template.id != 0 && e->template.id != id)
			continue;
		map_del(t->by_key, key);
		arena_free(e->arena);
	}
}

/* Fields of fixed size first; the name's length separates it from the language. */
static struct str key_text(struct template_table *t, const struct template_key *key)
{
	buf_clear(&t->key);
	buf_add_be64(&t->key, (uint64_t)key->workspace_id);
	buf_add_be64(&t->key, (uint64_t)key->account_id);
	buf_add_be64(&t->key, key->name.n);
	buf_add_str(&t->key, key->name);
	buf_add_str(&t->key, key->language);
	return buf_str(&t->key);
}

bool template_table_has(struct template_table *t, const struct template_key *key)
{
	return map_get(t->by_key, key_text(t, key)) != NULL;
}

const struct sending_template *template_table_find(struct template_table *t, const struct template_key *key)
{
	const struct template_entry *e = map_get(t->by_key, key_text(t, key));

	return e && e->template.id != 0 ? &e->template : NULL;
}

static void components_parse(struct template_entry *e, struct str components)
{
	struct err err = { 0 };

	if (components.n == 0)
		e->template.fault = STR("its components are not known yet");
	else if (template_parse(&e->parsed, components, e->arena, &err) < 0)
		e->template.fault = arena_str(e->arena, str_of(err.msg));
	else
		e->template.parsed = &e->parsed;
}

static void template_fill(struct template_entry *e, const struct sending_template_row *row)
{
	e->template = (struct sending_template){
		.id = row->id,
		.workspace_id = row->workspace_id,
		.account_id = row->account_id,
		.name = arena_str(e->arena, row->name),
		.language = arena_str(e->arena, row->language),
		.category = arena_str(e->arena, row->category),
		.status = arena_str(e->arena, row->status),
		.quality = arena_str(e->arena, row->quality),
	};
	components_parse(e, row->components);
}

void template_table_put(struct template_table *t, const struct template_key *key,
	const struct sending_template_row *row)
{
	struct arena *a = arena_new(row ? 4096 : sizeof(struct template_entry) + 64);
	struct template_entry *e = ARENA_NEW(a, struct template_entry);

	e->arena = a;
	if (row)
		template_fill(e, row);
	*map_slot(t->by_key, key_text(t, key)) = e;
}
