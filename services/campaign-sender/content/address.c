/* Addresses of sends; see outgoing.h. The same forms are built in SQL (libs/store/campaign_audience.c), and a phone number is always its match key,
 * so that all regional variants of a number are one address. */
#include <string.h>

#include "campaign-sender/content/outgoing.h"
#include "phone/phone.h"
#include "provider/content.h"

static bool prefix_cut(struct str address, struct str prefix, struct str *rest)
{
	*rest = str_starts(address, prefix) ? str_slice(address, prefix.n, address.n) : STR_NONE;
	return rest->n > 0;
}

/* A recipient that was erased, or a contact without an address. */
static bool has_no_recipient(struct str address)
{
	return str_starts(address, STR("erased:")) || str_starts(address, STR("none:"));
}

void address_chat(struct str address, struct chat_ref *out)
{
	*out = (struct chat_ref){ .is_group = false };
	if (has_no_recipient(address) || prefix_cut(address, STR("lid:"), &out->contact.lid) ||
		prefix_cut(address, STR("bsuid:"), &out->contact.bsuid))
		return;
	if (str_all_digits(address)) {
		out->contact.phone = address;
	} else if (!str_ends(address, STR("@g.us")) && memchr(address.p ? address.p : "", '@', address.n)) {
		out->contact.jid = address;
	} else {
		out->is_group = true;
		out->group.jid = address;
	}
}

static struct str phone_address(struct str digits, struct arena *a)
{
	char key[24];

	phone_match_key(digits, key);
	return arena_str(a, str_of(key));
}

struct str address_of(const struct chat_ref *chat, enum provider provider, struct arena *a)
{
	const struct party *p = &chat->contact;
	struct str digits = content_digits(p->phone);

	if (chat->is_group)
		return chat->group.jid.n > 0 ? arena_str(a, chat->group.jid) : STR_NONE;
	if (digits.n > 0)
		return phone_address(digits, a);
	if (p->bsuid.n > 0 && provider != PROVIDER_WEBJS)
		return arena_printf(a, "bsuid:%.*s", STR_ARG(p->bsuid));
	if (p->lid.n > 0 && provider != PROVIDER_META)
		return arena_printf(a, "lid:%.*s", STR_ARG(p->lid));
	return p->jid.n > 0 && provider != PROVIDER_META ? arena_str(a, p->jid) : STR_NONE;
}
