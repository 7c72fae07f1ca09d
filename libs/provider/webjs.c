/* See webjs.h. The forms are those that ingest reads: services/ingest/dialects/address.h. */
#include "provider/webjs.h"

#include "provider/content.h"

/* A person's JID: not a group, a broadcast list, a story or a channel. */
static bool is_person(struct str jid)
{
	struct str user, server;

	return str_cut(jid, '@', &user, &server) && user.n > 0 && server.n > 0 && !str_is(server, "g.us") &&
		!str_is(server, "broadcast") && !str_is(server, "newsletter");
}

static struct str person_jid(const struct party *p, const char *phone_server, struct arena *a)
{
	struct str digits = content_digits(p->phone);

	if (digits.n > 0)
		return arena_printf(a, "%.*s@%s", STR_ARG(digits), phone_server);
	if (str_all_digits(p->lid))
		return arena_printf(a, "%.*s@lid", STR_ARG(p->lid));
	return is_person(p->jid) ? p->jid : STR_NONE;
}

int webjs_address(const struct chat_ref *to, const char *phone_server, struct arena *a, struct str *out,
	struct err *err)
{
	struct str jid = to->group.jid;

	if (!to->is_group)
		jid = person_jid(&to->contact, phone_server, a);
	else if (!str_ends(jid, STR("@g.us")))
		jid = STR_NONE;
	if (jid.n == 0)
		return content_no_address("a bridge", err);
	*out = jid;
	return 0;
}

int webjs_chat_id(const struct chat_ref *to, struct arena *a, struct str *out, struct err *err)
{
	return webjs_address(to, "c.us", a, out, err);
}

bool webjs_from_me(const struct provider_target *t)
{
	return str_starts(t->key, STR("true:"));
}

struct str webjs_stanza(const struct provider_target *t)
{
	if (webjs_from_me(t))
		return str_slice(t->key, 5, t->key.n);
	return str_starts(t->key, STR("false:")) ? str_slice(t->key, 6, t->key.n) : t->key;
}

static bool is_serialized(struct str id)
{
	return str_starts(id, STR("true_")) || str_starts(id, STR("false_"));
}

struct str webjs_serialized(const struct provider_target *t, struct str chat_id, struct arena *a)
{
	const char *direction = webjs_from_me(t) ? "true" : "false";
	struct str stanza = webjs_stanza(t);

	if (is_serialized(t->provider_id))
		return t->provider_id;
	if (t->participant.n == 0)
		return arena_printf(a, "%s_%.*s_%.*s", direction, STR_ARG(chat_id), STR_ARG(stanza));
	return arena_printf(a, "%s_%.*s_%.*s_%.*s", direction, STR_ARG(chat_id), STR_ARG(stanza),
		STR_ARG(t->participant));
}

/* Behind the direction and the chat, whose user part may contain '_'. */
static struct str stanza_of(struct str id)
{
	struct str head, rest = id;

	if (!is_serialized(id))
		return id;
	if (!str_cut(id, '@', &head, &rest) || !str_cut(rest, '_', &head, &rest))
		return STR_NONE;
	str_cut(rest, '_', &rest, &head);
	return rest;
}

void webjs_id_read(const json *id, struct arena *a, struct provider_answer *out)
{
	static const char *const members[] = { "_serialized", "$1", "id" };
	struct str text = answer_id(id, a), stanza;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && text.n == 0; i++)
		text = answer_id(json_get(id, members[i]), a);
	stanza = stanza_of(text);
	if (stanza.n == 0)
		return;
	out->provider_id = text;
	out->key = arena_printf(a, "true:%.*s", STR_ARG(stanza));
}
