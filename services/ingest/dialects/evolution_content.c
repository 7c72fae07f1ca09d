/* Reads a message's content by the name of its member. Invariant: inline media and media keys are never read. */
#include "ingest/dialects/evolution_content.h"

#include "base/utf8.h"

bool evolution_i64(const json *v, int64_t *out)
{
	int64_t low, high;

	if (json_to_i64(v, out))
		return true;
	if (!json_to_i64(json_get(v, "low"), &low) || !json_to_i64(json_get(v, "high"), &high))
		return false;
	if (low < INT32_MIN || low > UINT32_MAX || high < INT32_MIN || high > INT32_MAX)
		return false;
	*out = high * (INT64_C(1) << 32) + (int64_t)(uint32_t)low;
	return true;
}

int64_t evolution_seconds_ms(const json *v)
{
	int64_t seconds;

	if (!evolution_i64(v, &seconds))
		return webjs_seconds_ms(v);
	return seconds < 0 || seconds > WIRE_MAX_TIME_MS / 1000 ? WIRE_MAX_TIME_MS + 1 : seconds * 1000;
}

/* Wrappers: members that contain a whole message in `message`. */
static const json *unwrap(const json *message)
{
	static const char *const wrappers[] = {
		"ephemeralMessage",
		"viewOnceMessage",
		"viewOnceMessageV2",
		"viewOnceMessageV2Extension",
		"documentWithCaptionMessage",
		"deviceSentMessage",
		"groupMentionedMessage",
	};

	for (int depth = 0; depth < 4; depth++) {
		const json *inner = NULL;

		for (size_t i = 0; !inner && i < sizeof(wrappers) / sizeof(*wrappers); i++)
			inner = json_get(json_get(message, wrappers[i]), "message");
		if (!json_is_obj(inner))
			break;
		message = inner;
	}
	return message;
}

static enum message_type member_type(struct str member, const json *node)
{
	static const struct word_value types[] = {
		{ "conversation", MSG_TEXT },
		{ "extendedTextMessage", MSG_TEXT },
		{ "imageMessage", MSG_IMAGE },
		{ "videoMessage", MSG_VIDEO },
		{ "ptvMessage", MSG_VIDEO },
		{ "audioMessage", MSG_AUDIO },
		{ "documentMessage", MSG_DOCUMENT },
		{ "stickerMessage", MSG_STICKER },
		{ "locationMessage", MSG_LOCATION },
		{ "liveLocationMessage", MSG_LOCATION },
		{ "contactMessage", MSG_CONTACTS },
		{ "contactsArrayMessage", MSG_CONTACTS },
		{ "buttonsResponseMessage", MSG_INTERACTIVE },
		{ "listResponseMessage", MSG_INTERACTIVE },
		{ "templateButtonReplyMessage", MSG_INTERACTIVE },
		{ "interactiveResponseMessage", MSG_INTERACTIVE },
		{ "orderMessage", MSG_ORDER },
		{ "groupInviteMessage", MSG_GROUP_INVITE },
		{ "callLogMesssage", MSG_CALL }, /* spelt so in WhatsApp's own schema */
		{ NULL, 0 },
	};

	if (str_starts(member, STR("pollCreationMessage")))
		return MSG_POLL;
	if (str_is(member, "audioMessage") && json_true(json_get(node, "ptt")))
		return MSG_VOICE;
	return (enum message_type)word_value(types, member, MSG_UNKNOWN);
}

