/* whatsapp-web.js events as wwebjs-api posts them: {dataType, data, sessionId}. Invariant: every dataType is read, or
 * counted as ignored under its name; a QR or pairing code leaves this file only through intake_keep_qr(). */
#include "ingest/dialects/wwebjs.h"

#include "ingest/dialects/dialects.h"

static struct str body_alone(void *ctx)
{
	const struct wwebjs *w = ctx;

	return intake_json(w->item.in, w->body);
}

static void message(const struct wwebjs *w)
{
	wwebjs_message(w, wwebjs_argument(w, "message"));
}

static void revoke(const struct wwebjs *w)
{
	wwebjs_revoke(w, wwebjs_argument(w, "message"));
}

/* The string itself, or a member of that name. */
static struct str login_code(const struct wwebjs *w, const char *member)
{
	struct str code = json_str(w->data);

	return code.n > 0 ? code : json_str(json_get(w->data, member));
}

static void qr(const struct wwebjs *w)
{
	webjs_qr(&w->item, login_code(w, "qr"), false, 0);
}

static void pairing_code(const struct wwebjs *w)
{
	webjs_qr(&w->item, login_code(w, "code"), true, 0);
}

/* The text is "<event> <detail>": the library's own words, for operators. */
static void session(const struct wwebjs *w, enum session_word state, enum session_reason reason, const char *event,
	struct str words)
{
	webjs_session(&w->item, state, reason,
		words.n ? arena_printf(w->item.in->arena, "%s %.*s", event, STR_ARG(words)) : str_of(event), STR_NONE,
		0);
}

static struct str member_text(const struct wwebjs *w, const char *name)
{
	struct str words = json_text(json_get(w->data, name), w->item.in->arena);

	return words.n ? words : json_str(w->data);
}

static void authenticated(const struct wwebjs *w)
{
	session(w, SESSION_AUTHENTICATED, REASON_NONE, "authenticated", STR_NONE);
}

static void auth_failure(const struct wwebjs *w)
{
	session(w, SESSION_FAILED, REASON_ERROR, "auth_failure", member_text(w, "msg"));
}

static void ready(const struct wwebjs *w)
{
	session(w, SESSION_CONNECTED, REASON_NONE, "ready", STR_NONE);
}

static void loading_screen(const struct wwebjs *w)
{
	session(w, SESSION_STARTING, REASON_NONE, "loading_screen", member_text(w, "percent"));
}

/* The library stays connected during TIMEOUT, and posts `disconnected` itself for states that are not listed here. */
static void change_state(const struct wwebjs *w)
{
	static const struct word_value states[] = {
		{ "CONNECTED", SESSION_CONNECTED },
		{ "OPENING", SESSION_STARTING },
		{ "PAIRING", SESSION_STARTING },
		{ "TIMEOUT", SESSION_STARTING },
		{ NULL, 0 },
	};
	struct str state = member_text(w, "state");
	enum session_word word = (enum session_word)word_value(states, state, SESSION_DISCONNECTED);

	session(w, word, word == SESSION_DISCONNECTED ? webjs_disconnect_reason(state) : REASON_NONE, "change_state",
		state);
}

static void disconnected(const struct wwebjs *w)
{
	struct str reason = member_text(w, "reason");

	session(w, SESSION_DISCONNECTED, webjs_disconnect_reason(reason), "disconnected", reason);
}

/* Events that are known and ignored: local deletes, upload progress, the bridge's own housekeeping, media that the
 * message event already announced, and requests to join, which do not change a group yet. */
static const char *const ignored[] = {
	"message_revoke_me",
	"media_uploaded",
	"media",
	"remote_session_saved",
	"chat_removed",
	"group_membership_request",
	"status",
	NULL,
};

