/* By what rows name an erased person: its contacts' uuids, and the aliases that contact_erase lists. Pure. */
#ifndef WIRE_ERASED_NAMES_H
#define WIRE_ERASED_NAMES_H

#include "wire/party.h"

#include "base/uuid.h"

struct erased_names {
	const struct party *aliases; /* borrowed; a phone in any form, compared by its match key */
	size_t n_aliases;
	const struct uuid *contacts; /* borrowed */
	size_t n_contacts;
};

/* Whether a text as rows have it is the person: a contact's uuid, +phone, <lid>@lid, a BSUID, a JID or a username. */
bool erased_names_have(const struct erased_names *names, struct str text);
/* The same for a phone and another id, as members of groups and quotes have them: the id is a LID without its suffix, a JID or a BSUID. Either
 * may be empty. */
bool erased_names_have_party(const struct erased_names *names, struct str phone, struct str lid);

#endif
