/* From the content of a row to what its provider is asked; see outgoing.h. Invariant: nothing here depends on the time or on the database, so that a
 * message that is sent again is the same one. */
#include "campaign-sender/content/outgoing.h"

#include "base/utf8.h"
#include "campaign-sender/policy/limits.h"
#include "provider/content.h"

static bool is_serialized(struct str id)
{
	return str_starts(id, STR("true_")) || str_starts(id, STR("false_"));
}

/* Of an id as whatsapp-web.js writes it, "<true|false>_<chat>_<stanza>[_<participant>]", the key and the participant. The chat's user part may
 * contain '_'. */
static void serialized_read(struct str id, struct arena *a, struct provider_target *out)
{
	struct str rest, stanza;

	out->provider_id = id;
	if (!str_cut(id, '@', &stanza, &rest) || !str_cut(rest, '_', &stanza, &rest))
		return;
	str_cut(rest, '_', &stanza, &out->participant);
	if (out->key.n == 0)
		out->key = arena_printf(a, "%s:%.*s", id.p[0] == 't' ? "true" : "false", STR_ARG(stanza));
}

/* A stanza alone stands for a message of either direction: providers read it as one from the peer (provider/webjs.h). */
static struct provider_target target_of(const struct target *t, struct arena *a)
{
	struct provider_target out = { .key = t->key };

	if (is_serialized(t->stanza))
		serialized_read(t->stanza, a, &out);
	if (out.key.n == 0)
		out.key = t->stanza;
	return out;
}

static struct chat_ref recipient_of(const struct send_message *m, struct str address, const struct provider_api *api,
	struct arena *a)
{
	struct chat_ref chat;
	struct str dialled;

	if (chat_known(&m->chat) && (!api || api->address(&m->chat, a, &dialled, NULL) == 0))
		return m->chat;
	address_chat(address, &chat);
	return chat;
}

static void content_set(const struct send_message *m, struct provider_message *out)
{
	if (content_is_media(m->type)) {
		out->media = m->u.media;
		return;
	}
	switch (m->type) {
	case MSG_TEXT:
		out->body = m->u.text;
		break;
	case MSG_LOCATION:
		out->location = m->u.location;
		break;
	case MSG_TEMPLATE:
		out->template_name = m->u.template.name;
		out->template_language = m->u.template.language;
		out->template_components = m->u.template.components;
		break;
	case MSG_CONTACTS:
	case MSG_INTERACTIVE:
		out->extra = m->u.extra;
		break;
	default:
		break;
	}
}

static bool shows_typing(const struct provider_api *api)
{
	return api && api != &provider_meta;
}

static void message_set(const struct send_message *m, const struct provider_api *api, struct provider_message *out)
{
	static const enum provider_act acts[] = {
		[SEND_MESSAGE] = ACT_SEND, [SEND_REACTION] = ACT_REACT, [SEND_READ] = ACT_READ
	};
	struct str typed;

	out->act = acts[m->kind];
	if (m->kind == SEND_REACTION)
		out->emoji = m->u.emoji;
	if (m->kind != SEND_MESSAGE)
		return;
	out->type = m->type;
	content_set(m, out);
	typed = m->type == MSG_TEXT ? out->body : out->media.caption;
	if (shows_typing(api) && typed.n > 0)
		out->typing_ms = limits_typing_ms(utf8_length(typed));
}

int outgoing_read(struct outgoing *out, struct str content, struct str address, const struct client_id *id,
	const struct provider_api *api, struct arena *a, struct err *err)
{
	struct send_message m;

	if (send_message_decode(&m, content, a, err) < 0)
		return -1;
	*out = (struct outgoing){ .message = m };
	store_client_id_write(id, out->client_message_id);
	out->to_provider.client_message_id = arena_str(a, str_of(out->client_message_id));
	out->to_provider.to = recipient_of(&m, address, api, a);
	out->to_provider.target = target_of(&m.reply_to, a);
	message_set(&m, api, &out->to_provider);
	return 0;
}
