/* blazzctl messages send: publishes one SendMessage. Invariant: what is published has been checked by the rules that
 * campaign-sender decodes by. */
#include "messages.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/ids.h"
#include "ctl_producer.h"
#include "phone/phone.h"
#include "tenants.h"

#define WAIT_DEFAULT_MS 60000

struct message_options {
	const char *workspace, *account, *to, *country, *request, *user, *deadline;
	const char *text, *template, *language, *components;
	const char *type, *media, *media_id, *mime, *file_name, *caption, *extra;
	const char *reaction, *target, *read, *reply_to;
	bool allow_other, wait;
	int64_t timeout_ms;
};

#define AT(field) offsetof(struct message_options, field)

static const struct option_row send_rows[] = {
	{ "workspace", OPTION_TEXT, AT(workspace), "UUID|NAME", "whose" },
	{ "account", OPTION_TEXT, AT(account), "UUID|ID", "that sends it; default: campaign-sender chooses" },
	{ "allow-other-number", OPTION_FLAG, AT(allow_other), NULL,
		"another account may send it while that one cannot" },
	{ "to", OPTION_TEXT, AT(to), "RECIPIENT",
		"a phone number, lid:DIGITS, bsuid:ID, the address of a group (…@g.us), or a contact's UUID" },
	{ "country", OPTION_TEXT, AT(country), "XX", "of a phone number in national format" },
	{ "text", OPTION_TEXT, AT(text), "TEXT", "a text message" },
	{ "template", OPTION_TEXT, AT(template), "NAME", "a template message of Meta" },
	{ "language", OPTION_TEXT, AT(language), "CODE", "of the template" },
	{ "components", OPTION_TEXT, AT(components), "FILE|JSON", "parameters, in Meta's format" },
	{ "type", OPTION_TEXT, AT(type), "WORD",
		"image, video, audio, voice, document or sticker, with --media; contacts or\n"
		"                                interactive, with --extra" },
	{ "media", OPTION_TEXT, AT(media), "URL", "from which the provider fetches it" },
	{ "media-id", OPTION_TEXT, AT(media_id), "ID", "of media that the provider has already" },
	{ "mime", OPTION_TEXT, AT(mime), "TYPE", "of the media" },
	{ "file-name", OPTION_TEXT, AT(file_name), "TEXT", "of a document" },
	{ "caption", OPTION_TEXT, AT(caption), "TEXT", "of the media" },
	{ "extra", OPTION_TEXT, AT(extra), "FILE|JSON", "object with the member contacts or interactive" },
	{ "reaction", OPTION_TEXT, AT(reaction), "EMOJI", "reacts to --target; \"\" withdraws the reaction" },
	{ "target", OPTION_TEXT, AT(target), "KEY", "of the message to react to" },
	{ "read", OPTION_TEXT, AT(read), "KEY", "marks the message with this key as read" },
	{ "reply-to", OPTION_TEXT, AT(reply_to), "KEY", "of the message that this one answers" },
	{ "user", OPTION_TEXT, AT(user), "UUID", "the agent who wrote it" },
	{ "deadline", OPTION_TEXT, AT(deadline), "TIME", "not sent afterwards: +2h, or a time; default: +15m" },
	{ "request-id", OPTION_TEXT, AT(request), "UUID",
		"a repeated one has no effect; default: a random one, which is printed" },
	{ "wait", OPTION_FLAG, AT(wait), NULL, "until it was sent or has failed; prints the outcome" },
	{ "timeout", OPTION_DURATION, AT(timeout_ms), "TIME", "of --wait; default: 1m" },
	{ 0 },
};

static const struct option_row show_rows[] = {
	{ "workspace", OPTION_TEXT, offsetof(struct message_show_options, workspace), "UUID|NAME", "only in this one" },
	{ 0 },
};

static int phone_parse(const char *to, const char *country, struct arena *a, struct send_message *m, struct err *err)
{
	struct phone phone;

	if (!phone_normalise(str_of(to), country ? country : "", !country, &phone) ||
		!phone_is_possible(str_of(phone.e164)))
		return err_set(err, ERR_INPUT, "recipient", "--to is neither a phone number nor another address");
	m->chat.contact.phone = arena_str(a, str_of(phone.e164));
	return 0;
}

int recipient_parse(const char *to, const char *country, struct arena *a, struct send_message *m, struct err *err)
{
	struct str s = str_of(to);

	if (uuid_parse(s, &m->contact))
		return 0;
	if (str_starts(s, STR("lid:"))) {
		m->chat.contact.lid = str_slice(s, 4, s.n);
	} else if (str_starts(s, STR("bsuid:"))) {
		m->chat.contact.bsuid = str_slice(s, 6, s.n);
	} else if (str_starts(s, STR("group:")) || str_ends(s, STR("@g.us"))) {
		m->chat.is_group = true;
		m->chat.group.jid = str_starts(s, STR("group:")) ? str_slice(s, 6, s.n) : s;
	} else if (memchr(s.p, '@', s.n)) {
		m->chat.contact.jid = s;
	} else {
		return phone_parse(to, country, a, m, err);
	}
	return 0;
}

