/* Meta's messages: new ones, echoes from the business's phone, history, and those that refer to an earlier message
 * (reaction, edit, revoke). Invariant: each becomes exactly one event or one rejected item.
 */
#include "ingest/dialects/meta.h"

/* A message's conversation and author. */
struct place {
	struct chat_ref chat;
	enum direction direction;
	struct party sender;
};

static bool is_outbound(const struct meta_item *it)
{
	struct arena *a = it->change->in->arena;

	if (it->echo)
		return true;
	/* A history contains messages of both sides. */
	return it->origin == ORIGIN_HISTORY && meta_is_own_number(it->change, json_text(json_get(it->v, "from"), a));
}

static struct party thread_party(const struct meta_item *it)
{
	struct arena *a = it->change->in->arena;
	struct str user_id = json_str(json_path(it->thread, "context.user_id"));

	return meta_party(it->change, json_text(json_get(it->thread, "id"), a), user_id);
}

static struct place place_read(const struct meta_item *it)
{
	struct place p = { .direction = is_outbound(it) ? DIR_OUTBOUND : DIR_INBOUND };
	struct str group = meta_id(json_get(it->v, "group_id"), it->change->in->arena);
	struct party other = p.direction == DIR_OUTBOUND ? meta_party_of(it, "to", "to_user_id")
							 : meta_party_of(it, "from", "from_user_id");

	if (it->thread && !party_identified(&other))
		other = thread_party(it);
	if (p.direction == DIR_INBOUND)
		p.sender = other;
	if (group.n > 0)
		p.chat = (struct chat_ref){ .is_group = true, .group.jid = group };
	else
		p.chat.contact = other;
	return p;
}

static struct target target_of(const struct meta_item *it, const char *path)
{
	return (struct target){ .key = json_str(json_path(it->v, path)) };
}

static void reaction_read(struct meta_item *it)
{
	struct inbound_event *e = meta_event(it, IN_REACTION, json_get(it->v, "timestamp"));
	struct place p = place_read(it);

	e->u.reaction = (struct in_reaction){ target_of(it, "reaction.message_id"), p.chat, p.direction, p.sender,
		json_str(json_path(it->v, "reaction.emoji")) };
	meta_add(it, e, json_str(json_get(it->v, "id")), e->u.reaction.emoji);
}

static void edit_read(struct meta_item *it)
{
	struct inbound_event *e = meta_event(it, IN_EDIT, json_get(it->v, "timestamp"));
	struct place p = place_read(it);
	struct in_message now = { .type = MSG_NONE };

	if (!meta_content(it, json_path(it->v, "edit.message"), &now))
		intake_raw(it->change->in, e, it->v);
	e->u.edit = (struct in_edit){ target_of(it, "edit.original_message_id"), p.chat, p.direction, p.sender,
		now.body, STR_NONE };
	if (now.media.present)
		e->u.edit.caption_of = str_of(message_type_word(now.type));
	meta_add(it, e, json_str(json_get(it->v, "id")), now.body);
}

static void revoke_read(struct meta_item *it)
{
	struct inbound_event *e = meta_event(it, IN_REVOKE, json_get(it->v, "timestamp"));
	struct place p = place_read(it);

	e->u.revoke = (struct in_revoke){ target_of(it, "revoke.original_message_id"), p.chat, p.direction, p.sender };
	meta_add(it, e, json_str(json_get(it->v, "id")), e->u.revoke.target.key);
}

static struct quoted quoted_read(const struct meta_item *it)
{
	const json *context = json_get(it->v, "context");
	struct quoted q = { .target.key = meta_id(json_get(context, "id"), it->change->in->arena) };
	struct str from = json_text(json_get(context, "from"), it->change->in->arena);

	q.present = q.target.key.n > 0;
	if (q.present && !meta_is_own_number(it->change, from))
		q.sender = meta_party(it->change, from, json_str(json_get(context, "from_user_id")));
	return q;
}

static enum message_status history_status(const struct meta_item *it)
{
	static const struct {
		const char *word;
		enum message_status status;
	} words[] = {
		{ "PENDING", STATUS_PENDING },
		{ "SENT", STATUS_SENT },
		{ "DELIVERED", STATUS_DELIVERED },
		{ "READ", STATUS_READ },
		{ "PLAYED", STATUS_PLAYED },
		{ "ERROR", STATUS_FAILED },
	};
	struct str word = json_str(json_path(it->v, "history_context.status"));

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(word, words[i].word))
			return words[i].status;
	return STATUS_NONE;
}

static const json *first_error(const struct meta_item *it)
{
	struct json_iter errors = json_iter(json_get(it->v, "errors"));

	return json_next(&errors);
}

static void content_read(struct meta_item *it, struct inbound_event *e)
{
	struct in_message *m = &e->u.message;
	bool too_large, understood = meta_content(it, it->v, m);

	if (first_error(it)) {
		m->error = meta_error(it->change->in->arena, first_error(it));
		m->media.missing = m->media.present;
	}
	m->extra = meta_extra(it, &too_large);
	if (!understood || too_large || (m->type == MSG_LOCATION && !m->location.present))
		intake_raw(it->change->in, e, it->v);
}

static void new_message_read(struct meta_item *it)
{
	struct inbound_event *e = meta_event(it, IN_MESSAGE, json_get(it->v, "timestamp"));
	struct in_message *m = &e->u.message;
	struct place p = place_read(it);

	m->chat = p.chat;
	m->direction = p.direction;
	m->sender = p.sender;
	m->key = m->provider_id = json_str(json_get(it->v, "id"));
	m->quoted = quoted_read(it);
	m->status = history_status(it);
	content_read(it, e);
	/* A placeholder and the message that fills it have the same wamid. */
	meta_add(it, e, m->key,
		arena_printf(it->change->in->arena, "%s %s %.*s", origin_word(e->origin), message_type_word(m->type),
			STR_ARG(m->media.provider_media_id)));
}

void meta_message(struct meta_item *it)
{
	struct str type = json_str(json_get(it->v, "type"));

	if (str_is(type, "reaction"))
		reaction_read(it);
	else if (str_is(type, "edit"))
		edit_read(it);
	else if (str_is(type, "revoke"))
		revoke_read(it);
	else if (!str_is(type, "system") || !meta_identity(it))
		new_message_read(it);
}