static const struct {
	const char *event;
	void (*read)(const struct wwebjs *w);
	const char *argument; /* a required object: a member of data, or data itself; NULL: none */
} events[] = {
	{ "message", message, "message" },
	{ "message_create", message, "message" },
	{ "message_ciphertext", message, "message" },
	{ "message_ack", wwebjs_ack, "message" },
	{ "message_edit", wwebjs_edit, "message" },
	{ "message_revoke_everyone", revoke, "message" },
	{ "message_reaction", wwebjs_reaction, "reaction" },
	{ "vote_update", wwebjs_vote, "vote" },
	{ "group_join", wwebjs_group_notification, "notification" },
	{ "group_leave", wwebjs_group_notification, "notification" },
	{ "group_admin_changed", wwebjs_group_notification, "notification" },
	{ "group_update", wwebjs_group_notification, "notification" },
	{ "contact_changed", wwebjs_contact_changed, "message" },
	{ "contact", wwebjs_contact, "contact" },
	{ "chat", wwebjs_chat, "chat" },
	{ "chat_archived", wwebjs_chat, "chat" },
	{ "unread_count", wwebjs_chat, "chat" },
	{ "call", wwebjs_call, "call" },
	{ "qr", qr, NULL },
	{ "code", pairing_code, NULL },
	{ "authenticated", authenticated, NULL },
	{ "auth_failure", auth_failure, NULL },
	{ "ready", ready, NULL },
	{ "loading_screen", loading_screen, NULL },
	{ "change_state", change_state, NULL },
	{ "disconnected", disconnected, NULL },
};

static int event_read(const struct wwebjs *w, size_t i, struct err *err)
{
	if (events[i].argument && !json_is_obj(w->data))
		return err_set(err, ERR_INPUT, "400", "data.%s: not an object", events[i].argument);
	events[i].read(w);
	return webjs_finish(w->item.in, err);
}

/* An event of a newer library: a message in it is read, anything else is counted as ignored. */
static int unknown_read(const struct wwebjs *w, struct err *err)
{
	const json *m = wwebjs_argument(w, "message");

	if (stanza_id_read(json_get(m, "id"), w->item.in->arena).known && json_get(m, "body"))
		wwebjs_message(w, m);
	else
		intake_ignore(w->item.in, "unknown_event");
	return webjs_finish(w->item.in, err);
}

static int named_read(struct wwebjs *w, struct str event, struct err *err)
{
	if (str_is(event, "chats_sync"))
		return wwebjs_sync(w, err);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (str_is(event, events[i].event))
			return event_read(w, i, err);
	for (size_t i = 0; ignored[i]; i++)
		if (str_is(event, ignored[i])) {
			intake_ignore(w->item.in, ignored[i]);
			return 0;
		}
	return unknown_read(w, err);
}

/* The event's name for a library object without an envelope, recognised by its members. */
static struct str event_of(const json *object)
{
	if (json_get(object, "msgId") && json_get(object, "senderId"))
		return STR("message_reaction");
	if (json_get(object, "parentMsgKey") && json_get(object, "voter"))
		return STR("vote_update");
	if (json_get(object, "chatId") && json_get(object, "recipientIds"))
		return STR("group_update");
	if (json_get(object, "isMyContact") || json_get(object, "pushname"))
		return STR("contact");
	if (json_get(object, "unreadCount") || json_get(object, "groupMetadata"))
		return STR("chat");
	if (json_get(object, "id") && json_get(object, "type"))
		return STR("message");
	return STR_NONE;
}

int wwebjs_read(struct intake *in, const json *body, struct err *err)
{
	struct wwebjs w = { .item = { .in = in, .path = STR("data"), .body = body_alone }, .body = body };
	struct str event = json_str(json_get(body, "dataType"));

	w.item.ctx = &w;
	w.data = json_get(body, "data");
	if (event.n == 0) {
		event = event_of(body);
		w.data = body;
	}
	if (event.n == 0)
		return err_set(err, ERR_INPUT, "400", "dataType: required");
	return named_read(&w, event, err);
}
