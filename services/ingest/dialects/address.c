/* WhatsApp addresses and webjs message ids. Invariant: results borrow from the input or are allocated in the given
 * arena, and a LID's digits are never returned as a phone number.
 */
#include "ingest/dialects/address.h"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* CC.<id> or CC.ENT.<id>. */
static bool is_bsuid(struct str s)
{
	struct str country, id;

	if (!str_cut(s, '.', &country, &id) || country.n != 2)
		return false;
	if (country.p[0] < 'A' || country.p[0] > 'Z' || country.p[1] < 'A' || country.p[1] > 'Z')
		return false;
	if (str_starts(id, STR("ENT.")))
		id = str_slice(id, 4, id.n);
	for (size_t i = 0; i < id.n; i++)
		if (!is_alnum(id.p[i]))
			return false;
	return id.n > 0;
}

/* "<digits>[_agent][:device]": the digits identify the person, on any device. */
static struct str user_digits(struct str user)
{
	struct str digits, rest;

	str_cut(user, ':', &digits, &rest);
	str_cut(digits, '_', &digits, &rest);
	return str_all_digits(digits) ? digits : STR_NONE;
}

static struct address user_address(enum address_kind kind, struct str user, struct str whole)
{
	struct str digits = user_digits(user);

	return digits.n > 0 ? (struct address){ kind, digits } : (struct address){ ADDRESS_OTHER, whole };
}

static struct address jid_parse(struct str user, struct str server, struct str whole)
{
	if (str_is(server, "c.us") || str_is(server, "s.whatsapp.net"))
		return user_address(ADDRESS_PHONE, user, whole);
	if (str_is(server, "lid"))
		return user_address(ADDRESS_LID, user, whole);
	if (str_is(server, "g.us"))
		return (struct address){ ADDRESS_GROUP, whole };
	if (str_is(server, "newsletter"))
		return (struct address){ ADDRESS_NEWSLETTER, whole };
	if (str_is(server, "broadcast"))
		return (struct address){ str_is(user, "status") ? ADDRESS_STATUS : ADDRESS_BROADCAST, whole };
	return (struct address){ ADDRESS_OTHER, whole };
}

struct address address_parse(struct str s)
{
	struct str trimmed = str_trim(s), user, server, digits;

	if (trimmed.n == 0)
		return (struct address){ ADDRESS_NONE, STR_NONE };
	if (str_cut(trimmed, '@', &user, &server) && user.n > 0)
		return jid_parse(user, server, trimmed);
	digits = str_slice(trimmed, trimmed.p[0] == '+', trimmed.n);
	if (str_all_digits(digits))
		return (struct address){ ADDRESS_PHONE, digits };
	return (struct address){ is_bsuid(trimmed) ? ADDRESS_BSUID : ADDRESS_OTHER, trimmed };
}

static void fill(struct str *field, struct str value)
{
	if (field->n == 0)
		*field = value;
}

bool address_to_party(struct address a, struct party *p)
{
	switch (a.kind) {
	case ADDRESS_PHONE:
		fill(&p->phone, a.value);
		return true;
	case ADDRESS_LID:
		fill(&p->lid, a.value);
		return true;
	case ADDRESS_BSUID:
		fill(&p->bsuid, a.value);
		return true;
	case ADDRESS_OTHER:
		fill(&p->jid, a.value);
		return true;
	case ADDRESS_NONE:
	case ADDRESS_GROUP:
	case ADDRESS_STATUS:
	case ADDRESS_BROADCAST:
	case ADDRESS_NEWSLETTER:
		break;
	}
	return false;
}

/* Splits the chat off at the first '_' after its '@', because the part before the '@' may contain one. */
static bool cut_chat(struct str s, struct str *chat, struct str *rest)
{
	struct str user, behind;
	size_t from = str_cut(s, '@', &user, &behind) ? user.n : 0;

	if (!str_cut(str_slice(s, from, s.n), '_', chat, rest))
		return false;
	*chat = str_slice(s, 0, from + chat->n);
	return true;
}

struct stanza_id stanza_id_parse(struct str serialized)
{
	struct stanza_id id = { .serialized = serialized, .stanza = serialized };
	struct str direction, rest;

	if (!str_cut(serialized, '_', &direction, &rest))
		return id;
	if (!str_is(direction, "true") && !str_is(direction, "false"))
		return id;
	if (!cut_chat(rest, &id.chat, &rest) || rest.n == 0)
		return (struct stanza_id){ .serialized = serialized, .stanza = serialized };
	id.from_me = str_is(direction, "true");
	str_cut(rest, '_', &id.stanza, &id.participant);
	id.known = id.stanza.n > 0;
	return id;
}

static struct str serialized_of(const json *obj)
{
	struct str s = json_str(json_get(obj, "_serialized"));

	return s.n > 0 ? s : json_str(json_get(obj, "$1"));
}

struct str wid_read(const json *wid, struct arena *a)
{
	struct str user, server, whole = json_str(wid);

	if (whole.p)
		return whole;
	whole = serialized_of(wid);
	if (whole.n > 0)
		return whole;
	user = json_text(json_get(wid, "user"), a);
	server = json_str(json_get(wid, "server"));
	if (user.n == 0 || server.n == 0)
		return STR_NONE;
	return arena_printf(a, "%.*s@%.*s", STR_ARG(user), STR_ARG(server));
}

static struct str serialize(const struct stanza_id *id, struct arena *a)
{
	const char *direction = id->from_me ? "true" : "false";

	if (id->participant.n == 0)
		return arena_printf(a, "%s_%.*s_%.*s", direction, STR_ARG(id->chat), STR_ARG(id->stanza));
	return arena_printf(a, "%s_%.*s_%.*s_%.*s", direction, STR_ARG(id->chat), STR_ARG(id->stanza),
		STR_ARG(id->participant));
}

static struct stanza_id parts_read(const json *id, struct arena *a)
{
	struct stanza_id out = {
		.chat = wid_read(json_get(id, "remote"), a),
		.stanza = json_str(json_get(id, "id")),
		.participant = wid_read(json_get(id, "participant"), a),
	};

	if (!json_to_bool(json_get(id, "fromMe"), &out.from_me) || out.stanza.n == 0)
		return (struct stanza_id){ .serialized = out.stanza, .stanza = out.stanza };
	out.known = true;
	out.serialized = serialize(&out, a);
	return out;
}

struct stanza_id stanza_id_read(const json *id, struct arena *a)
{
	struct str whole = json_is_obj(id) ? serialized_of(id) : json_str(id);
	struct stanza_id parsed = stanza_id_parse(whole);

	return parsed.known || !json_is_obj(id) ? parsed : parts_read(id, a);
}

struct str stanza_key(struct arena *a, bool from_me, struct str stanza)
{
	return arena_printf(a, "%s:%.*s", from_me ? "true" : "false", STR_ARG(stanza));
}