/* Exactly one content. */
static int content_check(const struct message_options *o, struct err *err)
{
	int n = (o->text != NULL) + (o->template != NULL) + (o->media || o->media_id) + (o->extra != NULL) +
		(o->reaction != NULL) + (o->read != NULL);

	if (n != 1)
		return ctl_usage(err,
			"messages send needs one of --text, --template, --media, --extra, --reaction and --read");
	if (o->template && !o->language)
		return ctl_usage(err, "--template needs --language");
	if (o->reaction && !o->target)
		return ctl_usage(err, "--reaction needs --target");
	if ((o->media || o->media_id || o->extra) && !o->type)
		return ctl_usage(err, "--media and --extra need --type");
	return 0;
}

static struct media media_read(const struct message_options *o)
{
	return (struct media){ .present = true,
		.url = str_of(o->media),
		.provider_media_id = str_of(o->media_id),
		.mime = str_of(o->mime),
		.file_name = str_of(o->file_name),
		.caption = str_of(o->caption) };
}

static int content_read(const struct message_options *o, struct arena *a, struct send_message *m, struct err *err)
{
	m->reply_to.key = str_of(o->reply_to);
	if (o->reaction || o->read) {
		m->kind = o->read ? SEND_READ : SEND_REACTION;
		m->reply_to.key = str_of(o->read ? o->read : o->target);
		m->u.emoji = str_of(o->reaction);
		return 0;
	}
	if (o->text) {
		m->type = MSG_TEXT;
		m->u.text = str_of(o->text);
		return 0;
	}
	if (o->template) {
		m->type = MSG_TEMPLATE;
		m->u.template = (struct send_template){ true, str_of(o->template), str_of(o->language), STR_NONE };
		return o->components
			? ctl_json_read("--components", o->components, true, a, &m->u.template.components, err)
			: 0;
	}
	m->type = message_type_parse(str_of(o->type));
	if (o->extra)
		return ctl_json_read("--extra", o->extra, false, a, &m->u.extra, err);
	m->u.media = media_read(o);
	return 0;
}

static int type_check(const struct message_options *o, struct err *err)
{
	enum message_type t = message_type_parse(str_of(o->type));
	bool ok = o->extra ? t == MSG_CONTACTS || t == MSG_INTERACTIVE : t >= MSG_IMAGE && t <= MSG_STICKER;

	if (!o->type || ok)
		return 0;
	return ctl_usage(err, "--type %s does not go with %s", o->type, o->extra ? "--extra" : "--media");
}

static int names_read(struct ctl *ctl, const struct message_options *o, struct arena *a, struct tenant *t,
	struct send_message *m, struct err *err)
{
	struct account_info account;

	if (tenant_find(ctl, o->workspace, t, err) < 0)
		return -1;
	m->workspace = t->uuid;
	if (o->account) {
		if (tenant_account(ctl, t, o->account, a, &account, err) < 0)
			return -1;
		m->account = account.uuid;
	}
	return recipient_parse(o->to, o->country, a, m, err);
}

static int message_read(const struct message_options *o, struct arena *a, struct send_message *m, struct err *err)
{
	m->requested_at_ms = clock_now_ms();
	m->allow_other_number = o->allow_other;
	uuid_v4(&m->request);
	if ((o->request && ctl_uuid("--request-id", o->request, &m->request, err) < 0) ||
		(o->user && ctl_uuid("--user", o->user, &m->user, err) < 0) ||
		(o->deadline && ctl_instant("--deadline", o->deadline, m->requested_at_ms, &m->deadline_ms, err) < 0) ||
		content_check(o, err) < 0 || type_check(o, err) < 0)
		return -1;
	if (!o->to)
		return ctl_usage(err, "--to is missing");
	return content_read(o, a, m, err);
}

static int message_publish(struct ctl *ctl, const struct send_message *m, struct err *err)
{
	struct buf value = BUF_INIT;
	char key[74];
	int rc = -1;

	send_message_key(m, key);
	if (send_message_encode(m, &value, err) == 0)
		rc = ctl_publish(ctl,
			&(struct ctl_record){ TOPIC_OUTBOUND, str_of(key), buf_str(&value), m->request, "outbound",
				send_kind_word(m->kind), m->requested_at_ms },
			err);
	buf_fini(&value);
	return rc;
}

static void request_print(const struct send_message *m, bool json)
{
	static const char *const columns[] = { "request", "workspace", "account", NULL };
	struct table *t = table_new(columns);

	table_uuid(t, &m->request);
	table_uuid(t, &m->workspace);
	table_uuid(t, &m->account);
	table_print(t, json);
	table_free(t);
}

static int message_send(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct message_options *o = options;
	struct arena *a = arena_new(4096);
	struct send_message m = { 0 };
	struct tenant t;
	int rc = -1;

	(void)arguments;
	if (message_read(o, a, &m, err) < 0 || names_read(ctl, o, a, &t, &m, err) < 0 ||
		message_publish(ctl, &m, err) < 0)
		goto out;
	rc = 0;
	if (o->wait)
		rc = message_wait(ctl, t.id, &m.request, o->timeout_ms ? o->timeout_ms : WAIT_DEFAULT_MS, err);
	else
		request_print(&m, ctl->json);
out:
	arena_free(a);
	return rc;
}

const struct command messages_commands[] = {
	{ "messages", "send", NULL, 0, 0, send_rows, sizeof(struct message_options),
		"asks campaign-sender to send a message, a reaction or a read marker", message_send },
	{ "messages", "show", "REQUEST|ID", 1, 1, show_rows, sizeof(struct message_show_options),
		"shows what became of a message, given by its request id or client_message_id, and its failed attempts",
		message_show },
	{ 0 },
};
