/* See alias.h. */
#include "chat-sync/identity/alias.h"

#include "phone/phone.h"

static void alias_add(struct person *p, enum alias_kind kind, struct str scope, struct str value)
{
	if (value.n > 0)
		p->aliases[p->n_aliases++] =
			(struct alias_row){ p->account->row.workspace_id, 0, kind, scope.p ? scope : STR(""), value };
}

static struct str phone_digits(struct str phone)
{
	return phone.n > 0 && phone.p[0] == '+' ? str_slice(phone, 1, phone.n) : phone;
}

struct str match_key(struct work *w, struct str phone)
{
	char key[24];

	if (phone.n == 0 || phone.n >= sizeof(key))
		return phone_digits(phone);
	phone_match_key(phone_digits(phone), key);
	return arena_str(w->arena, str_of(key));
}

/* A username may change: it identifies only a party without any other alias. */
void person_aliases(struct work *w, struct person *p)
{
	const struct party *party = p->party;

	alias_add(p, ALIAS_PHONE, STR(""), match_key(w, party->phone));
	alias_add(p, ALIAS_LID, STR(""), party->lid);
	alias_add(p, ALIAS_BSUID, party->bsuid_scope, party->bsuid);
	alias_add(p, ALIAS_JID, STR(""), party->jid);
	if (p->n_aliases == 0)
		alias_add(p, ALIAS_USERNAME, STR(""), party->username);
}

struct str alias_text(struct work *w, const struct party *p, enum alias_kind kind)
{
	switch (kind) {
	case ALIAS_PHONE:
		return arena_printf(w->arena, "+%.*s", STR_ARG(phone_digits(p->phone)));
	case ALIAS_LID:
		return arena_printf(w->arena, "%.*s@lid", STR_ARG(p->lid));
	case ALIAS_BSUID:
		return p->bsuid;
	case ALIAS_JID:
		return p->jid;
	case ALIAS_USERNAME:
		break;
	}
	return p->username;
}

struct str sender_text(struct work *w, const struct party *p, const struct contact *c)
{
	if (c && c->row.phone.n > 0)
		return c->row.phone;
	if (p->phone.n > 0)
		return alias_text(w, p, ALIAS_PHONE);
	if (p->lid.n > 0)
		return alias_text(w, p, ALIAS_LID);
	if (p->bsuid.n > 0)
		return p->bsuid;
	return p->jid.n > 0 ? p->jid : p->username;
}

struct str author_text(struct work *w, const struct person *p)
{
	return sender_text(w, p->party, p->previous_holder ? NULL : p->contact);
}

struct str uuid_str(struct work *w, const struct uuid *u)
{
	char text[37];

	uuid_format(u, text);
	return arena_str(w->arena, str_of(text));
}