/* Whether a member is the content; some members only accompany it. */
static bool is_content(struct str member)
{
	static const char *const others[] = { "messageContextInfo", "senderKeyDistributionMessage", "base64",
		"mediaUrl", "contextInfo", "speechToText" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (str_is(member, others[i]))
			return false;
	return true;
}

struct evolution_content evolution_content_read(const json *message, struct str hint)
{
	struct evolution_content c = { .type = MSG_UNKNOWN, .message = unwrap(message) };
	struct json_iter it = json_iter(json_is_obj(c.message) ? c.message : NULL);
	const json *v;

	while ((v = json_next(&it))) {
		struct str member = json_iter_key(&it);

		if (!is_content(member) || json_type(v) == JSON_NULL || (c.member.n > 0 && !str_eq(member, hint)))
			continue;
		c.member = member;
		c.node = v;
	}
	c.type = member_type(c.member, c.node);
	return c;
}

static struct str first_text(const json *node, const char *const *names)
{
	for (; *names; names++)
		if (json_str(json_get(node, *names)).n > 0)
			return json_str(json_get(node, *names));
	return STR_NONE;
}

static struct str contact_names(const json *contacts, struct arena *a)
{
	struct json_iter it = json_iter(json_is_arr(contacts) ? contacts : NULL);
	struct buf names = BUF_INIT;
	struct str all;
	const json *v;

	while ((v = json_next(&it))) {
		if (names.n > 0)
			buf_add_str(&names, STR(", "));
		buf_add_str(&names, json_str(json_get(v, "displayName")));
	}
	all = arena_str(a, buf_str(&names));
	buf_fini(&names);
	return all;
}

struct str evolution_content_body(const struct evolution_content *c, struct arena *a)
{
	static const char *const captions[] = { "caption", NULL }, *const places[] = { "name", "address", NULL };
	static const char *const replies[] = { "selectedDisplayText", "title", NULL },
				 *const names[] = { "name", NULL };
	static const char *const texts[] = { "text", "caption", "contentText", "message", "displayName", NULL };
	struct str body;

	if (json_type(c->node) == JSON_STR)
		return json_str(c->node);
	if (webjs_is_media(c->type))
		return first_text(c->node, captions);
	switch (c->type) {
	case MSG_LOCATION:
		return first_text(c->node, places);
	case MSG_POLL:
		return first_text(c->node, names);
	case MSG_INTERACTIVE:
		body = first_text(c->node, replies);
		return body.n ? body : json_str(json_path(c->node, "body.text"));
	case MSG_CONTACTS:
		body = contact_names(json_get(c->node, "contacts"), a);
		return body.n ? body : first_text(c->node, texts);
	default:
		return first_text(c->node, texts);
	}
}

static void fill_media(struct in_message *out, const struct evolution_content *c)
{
	struct str file_name = json_str(json_get(c->node, "fileName"));
	struct media *m = &out->media;

	*m = (struct media){ .present = true, .caption = out->body };
	m->mime = webjs_id_text(json_str(json_get(c->node, "mimetype")));
	m->file_name =
		utf8_truncate(file_name.n ? file_name : json_str(json_get(c->node, "title")), WIRE_MAX_NAME_BYTES);
	m->sha256 = webjs_id_text(json_str(json_get(c->node, "fileSha256")));
	/* The node's own url leads to the encrypted file, which is useless without the media key. */
	m->url = webjs_link(json_str(json_get(c->message, "mediaUrl")));
	if (!evolution_i64(json_get(c->node, "fileLength"), &m->size_bytes) || m->size_bytes < 0)
		m->size_bytes = 0;
}

static void fill_location(struct in_message *out, const json *node)
{
	webjs_location(&out->location, json_get(node, "degreesLatitude"), json_get(node, "degreesLongitude"));
	out->location.name = utf8_truncate(json_str(json_get(node, "name")), WIRE_MAX_NAME_BYTES);
	out->location.address = utf8_truncate(json_str(json_get(node, "address")), WIRE_MAX_LINK_BYTES);
	out->location.url = webjs_link(json_str(json_get(node, "url")));
}

static void fill_quoted(struct in_message *out, const json *context, struct arena *a)
{
	struct evolution_content c = evolution_content_read(json_get(context, "quotedMessage"), STR_NONE);
	struct str stanza = webjs_id_text(json_str(json_get(context, "stanzaId")));

	if (stanza.n == 0)
		return;
	out->quoted =
		(struct quoted){ .present = true, .target.stanza = stanza, .body = evolution_content_body(&c, a) };
	webjs_party(&out->quoted.sender, json_str(json_get(context, "participant")), STR_NONE);
}

/* The chosen row or button, under any of its three names. */
static struct str selected(const json *node)
{
	static const char *const names[] = { "selectedButtonId", "selectedId", NULL };
	struct str row = json_str(json_path(node, "singleSelectReply.selectedRowId"));

	return row.n ? row : first_text(node, names);
}

static void card_facts(struct webjs_facts *f, const json *node)
{
	struct json_iter it = json_iter(json_is_arr(json_get(node, "contacts")) ? json_get(node, "contacts") : NULL);
	const json *v;

	jw_key(&f->w, "vcards");
	jw_arr(&f->w);
	if (json_str(json_get(node, "vcard")).n > 0)
		jw_str(&f->w, json_str(json_get(node, "vcard")));
	while ((v = json_next(&it)))
		jw_str(&f->w, json_str(json_get(v, "vcard")));
	jw_arr_end(&f->w);
}

static void invite_facts(struct webjs_facts *f, const json *node)
{
	jw_key(&f->w, "invite");
	jw_obj(&f->w);
	jw_member_str(&f->w, "code", json_str(json_get(node, "inviteCode")));
	jw_member_str(&f->w, "group_jid", json_str(json_get(node, "groupJid")));
	jw_member_str(&f->w, "group_name", json_str(json_get(node, "groupName")));
	jw_obj_end(&f->w);
}

static void type_facts(struct webjs_facts *f, const struct evolution_content *c, struct arena *a)
{
	switch (c->type) {
	case MSG_INTERACTIVE:
		jw_member_str(&f->w, "selected", selected(c->node));
		break;
	case MSG_POLL:
		webjs_facts_poll(f, json_get(c->node, "options"), "optionName");
		break;
	case MSG_CONTACTS:
		card_facts(f, c->node);
		break;
	case MSG_ORDER:
		jw_member_str(&f->w, "order_id", json_text(json_get(c->node, "orderId"), a));
		break;
	case MSG_GROUP_INVITE:
		invite_facts(f, c->node);
		break;
	case MSG_UNKNOWN:
		jw_member_str(&f->w, "provider_type", c->member);
		break;
	default:
		break;
	}
}

static struct str facts(const struct evolution_content *c, const json *context, struct arena *a)
{
	struct webjs_facts f;
	int64_t score;

	webjs_facts_init(&f);
	type_facts(&f, c, a);
	webjs_facts_strings(&f, "mentions", json_get(context, "mentionedJid"));
	if (json_true(json_get(context, "isForwarded")))
		jw_member_bool(&f.w, "forwarded", true);
	if (json_to_i64(json_get(context, "forwardingScore"), &score) && score > 0)
		jw_member_i64(&f.w, "forwarding_score", score);
	if (webjs_is_media(c->type))
		jw_member_str(&f.w, "duration", json_text(json_get(c->node, "seconds"), a));
	if (json_true(json_get(c->node, "gifPlayback")))
		jw_member_bool(&f.w, "gif", true);
	return webjs_facts_finish(&f, a);
}

void evolution_content_fill(struct in_message *out, const struct evolution_content *c, const json *context,
	struct arena *a)
{
	if (!json_is_obj(context))
		context = json_get(c->node, "contextInfo");
	out->type = c->type;
	out->body = evolution_content_body(c, a);
	if (webjs_is_media(c->type))
		fill_media(out, c);
	if (c->type == MSG_LOCATION)
		fill_location(out, c->node);
	fill_quoted(out, context, a);
	out->extra = facts(c, context, a);
}
