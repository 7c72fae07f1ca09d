/* See lookup.h. */
#include "chat-sync/identity/lookup.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/report.h"

static struct str alias_key(struct work *w, const struct alias_row *a)
{
	return arena_printf(w->arena, "%lld:%d:%.*s:%.*s", (long long)a->workspace_id, a->kind, STR_ARG(a->scope),
		STR_ARG(a->value));
}

/* Marks contacts of which an alias had another holder before. */
static int reassigned_read(struct work *w, const struct alias_row *aliases, size_t n, struct err *err)
{
	struct alias_row *previous = ARENA_ARRAY(w->arena, struct alias_row, n);
	int64_t *until = ARENA_ARRAY(w->arena, int64_t, n);

	for (size_t i = 0; i < n; i++) {
		previous[i] = aliases[i];
		previous[i].contact_id = 0;
	}
	if (store_aliases_find_former(w->pg, previous, until, n, w->arena, contact_loaded, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct contact *c = cache_contact(w->cache, aliases[i].workspace_id, aliases[i].contact_id);

		if (previous[i].contact_id && aliases[i].contact_id && c)
			c->has_reassigned_alias = true;
	}
	return 0;
}

int aliases_read(struct work *w, struct err *err)
{
	struct alias_row *unknown;
	size_t n = 0, hits = 0, most = 0;

	for (size_t i = 0; i < w->people.n; i++)
		most += w->people.at[i]->n_aliases;
	unknown = ARENA_ARRAY(w->arena, struct alias_row, most);
	map_clear(w->index);
	for (size_t i = 0; i < w->people.n; i++) {
		const struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases; k++) {
			void **seen;

			if (cache_alias(w->cache, &p->aliases[k], w->now_mono_ms)) {
				hits++;
				continue;
			}
			seen = map_slot(w->index, alias_key(w, &p->aliases[k]));
			if (!*seen) {
				*seen = w;
				unknown[n++] = p->aliases[k];
			}
		}
	}
	report_cache(w->report, "contacts", hits, n);
	if (n == 0)
		return 0;
	if (store_aliases_find(w->pg, unknown, n, w->arena, contact_loaded, w, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct contact *c = cache_contact(w->cache, unknown[i].workspace_id, unknown[i].contact_id);

		if (unknown[i].contact_id && c)
			cache_put_alias(w->cache, &unknown[i], c);
		else
			cache_remove_alias(w->cache, &unknown[i]);
	}
	return reassigned_read(w, unknown, n, err);
}
