/* Meta's information about people apart from messages: new numbers and user ids, the phone's address book, opt-outs.
 * Invariant: an identity change has two identified parties. */
#include "ingest/dialects/address.h"
#include "ingest/dialects/meta.h"

static bool is_change(struct str type)
{
	static const char *const words[] = { "user_changed_number", "customer_changed_number", "user_changed_user_id" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(type, words[i]))
			return true;
	return false;
}

/* Not looked up in value.contacts: it has current data, and one of the two parties is the previous one. */
static struct party bare_party(const struct meta_item *it, struct str phone, struct str user_id)
{
	struct party p = { .bsuid = user_id };

	address_to_party(address_parse(phone), &p);
	if (user_id.n > 0)
		p.bsuid_scope = it->change->account->business_id;
	return p;
}

bool meta_identity(struct meta_item *it)
{
	struct arena *a = it->change->in->arena;
	const json *system = json_get(it->v, "system");
	struct str from = json_text(json_get(it->v, "from"), a), to = json_text(json_get(system, "wa_id"), a);
	struct str old_id = json_str(json_get(system, "previous_user_id"));
	struct in_identity_change change = { .text = json_str(json_get(system, "body")) };
	struct inbound_event *e;

	if (to.n == 0)
		to = json_text(json_get(system, "new_wa_id"), a);
	if (old_id.n == 0)
		old_id = json_str(json_get(it->v, "from_user_id"));
	change.old_party = bare_party(it, from, old_id);
	change.new_party = bare_party(it, to, json_str(json_get(system, "user_id")));
	if (!is_change(json_str(json_get(system, "type"))) || !party_identified(&change.old_party) ||
		!party_identified(&change.new_party))
		return false;
	change.key = json_str(json_get(it->v, "id"));
	/* A phone number may be reassigned to another person later; a user id is not. */
	change.kind = to.n > 0 && !str_eq(from, to) ? IDENTITY_NUMBER_CHANGED : IDENTITY_ALIAS;
	e = meta_event(it, IN_IDENTITY_CHANGE, json_get(it->v, "timestamp"));
	e->u.identity_change = change;
	meta_add(it, e, change.key, to.n > 0 ? to : change.new_party.bsuid);
	return true;
}

void meta_state_sync(struct meta_item *it)
{
	struct arena *a = it->change->in->arena;
	const json *contact = json_get(it->v, "contact");
	struct str action = json_str(json_get(it->v, "action"));
	struct inbound_event *e;
	struct in_contact *c;

	if (!str_is(json_str(json_get(it->v, "type")), "contact")) {
		meta_notice(it, STR("state_sync"));
		return;
	}
	e = meta_event(it, IN_CONTACT, json_path(it->v, "metadata.timestamp"));
	c = &e->u.contact;
	c->party = meta_party(it->change, json_text(json_get(contact, "phone_number"), a),
		json_str(json_get(contact, "user_id")));
	c->party.name = meta_name(json_get(contact, "full_name"));
	c->full_name = c->party.name;
	c->first_name = meta_name(json_get(contact, "first_name"));
	c->last_name = meta_name(json_get(contact, "last_name"));
	c->action = str_is(action, "remove") ? CONTACT_REMOVE : CONTACT_UPSERT;
	c->from_address_book = true;
	meta_add(it, e, c->party.phone.n > 0 ? c->party.phone : c->party.bsuid,
		arena_printf(a, "%.*s %.*s", STR_ARG(action), STR_ARG(c->full_name)));
}

void meta_preference(struct meta_item *it)
{
	struct inbound_event *e = meta_event(it, IN_OPT_OUT, json_get(it->v, "timestamp"));
	struct str value = json_str(json_get(it->v, "value"));
	struct in_opt_out *o = &e->u.opt_out;

	if (!str_is(value, "stop") && !str_is(value, "resume")) {
		meta_reject(it, DEAD_UNSUPPORTED, "neither stop nor resume");
		return;
	}
	o->party = meta_party_of(it, "wa_id", "user_id");
	o->category = json_str(json_get(it->v, "category"));
	o->stop = str_is(value, "stop");
	meta_add(it, e, o->party.phone.n > 0 ? o->party.phone : o->party.bsuid,
		arena_printf(it->change->in->arena, "%.*s %.*s", STR_ARG(o->category), STR_ARG(value)));
}
