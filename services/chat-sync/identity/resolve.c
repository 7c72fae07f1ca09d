/* See resolve.h. */
#include "chat-sync/identity/resolve.h"
#include "chat-sync/identity/alias.h"
#include "chat-sync/identity/contact.h"
#include "chat-sync/identity/decide.h"
#include "chat-sync/identity/holder.h"
#include "chat-sync/identity/lookup.h"
#include "chat-sync/identity/merge.h"
#include "chat-sync/identity/write.h"
#include "chat-sync/report.h"

#define MAX_ROUNDS 4

static bool people_all_known(struct work *w)
{
	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		p->contact = NULL;
		for (size_t k = 0; k < p->n_aliases; k++) {
			struct contact *c = cache_alias(w->cache, &p->aliases[k], w->now_mono_ms);

			if (!c || c->has_reassigned_alias || (p->contact && p->contact != c))
				return false;
			p->contact = c;
		}
	}
	return true;
}

/* The erasure of a contact that had objected leaves one that has its phone's alias and no phone: the next event of the person brings it. */
static void person_restore_phone(struct work *w, struct person *p)
{
	struct contact *c = p->contact;

	if (!p->create || !c || c->row.match_key.n > 0 || p->previous_holder || p->n_aliases == 0 ||
		p->aliases[0].kind != ALIAS_PHONE || cache_alias(w->cache, &p->aliases[0], w->now_mono_ms) != c)
		return;
	contact_set_phone(w, c, p->party->phone, p->aliases[0].value, p->account->row.region);
	contact_change(w, c, p->op, CONTACT_PHONE);
}

/* Another person of the batch may have created the contact of one that is only looked up. */
static void people_finish(struct work *w)
{
	for (size_t i = 0; i < w->people.n; i++) {
		struct person *p = w->people.at[i];

		for (size_t k = 0; k < p->n_aliases && !p->contact; k++)
			p->contact = cache_alias(w->cache, &p->aliases[k], w->now_mono_ms);
		p->contact = contact_final(w, p->contact);
		person_restore_phone(w, p);
	}
}

int people_resolve(struct work *w, struct err *err)
{
	struct plan plan = { .ids = NULL };
	size_t n_aliases = 0;
	int rc = 0;

	for (size_t i = 0; i < w->people.n; i++) {
		person_aliases(w, w->people.at[i]);
		n_aliases += w->people.at[i]->n_aliases;
	}
	if (people_all_known(w)) {
		report_cache(w->report, "contacts", n_aliases, 0);
		people_finish(w); /* contacts may have merged earlier in this batch */
		return 0;
	}
	for (int round = 0; round < MAX_ROUNDS && rc == 0; round++) {
		if (aliases_read(w, err) < 0 || previous_holders_read(w, err) < 0)
			return -1;
		if (!people_all_known(w)) {
			plan.merges.n = 0;
			if (contact_ids_draw(w, &plan, err) < 0)
				return -1;
			for (size_t i = 0; i < w->people.n; i++)
				person_decide(w, &plan, w->people.at[i]);
		}
		rc = aliases_write(w, &plan, err);
		if (rc < 0)
			return -1;
	}
	if (rc == 0)
		return err_set(err, ERR_RETRY, "contact_race",
			"other partitions inserted the same aliases first, %d times", MAX_ROUNDS);
	/* A new contact is inserted with its name; ops_fold() applies the names of others. */
	for (size_t i = 0; i < w->people.n; i++)
		if (w->people.at[i]->contact && w->people.at[i]->contact->created)
			person_apply_name(w, w->people.at[i]);
	if (contacts_insert_new(w, &plan, err) < 0 || contacts_merge(w, &plan, err) < 0)
		return -1;
	people_finish(w);
	return 0;
}
