/* The tables of words. Invariant: a word that is not in its table becomes UNKNOWN (or SETTINGS), never an error. */
#include "ingest/dialects/webjs_words.h"

#include "base/utf8.h"

int word_value(const struct word_value *table, struct str word, int otherwise)
{
	for (; table->word; table++)
		if (str_is(word, table->word))
			return table->value;
	return otherwise;
}

enum message_status webjs_ack(const json *ack)
{
	static const enum message_status statuses[] = {
		STATUS_FAILED,
		STATUS_PENDING,
		STATUS_SENT,
		STATUS_DELIVERED,
		STATUS_READ,
		STATUS_PLAYED,
	};
	int64_t n;

	if (!json_to_i64(ack, &n) || n < -1 || n > 4)
		return STATUS_NONE;
	return statuses[n + 1];
}

enum message_type webjs_type(struct str word)
{
	static const struct word_value types[] = {
		{ "chat", MSG_TEXT },
		{ "text", MSG_TEXT },
		{ "image", MSG_IMAGE },
		{ "video", MSG_VIDEO },
		{ "gif", MSG_VIDEO },
		{ "audio", MSG_AUDIO },
		{ "ptt", MSG_VOICE },
		{ "document", MSG_DOCUMENT },
		{ "sticker", MSG_STICKER },
		{ "location", MSG_LOCATION },
		{ "live_location", MSG_LOCATION },
		{ "vcard", MSG_CONTACTS },
		{ "multi_vcard", MSG_CONTACTS },
		{ "buttons_response", MSG_INTERACTIVE },
		{ "list_response", MSG_INTERACTIVE },
		{ "template_button_reply", MSG_INTERACTIVE },
		{ "poll_creation", MSG_POLL },
		{ "order", MSG_ORDER },
		{ "groups_v4_invite", MSG_GROUP_INVITE },
		{ "e2e_notification", MSG_SYSTEM },
		{ "gp2", MSG_SYSTEM },
		{ "group_notification", MSG_SYSTEM },
		{ "notification", MSG_SYSTEM },
		{ "notification_template", MSG_SYSTEM },
		{ "broadcast_notification", MSG_SYSTEM },
		{ "call_log", MSG_CALL },
		{ NULL, 0 },
	};

	return (enum message_type)word_value(types, word, MSG_UNKNOWN);
}

enum message_type webjs_mime_type(struct str mime)
{
	if (str_starts(mime, STR("image/webp")))
		return MSG_STICKER;
	if (str_starts(mime, STR("image/")))
		return MSG_IMAGE;
	if (str_starts(mime, STR("video/")))
		return MSG_VIDEO;
	if (str_starts(mime, STR("audio/ogg")))
		return MSG_VOICE;
	if (str_starts(mime, STR("audio/")))
		return MSG_AUDIO;
	return MSG_DOCUMENT;
}

bool webjs_is_media(enum message_type t)
{
	return t == MSG_IMAGE || t == MSG_VIDEO || t == MSG_AUDIO || t == MSG_VOICE || t == MSG_DOCUMENT ||
		t == MSG_STICKER;
}

enum group_action webjs_group_action(struct str word)
{
	static const struct word_value actions[] = {
		{ "create", GROUP_CREATE },
		{ "add", GROUP_ADD },
		{ "invite", GROUP_INVITE },
		{ "linked_group_join", GROUP_JOIN },
		{ "join", GROUP_JOIN },
		{ "remove", GROUP_REMOVE },
		{ "leave", GROUP_LEAVE },
		{ "promote", GROUP_PROMOTE },
		{ "demote", GROUP_DEMOTE },
		{ "subject", GROUP_SUBJECT },
		{ "description", GROUP_DESCRIPTION },
		{ "delete", GROUP_DELETE },
		{ NULL, 0 },
	};

	return (enum group_action)word_value(actions, word, GROUP_SETTINGS);
}

struct str webjs_call_outcome(struct str word)
{
	static const struct {
		const char *word, *outcome;
	} words[] = {
		{ "offer", "offered" },
		{ "ringing", "offered" },
		{ "accept", "accepted" },
		{ "reject", "rejected" },
		{ "timeout", "missed" },
		{ "terminate", "ended" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(word, words[i].word))
			return str_of(words[i].outcome);
	return utf8_truncate(word, WIRE_MAX_ID_BYTES);
}

enum session_reason webjs_disconnect_reason(struct str words)
{
	static const struct word_value reasons[] = {
		{ "LOGOUT", REASON_USER_INITIATED },
		{ "UNPAIRED", REASON_USER_INITIATED },
		{ "Max qrcode retries reached", REASON_QR_EXPIRED },
		{ "UNPAIRED_IDLE", REASON_TIMEOUT },
		{ "UNLAUNCHED", REASON_TIMEOUT },
		{ "TIMEOUT", REASON_TIMEOUT },
		{ "CONFLICT", REASON_ERROR },
		{ "DEPRECATED_VERSION", REASON_ERROR },
		{ NULL, 0 },
	};

	if (str_ends(words, STR("BLOCK")))
		return REASON_ERROR;
	return (enum session_reason)word_value(reasons, words, REASON_UNKNOWN);
}
