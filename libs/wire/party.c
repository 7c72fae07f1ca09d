/* Whether a party or a chat has enough identifiers to be found again. */
#include "wire/party.h"

bool party_identified(const struct party *p)
{
	return p->phone.n > 0 || p->lid.n > 0 || p->bsuid.n > 0 || p->username.n > 0 || p->jid.n > 0;
}

bool chat_known(const struct chat_ref *c)
{
	return c->is_group ? c->group.jid.n > 0 : party_identified(&c->contact);
}
