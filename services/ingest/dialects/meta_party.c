/* The people in a Meta change. Invariant: a party has only data from the item itself and from the entry of
 * value.contacts with the same wa_id or user_id; a phone number may never be known (README.md, fact 4).
 */
#include "ingest/dialects/address.h"
#include "ingest/dialects/meta.h"
#include "json/writer.h"

#define N_NAMES 8 /* members with which an item refers to people */

struct contact {
	struct str wa_id, user_id, name, username;
	const json *v;
};

static void contact_put(struct map *m, struct str key, struct contact *c)
{
	if (key.n > 0)
		*map_slot(m, key) = c;
}

void meta_contacts_index(struct meta_change *c)
{
	struct arena *a = c->in->arena;
	struct json_iter it = json_iter(json_get(c->value, "contacts"));
	const json *v;

	while ((v = json_next(&it))) {
		struct str wa_id = json_text(json_get(v, "wa_id"), a), user_id = json_str(json_get(v, "user_id"));
		struct str username = json_str(json_path(v, "profile.username"));
		struct contact *contact;

		if (wa_id.n == 0 && user_id.n == 0)
			continue;
		contact = ARENA_NEW(a, struct contact);
		*contact = (struct contact){ .wa_id = wa_id, .user_id = user_id, .v = v };
		contact->name = meta_name(json_path(v, "profile.name"));
		contact->username = str_slice(username, str_starts(username, STR("@")), username.n);
		if (contact->username.n > WIRE_MAX_ID_BYTES)
			contact->username = STR_NONE;
		contact_put(c->contacts, contact->wa_id, contact);
		contact_put(c->contacts, contact->user_id, contact);
	}
}

static const struct contact *contact_of(const struct meta_change *c, struct str wa_id, struct str user_id)
{
	const struct contact *found = NULL;

	if (!c->contacts)
		return NULL;
	if (wa_id.n > 0)
		found = map_get(c->contacts, wa_id);
	return found || user_id.n == 0 ? found : map_get(c->contacts, user_id);
}

struct party meta_party(const struct meta_change *c, struct str wa_id, struct str user_id)
{
	const struct contact *known = contact_of(c, wa_id, user_id);
	struct party p = { .bsuid = user_id };

	address_to_party(address_parse(wa_id), &p);
	if (known) {
		address_to_party(address_parse(known->wa_id), &p);
		if (p.bsuid.n == 0)
			p.bsuid = known->user_id;
		p.name = known->name;
		p.username = known->username;
	}
	if (p.bsuid.n > 0)
		p.bsuid_scope = c->account->business_id;
	return p;
}

struct party meta_party_of(const struct meta_item *it, const char *wa_id, const char *user_id)
{
	struct arena *a = it->change->in->arena;

	return meta_party(it->change, json_text(json_get(it->v, wa_id), a), json_str(json_get(it->v, user_id)));
}

/* Equal digits, whatever the formatting: "+1 555-078-3881". */
static bool same_number(struct str a, struct str b)
{
	size_t i = 0, j = 0, digits = 0;

	for (;;) {
		while (i < a.n && (a.p[i] < '0' || a.p[i] > '9'))
			i++;
		while (j < b.n && (b.p[j] < '0' || b.p[j] > '9'))
			j++;
		if (i == a.n || j == b.n)
			return i == a.n && j == b.n && digits > 0;
		if (a.p[i++] != b.p[j++])
			return false;
		digits++;
	}
}

bool meta_is_own_number(const struct meta_change *c, struct str phone)
{
	if (same_number(phone, json_str(json_path(c->value, "metadata.display_phone_number"))))
		return true;
	return same_number(phone, c->account->phone_number);
}

static void contact_write(const struct meta_item *it, struct json_writer *w, const struct contact *c)
{
	struct intake *in = it->change->in;

	jw_obj(w);
	intake_envelope(in, w, c->v, (const char *const[]){ "wa_id", "user_id", NULL });
	jw_key(w, "profile");
	jw_obj(w);
	intake_envelope(in, w, json_get(c->v, "profile"), (const char *const[]){ "name", "username", NULL });
	jw_obj_end(w);
	jw_obj_end(w);
}

/* The contacts that the item refers to, without duplicates. Returns how many. */
static size_t contacts_named(const struct meta_item *it, const struct contact *out[static N_NAMES])
{
	static const char *const names[N_NAMES] = { "from", "from_user_id", "to", "to_user_id", "recipient_id",
		"recipient_user_id", "wa_id", "user_id" };
	size_t n = 0;

	for (size_t i = 0; i < N_NAMES; i++) {
		struct str name = json_text(json_get(it->v, names[i]), it->change->in->arena);
		size_t before = 0;

		out[n] = contact_of(it->change, name, STR_NONE);
		while (before < n && out[before] != out[n])
			before++;
		if (out[n] && before == n)
			n++;
	}
	return n;
}

void meta_contacts_write(const struct meta_item *it, struct json_writer *w)
{
	const struct contact *named[N_NAMES];
	size_t n = contacts_named(it, named);

	if (n == 0)
		return;
	jw_key(w, "contacts");
	jw_arr(w);
	for (size_t i = 0; i < n; i++)
		contact_write(it, w, named[i]);
	jw_arr_end(w);
}

void meta_participants(const struct meta_item *it, const char *member, struct in_group_change *g)
{
	const json *list = json_get(it->v, member), *v;
	struct arena *a = it->change->in->arena;
	struct json_iter at = json_iter(list);

	if (!json_is_arr(list) || json_count(list) > WIRE_MAX_PARTICIPANTS)
		return;
	g->participants = ARENA_ARRAY(a, struct participant, json_count(list));
	while ((v = json_next(&at))) {
		struct str wa_id = json_text(json_get(v, "wa_id"), a);
		struct party p;

		if (wa_id.n == 0)
			wa_id = json_text(json_get(v, "input"), a);
		p = meta_party(it->change, wa_id, json_str(json_get(v, "user_id")));
		if (party_identified(&p))
			g->participants[g->n_participants++].party = p;
	}
}
