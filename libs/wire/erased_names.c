/* See erased_names.h. */
#include "wire/erased_names.h"

#include "phone/phone.h"

#include <string.h>

static struct str digits_of(struct str phone)
{
	return phone.n > 0 && phone.p[0] == '+' ? str_slice(phone, 1, phone.n) : phone;
}

static bool phones_match(struct str a, struct str b)
{
	char x[24], y[24];

	a = digits_of(a);
	b = digits_of(b);
	if (a.n == 0 || b.n == 0)
		return false;
	if (a.n >= sizeof(x) || b.n >= sizeof(y))
		return str_eq(a, b);
	phone_match_key(a, x);
	phone_match_key(b, y);
	return str_eq(str_of(x), str_of(y));
}

static bool same(struct str a, struct str b)
{
	return a.n > 0 && str_eq(a, b);
}

bool erased_names_have_party(const struct erased_names *names, struct str phone, struct str lid)
{
	for (size_t i = 0; i < names->n_aliases; i++) {
		const struct party *p = &names->aliases[i];

		if (phones_match(p->phone, phone) || same(p->lid, lid) || same(p->jid, lid) || same(p->bsuid, lid))
			return true;
	}
	return false;
}

bool erased_names_have(const struct erased_names *names, struct str text)
{
	struct str phone = STR_NONE, id = text;
	struct uuid uuid;

	if (uuid_parse(text, &uuid)) {
		for (size_t i = 0; i < names->n_contacts; i++)
			if (uuid_eq(&names->contacts[i], &uuid))
				return true;
		return false;
	}
	if (text.n > 0 && text.p[0] == '+')
		phone = text;
	else if (str_ends(text, STR("@lid")))
		id = str_slice(text, 0, text.n - strlen("@lid"));
	if (erased_names_have_party(names, phone, id))
		return true;
	for (size_t i = 0; i < names->n_aliases; i++)
		if (same(names->aliases[i].username, text))
			return true;
	return false;
}
