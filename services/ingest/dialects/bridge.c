/* The common parts of Blazz's bridge contract. Invariant: every chat that is accepted is a group with its JID or a
 * person with a phone, LID or BSUID, and every accepted message has its key.
 */
#include "ingest/dialects/bridge.h"

#include <string.h>

#include "base/utf8.h"
#include "ingest/dialects/dialects.h"
#include "ingest/dialects/webjs_common.h"

static bool reject(struct bridge_fault *fault, const char *path, const char *message)
{
	*fault = (struct bridge_fault){ .path = str_of(path), .message = message };
	return false;
}

static bool ignore(struct bridge_fault *fault, const char *kind)
{
	*fault = (struct bridge_fault){ .ignored = kind };
	return false;
}

/* A phone as people write it: "+62 812-3456-7890". */
static struct address phone_parse(struct arena *a, struct str written)
{
	char *digits = arena_alloc(a, written.n);
	size_t n = 0;

	for (size_t i = 0; i < written.n; i++)
		if (!memchr(" -.()", written.p[i], 5))
			digits[n++] = written.p[i];
	return address_parse((struct str){ digits, n });
}

static struct address address_read(struct arena *a, const json *v)
{
	struct str written = json_text(v, a);
	struct address plain = address_parse(written), phone;

	if (plain.kind != ADDRESS_OTHER || written.n > WIRE_MAX_ID_BYTES)
		return plain;
	phone = phone_parse(a, written);
	return phone.kind == ADDRESS_PHONE ? phone : plain;
}

struct party bridge_person(struct arena *a, const json *address, const json *name)
{
	struct party p = { .name = webjs_name(json_str(name)) };

	address_to_party(address_read(a, address), &p);
	return p;
}

static bool private_chat(struct arena *a, const json *item, struct chat_ref *out, struct bridge_fault *fault)
{
	struct chat_ref chat = { .contact = { .name = webjs_name(json_str(json_get(item, "contact_name"))) } };
	struct address address = address_read(a, json_get(item, "contact_phone"));

	switch (address.kind) {
	case ADDRESS_PHONE:
	case ADDRESS_LID:
	case ADDRESS_BSUID:
		address_to_party(address, &chat.contact);
		*out = chat;
		return true;
	case ADDRESS_STATUS:
		return ignore(fault, "status_post");
	case ADDRESS_NEWSLETTER:
		return ignore(fault, "newsletter_post");
	case ADDRESS_BROADCAST:
		return ignore(fault, "broadcast_list");
	case ADDRESS_NONE:
	case ADDRESS_GROUP:
	case ADDRESS_OTHER:
		break;
	}
	return reject(fault, "contact_phone", "a private chat needs a phone, LID or BSUID");
}

static bool group_chat(const json *item, struct chat_ref *out, struct bridge_fault *fault)
{
	struct address group = address_parse(json_str(json_get(item, "group_jid")));

	if (group.kind == ADDRESS_NEWSLETTER)
		return ignore(fault, "newsletter_post");
	if (group.kind != ADDRESS_GROUP)
		return reject(fault, "group_jid", "a group needs its JID");
	*out = (struct chat_ref){ .is_group = true, .group.jid = group.value };
	out->group.name = utf8_truncate(json_str(json_get(item, "group_name")), WIRE_MAX_NAME_BYTES);
	return true;
}

bool bridge_chat(struct arena *a, const json *item, const char *type_member, struct chat_ref *out,
	struct bridge_fault *fault)
{
	struct str type = json_str(json_get(item, type_member));

	if (str_is(type, "private"))
		return private_chat(a, item, out, fault);
	if (str_is(type, "group"))
		return group_chat(item, out, fault);
	return reject(fault, type_member, "neither private nor group");
}

bool bridge_time(const json *item, const char *member, int64_t *ms, struct bridge_fault *fault)
{
	const json *v = json_get(item, member);
	int64_t seconds = 0;

	if (json_type(v) != JSON_ABSENT && json_type(v) != JSON_NULL && !json_to_i64(v, &seconds))
		return reject(fault, member, "not integer seconds");
	if (seconds < 0 || seconds > WIRE_MAX_TIME_MS / 1000)
		return reject(fault, member, "not seconds since 1970");
	*ms = seconds * 1000;
	return true;
}

static bool body_read(const json *item, const struct bridge_words *words, bool has_media, struct str *out,
	struct bridge_fault *fault)
{
	const json *v = json_get(item, words->body);

	if (json_type(v) != JSON_STR && json_type(v) != JSON_ABSENT && json_type(v) != JSON_NULL)
		return reject(fault, words->body, "not text");
	if (utf8_length(json_str(v)) > BRIDGE_MAX_BODY_CHARACTERS)
		return reject(fault, words->body, "more than 65,536 characters");
	if (json_str(v).n == 0 && !has_media && !words->empty_body)
		return reject(fault, words->body, "a text without a body");
	*out = json_str(v);
	return true;
}

static enum message_type type_read(const json *item, const char *member, bool has_media)
{
	struct str word = json_str(json_get(item, member));

	if (word.n > 0)
		return webjs_type(word);
	return has_media ? MSG_UNKNOWN : MSG_TEXT;
}

bool bridge_key(struct arena *a, struct in_history_message *m, struct str id, struct bridge_fault *fault)
{
	struct stanza_id parsed = stanza_id_parse(id);

	if (id.n > WIRE_MAX_ID_BYTES - STR("false:").n)
		return reject(fault, "id", "too long for an id");
	if (parsed.stanza.n == 0 && m->source_time_ms == 0)
		return reject(fault, "timestamp", "a message without an id needs a time");
	webjs_message_key(a, &m->message, &parsed, m->source_time_ms);
	return true;
}

/* From the member from_me, or else from the id. */
static bool is_from_me(const json *item, struct str id)
{
	bool from_me = stanza_id_parse(id).from_me;

	json_to_bool(json_get(item, "from_me"), &from_me);
	return from_me;
}

static void sender_read(struct arena *a, const json *item, struct in_message *m)
{
	if (m->direction == DIR_OUTBOUND)
		return;
	if (m->chat.is_group)
		m->sender = bridge_person(a, json_get(item, "sender_phone"), json_get(item, "sender_name"));
	else
		m->sender = m->chat.contact;
}

/* The contract only says whether there is media, not where: bridges that can provide it post their library's own
 * objects. */
static void media_note(struct in_message *m, bool has_media)
{
	if (!has_media && !webjs_is_media(m->type))
		return;
	m->media.present = true;
	m->media.missing = true;
	m->media.caption = m->body;
}

bool bridge_message(struct arena *a, const json *item, const struct bridge_words *words, const struct chat_ref *chat,
	struct in_history_message *out, struct bridge_fault *fault)
{
	struct str id = json_text(json_get(item, "id"), a);
	bool has_media = json_true(json_get(item, "has_media"));
	struct in_history_message m = { .message.chat = *chat };

	if (!bridge_time(item, "timestamp", &m.source_time_ms, fault))
		return false;
	if (!body_read(item, words, has_media, &m.message.body, fault))
		return false;
	m.message.direction = is_from_me(item, id) ? DIR_OUTBOUND : DIR_INBOUND;
	m.message.type = type_read(item, words->type, has_media);
	m.message.placeholder = str_is(json_str(json_get(item, words->type)), "ciphertext");
	if (m.message.direction == DIR_OUTBOUND)
		m.message.status = webjs_ack(json_get(item, "ack"));
	sender_read(a, item, &m.message);
	media_note(&m.message, has_media);
	if (!bridge_key(a, &m, id, fault))
		return false;
	*out = m;
	return true;
}
