/* See fit.h. */
#include "campaign-sender/content/fit.h"

#include "phone/phone.h"
#include "provider/content.h"

#define PHONE_DIGITS_MAX 20

static struct str match_key(struct str phone, struct arena *a)
{
	struct str digits = content_digits(phone);
	char key[24];

	if (digits.n == 0 || digits.n > PHONE_DIGITS_MAX)
		return STR_NONE;
	phone_match_key(digits, key);
	return arena_str(a, str_of(key));
}

/* The alias by which a recipient without a contact is looked up: the first that chat-sync would use, too. */
static void alias_set(struct send_reference *r, const struct party *p, struct arena *a)
{
	if ((r->alias = match_key(p->phone, a)).n > 0) {
		r->alias_kind = "phone";
	} else if ((r->alias = p->bsuid).n > 0) {
		r->alias_kind = "bsuid";
		r->alias_scope = p->bsuid_scope;
	} else if ((r->alias = p->lid).n > 0) {
		r->alias_kind = "lid";
	} else if ((r->alias = p->jid).n > 0) {
		r->alias_kind = "jid";
	}
}

void fit_reference(struct send_reference *r, const struct send_message *m, struct arena *a)
{
	r->workspace = m->workspace;
	r->request = m->request;
	r->contact = m->contact;
	if (!uuid_is_nil(&m->contact))
		return;
	if (m->chat.is_group)
		r->group_jid = m->chat.group.jid;
	else
		alias_set(r, &m->chat.contact, a);
}

static bool has_group(const struct send_reference *r, int64_t account_id)
{
	for (size_t i = 0; i < r->n_group_accounts; i++)
		if (r->group_accounts[i] == account_id)
			return true;
	return false;
}

int fit_check(const struct send_reference *r, const struct outgoing *message, const struct account *a,
	struct arena *arena, struct err *err)
{
	if (!a->api)
		return err_set(err, ERR_INPUT, "content", "the account is of no known provider");
	if (message->message.chat.is_group && a->from.provider == PROVIDER_META)
		return err_set(err, ERR_INPUT, "content", "this account cannot send to groups");
	if (message->message.chat.is_group && !has_group(r, a->id))
		return err_set(err, ERR_INPUT, "content", "this account is not in the group");
	return provider_check(a->api, &message->to_provider, arena, err);
}
