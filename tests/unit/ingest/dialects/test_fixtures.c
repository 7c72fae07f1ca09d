/* Every body of tests/fixtures through its dialect, against tests/fixtures/expected.json.
 *
 * A key that an expected event lacks is not compared; a key that this file does not know is a failure, and so is an
 * unexpected event. The order within a POST is compared by class only. BLAZZ_FIXTURES names another folder.
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "ingest/dialects/address.h"
#include "ingest/dialects/dialects.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define NOW_MS    INT64_C(1767229200000)
#define WORKSPACE "0e1b6c1a-9f0e-4c53-8d4f-3c6a1f1f6b11"

/* ---- files and the account that they are about */

static struct str file_read(const char *name)
{
	const char *folder = getenv("BLAZZ_FIXTURES");
	char path[512];
	FILE *f;
	char *bytes;
	long n;

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "tests/fixtures", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s: cannot be read", path);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	assert_int_equal(fseek(f, 0, SEEK_SET), 0);
	bytes = malloc((size_t)n + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)n, f), n);
	bytes[n] = 0;
	fclose(f);
	return (struct str){ bytes, (size_t)n };
}

/* In bodies of bridge/ the text {workspace} stands for the workspace's public id. */
static struct str workspace_put(struct str text)
{
	char *at = strstr(text.p, "{workspace}"), *whole;
	size_t n = text.n + sizeof(WORKSPACE);

	if (!at)
		return text;
	whole = malloc(n);
	assert_non_null(whole);
	n = (size_t)snprintf(whole, n, "%.*s" WORKSPACE "%s", (int)(at - text.p), text.p, at + strlen("{workspace}"));
	free((char *)(uintptr_t)text.p);
	return (struct str){ whole, n };
}

static struct intake_account account = {
	.id.b = { 0xac },
	.session_id = { "acme-support-1", 14 },
	.provider_ref = { "acme-support-1", 14 },
	.phone_number = { "15550783881", 11 },
	.phone_number_id = { "106540352242922", 15 },
	.waba_id = { "102290129340398", 15 },
};

static const struct intake_account *by_number(void *ctx, struct str id)
{
	(void)ctx;
	return str_eq(id, account.phone_number_id) ? &account : NULL;
}

static size_t by_waba(void *ctx, struct str id, const struct intake_account **out, size_t max)
{
	(void)ctx;
	if (!str_eq(id, account.waba_id))
		return 0;
	if (max > 0)
		out[0] = &account;
	return 1;
}

static int bridge_read(struct intake *in, const json *body, struct err *err)
{
	return json_get(body, "chats") ? bridge_read_sync(in, body, err) : bridge_read_webhook(in, body, err);
}

static const struct dialect {
	const char *folder;
	enum provider provider;
	enum bridge_kind bridge;
	int (*read)(struct intake *in, const json *body, struct err *err);
} dialects[] = {
	{ "meta/", PROVIDER_META, BRIDGE_NONE, meta_read },
	{ "bridge/", PROVIDER_WEBJS, BRIDGE_BLAZZ, bridge_read },
	{ "webjs-raw/", PROVIDER_WEBJS, BRIDGE_WWEBJS, wwebjs_read },
	{ "waha/", PROVIDER_WEBJS, BRIDGE_WAHA, waha_read },
	{ "evolution/", PROVIDER_WEBJS, BRIDGE_EVOLUTION, evolution_read },
};

/* ---- what came out: a sync chat is its state and its messages, as the expectations count them */

struct seen {
	const struct inbound_event *e;
	const struct in_message *m;
	const struct in_chat_state *state;
	int64_t ms;
	bool used;
};

struct run {
	const char *file;
	const struct dialect *dialect;
	struct arena *arena;
	struct intake in;
	struct err err;
	int rc;
	struct seen *seen;
	size_t n_seen;
};

static void see_sync_chat(struct run *r, const struct inbound_event *e)
{
	const struct in_sync_chat *c = &e->u.sync_chat;

	if (!c->continued)
		r->seen[r->n_seen++] = (struct seen){ .e = e, .state = &c->state, .ms = e->source_time_ms };
	for (size_t i = 0; i < c->n_messages; i++)
		r->seen[r->n_seen++] =
			(struct seen){ .e = e, .m = &c->messages[i].message, .ms = c->messages[i].source_time_ms };
}

static void see(struct run *r)
{
	r->seen = ARENA_ARRAY(r->arena, struct seen, r->in.n_events * (1 + WIRE_MAX_SYNC_MESSAGES));
	for (size_t i = 0; i < r->in.n_events; i++) {
		const struct inbound_event *e = r->in.events[i];
		struct seen s = { .e = e, .ms = e->source_time_ms };

		if (e->kind == IN_SYNC_CHAT) {
			see_sync_chat(r, e);
			continue;
		}
		if (e->kind == IN_MESSAGE)
			s.m = &e->u.message;
		if (e->kind == IN_CHAT_STATE)
			s.state = &e->u.chat_state;
		r->seen[r->n_seen++] = s;
	}
}

/* ---- comparing: small things first */

static bool party_has(const struct party *p, struct str address)
{
	struct address a = address_parse(address);

	switch (a.kind) {
	case ADDRESS_PHONE:
		return str_eq(p->phone, a.value);
	case ADDRESS_LID:
		return str_eq(p->lid, a.value);
	case ADDRESS_BSUID:
		return str_eq(p->bsuid, a.value);
	default:
		return str_eq(p->jid, a.value);
	}
}

static bool has_suffix(struct str key, struct str stanza)
{
	return key.n == stanza.n ? str_eq(key, stanza)
				 : key.n > stanza.n && key.p[key.n - stanza.n - 1] == ':' && str_ends(key, stanza);
}

/* A message's key from the id that the provider gives. */
static bool key_is(const struct run *r, struct str key, struct str id)
{
	struct stanza_id parsed = stanza_id_parse(id);

	if (r->dialect->provider == PROVIDER_META)
		return str_eq(key, id);
	if (parsed.known)
		return str_eq(key, stanza_key(r->arena, parsed.from_me, parsed.stanza));
	return key.n > 0 && has_suffix(key, id);
}

static bool target_is(const struct run *r, const struct target *t, struct str id)
{
	return t->key.n > 0 ? key_is(r, t->key, id) : str_eq(t->stanza, stanza_id_parse(id).stanza);
}

static const struct target *target_of(const struct seen *s)
{
	switch (s->e->kind) {
	case IN_STATUS:
		return &s->e->u.status.target;
	case IN_EDIT:
		return &s->e->u.edit.target;
	case IN_REVOKE:
		return &s->e->u.revoke.target;
	case IN_REACTION:
		return &s->e->u.reaction.target;
	case IN_POLL_VOTE:
		return &s->e->u.poll_vote.target;
	default:
		return NULL;
	}
}

static struct chat_ref chat_of(const struct seen *s)
{
	const struct inbound_event *e = s->e;

	if (s->m && chat_known(&s->m->chat))
		return s->m->chat;
	if (s->state)
		return s->state->chat;
	switch (e->kind) {
	case IN_SYNC_CHAT:
		return e->u.sync_chat.state.chat;
	case IN_STATUS:
		return e->u.status.chat;
	case IN_EDIT:
		return e->u.edit.chat;
	case IN_REVOKE:
		return e->u.revoke.chat;
	case IN_REACTION:
		return e->u.reaction.chat;
	case IN_POLL_VOTE:
		return e->u.poll_vote.chat;
	case IN_CALL:
		return e->u.call.chat;
	case IN_GROUP_CHANGE:
		return (struct chat_ref){ .is_group = true, .group = e->u.group_change.group };
	case IN_OPT_OUT:
		return (struct chat_ref){ .contact = e->u.opt_out.party };
	case IN_IDENTITY_CHANGE:
		return (struct chat_ref){ .contact = e->u.identity_change.old_party };
	default:
		return (struct chat_ref){ .is_group = false };
	}
}

static enum direction direction_of(const struct seen *s)
{
	if (s->m)
		return s->m->direction;
	switch (s->e->kind) {
	case IN_EDIT:
		return s->e->u.edit.direction;
	case IN_REVOKE:
		return s->e->u.revoke.direction;
	case IN_REACTION:
		return s->e->u.reaction.direction;
	case IN_POLL_VOTE:
		return s->e->u.poll_vote.direction;
	case IN_CALL:
		return s->e->u.call.direction;
	case IN_STATUS: /* of a message that the account sent */
		return DIR_OUTBOUND;
	case IN_IDENTITY_CHANGE: /* from a system message */
		return DIR_INBOUND;
	default:
		return DIR_NONE;
	}
}

static struct party sender_of(const struct seen *s)
{
	if (s->m)
		return s->m->sender;
	switch (s->e->kind) {
	case IN_EDIT:
		return s->e->u.edit.sender;
	case IN_REVOKE:
		return s->e->u.revoke.sender;
	case IN_REACTION:
		return s->e->u.reaction.sender;
	case IN_POLL_VOTE:
		return s->e->u.poll_vote.voter;
	case IN_GROUP_CHANGE:
		return s->e->u.group_change.actor;
	case IN_IDENTITY_CHANGE:
		return s->e->u.identity_change.old_party;
	default:
		return (struct party){ .phone = STR_NONE };
	}
}

static const struct provider_error *error_of(const struct seen *s)
{
	if (s->m)
		return &s->m->error;
	switch (s->e->kind) {
	case IN_STATUS:
		return &s->e->u.status.error;
	case IN_HISTORY_STATE:
		return &s->e->u.history_state.error;
	case IN_ACCOUNT_NOTICE:
		return &s->e->u.account_notice.error;
	default:
		return NULL;
	}
}

static bool same_text(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool contains(struct str all, struct str part)
{
	return part.n == 0 || (all.n > 0 && memmem(all.p, all.n, part.p, part.n));
}

/* ---- comparing: one function for each key */

struct cmp {
	struct run *run;
	const struct seen *s;
	struct str kind;
};

static bool kind_is(const struct cmp *c, const char *kind)
{
	return str_is(c->kind, kind);
}

static bool fits_always(const struct cmp *c, const json *want)
{
	(void)c;
	(void)want;
	return true;
}

static bool fits_channel(const struct cmp *c, const json *want)
{
	struct str channel = json_str(want);

	if (!uuid_eq(&c->s->e->account, &account.id) || !uuid_eq(&c->s->e->workspace, &account.workspace))
		return false;
	if (c->run->dialect->provider != PROVIDER_META)
		return str_eq(channel, account.session_id);
	return str_eq(channel, account.phone_number_id) ||
		(str_starts(channel, STR("waba:")) && str_eq(str_slice(channel, 5, channel.n), account.waba_id));
}

static bool fits_id(const struct cmp *c, const json *want)
{
	const struct seen *s = c->s;
	struct str id = json_str(want);

	if (s->m && json_type(want) == JSON_NULL)
		return s->m->synthetic_key && s->m->key.n > 0;
	if (s->m)
		return !s->m->synthetic_key && key_is(c->run, s->m->key, id) && str_eq(s->m->provider_id, id);
	switch (s->e->kind) {
	case IN_STATUS:
		return target_is(c->run, &s->e->u.status.target, id);
	case IN_CALL:
		return str_eq(s->e->u.call.call_id, id);
	case IN_CONTACT:
		return party_has(&s->e->u.contact.party, id);
	case IN_IDENTITY_CHANGE:
		return str_eq(s->e->u.identity_change.key, id) || key_is(c->run, s->e->u.identity_change.key, id);
	default: /* edits, reactions and the like are named by their target alone */
		return true;
	}
}

static bool fits_stanza(const struct cmp *c, const json *want)
{
	return !c->s->m || has_suffix(c->s->m->key, json_str(want));
}

static bool fits_chat(const struct cmp *c, const json *want)
{
	struct chat_ref chat = chat_of(c->s);

	if (c->s->e->kind == IN_POLL_VOTE || c->s->e->kind == IN_IDENTITY_CHANGE || chat_known(&chat))
		return chat.is_group ? str_eq(chat.group.jid, json_str(want))
				     : party_has(&chat.contact, json_str(want));
	return false;
}

static bool fits_sender(const struct cmp *c, const json *want)
{
	struct party sender = sender_of(c->s);
	struct chat_ref chat = chat_of(c->s);

	if (direction_of(c->s) == DIR_OUTBOUND)
		return !party_identified(&sender) &&
			(str_is(json_str(want), "me") || str_eq(json_str(want), account.phone_number));
	if (!party_identified(&sender) && !chat.is_group)
		sender = chat.contact;
	return party_has(&sender, json_str(want));
}

static bool fits_chat_alias(const struct cmp *c, const json *want)
{
	struct chat_ref chat = chat_of(c->s);

	return party_has(&chat.contact, json_str(want));
}

static bool fits_direction(const struct cmp *c, const json *want)
{
	return str_is(json_str(want), direction_of(c->s) == DIR_OUTBOUND ? "out" : "in") &&
		direction_of(c->s) != DIR_NONE;
}

/* The words of the dialects; a word with several rows may be any of them. */
static const struct {
	const char *word;
	enum message_type type;
} message_types[] = {
	{ "text", MSG_TEXT },
	{ "chat", MSG_TEXT },
	{ "conversation", MSG_TEXT },
	{ "image", MSG_IMAGE },
	{ "imageMessage", MSG_IMAGE },
	{ "video", MSG_VIDEO },
	{ "audio", MSG_AUDIO },
	{ "audio", MSG_VOICE },
	{ "document", MSG_DOCUMENT },
	{ "sticker", MSG_STICKER },
	{ "location", MSG_LOCATION },
	{ "locationMessage", MSG_LOCATION },
	{ "contacts", MSG_CONTACTS },
	{ "vcard", MSG_CONTACTS },
	{ "multi_vcard", MSG_CONTACTS },
	{ "interactive", MSG_INTERACTIVE },
	{ "buttons_response", MSG_INTERACTIVE },
	{ "list_response", MSG_INTERACTIVE },
	{ "listResponseMessage", MSG_INTERACTIVE },
	{ "poll_creation", MSG_POLL },
	{ "order", MSG_ORDER },
	{ "groups_v4_invite", MSG_GROUP_INVITE },
	{ "unsupported", MSG_UNKNOWN },
	{ "media_placeholder", MSG_UNKNOWN },
	{ "errors", MSG_UNKNOWN },
	{ "media", MSG_IMAGE },
	{ "media", MSG_VIDEO },
	{ "media", MSG_AUDIO },
	{ "media", MSG_VOICE },
	{ "media", MSG_DOCUMENT },
	{ "media", MSG_STICKER },
};

static bool fits_message_type(const struct cmp *c, struct str word)
{
	if (kind_is(c, "message_pending"))
		return c->s->m->type == MSG_UNKNOWN && c->s->m->placeholder;
	for (size_t i = 0; i < COUNT(message_types); i++)
		if (str_is(word, message_types[i].word) && c->s->m->type == message_types[i].type)
			return true;
	return false;
}

static const struct {
	const char *word;
	enum session_word state;
} session_words[] = {
	{ "authenticated", SESSION_AUTHENTICATED },
	{ "ready", SESSION_CONNECTED },
	{ "qr", SESSION_QR },
	{ "loading_screen", SESSION_STARTING },
	{ "WORKING", SESSION_CONNECTED },
	{ "open", SESSION_CONNECTED },
	{ "close", SESSION_DISCONNECTED },
};

static bool fits_session_type(const struct cmp *c, struct str word)
{
	for (size_t i = 0; i < COUNT(session_words); i++)
		if (str_is(word, session_words[i].word))
			return c->s->e->u.session_state.state == session_words[i].state;
	return false;
}

static bool fits_group_type(const struct cmp *c, struct str word)
{
	static const char *const prefixes[] = { "group_", "participants:" };
	enum group_action action = c->s->e->u.group_change.action;

	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (str_starts(word, str_of(prefixes[i])))
			word = str_slice(word, strlen(prefixes[i]), word.n);
	if (str_is(word, "update"))
		return action == GROUP_SUBJECT || action == GROUP_DESCRIPTION || action == GROUP_SETTINGS;
	return str_is(word, group_action_word(action));
}

static bool fits_type(const struct cmp *c, const json *want)
{
	struct str word = json_str(want);
	const struct inbound_event *e = c->s->e;

	if (c->s->m)
		return fits_message_type(c, word);
	if (c->s->state && !str_is(word, "chat.archive"))
		return str_is(word, c->s->state->chat.is_group ? "group" : "private");
	switch (e->kind) {
	case IN_STATUS:
		return str_is(word, message_status_word(e->u.status.status));
	case IN_SESSION_STATE:
		return fits_session_type(c, word);
	case IN_GROUP_CHANGE:
		return fits_group_type(c, word);
	case IN_ACCOUNT_NOTICE:
		return str_eq(e->u.account_notice.kind, word);
	case IN_TEMPLATE_STATUS:
		return str_starts(word, STR("message_template_"));
	case IN_OPT_OUT:
		return str_eq(e->u.opt_out.category, word);
	case IN_CALL:
		return e->u.call.video == str_is(word, "video");
	default: /* the name of the event itself: "edit", "reaction", "revoked" */
		return true;
	}
}

static bool fits_options(const struct in_poll_vote *v, struct str want)
{
	struct str option;
	size_t n = 0;

	for (; want.n > 0; n++) {
		if (str_cut(want, ',', &option, &want))
			want = str_trim(want);
		if (n >= v->n_options || !str_eq(v->options[n], option))
			return false;
	}
	return n == v->n_options;
}

static bool fits_session_body(const struct cmp *c, struct str body)
{
	const struct in_session_state *s = &c->s->e->u.session_state;

	if (s->state == SESSION_QR)
		return c->run->in.n_qr == 1 && c->run->in.qr[0].code.n > 0;
	if (s->state == SESSION_DISCONNECTED && str_is(body, "401") && s->reason != REASON_USER_INITIATED)
		return false;
	return contains(s->details, body);
}

static bool fits_body(const struct cmp *c, const json *want)
{
	struct str body = json_str(want);
	const struct inbound_event *e = c->s->e;
	struct chat_ref chat = chat_of(c->s);

	if (c->s->m)
		return same_text(c->s->m->body, body);
	if (c->s->state)
		return same_text(chat.is_group ? chat.group.name : chat.contact.name, body);
	switch (e->kind) {
	case IN_EDIT:
		return same_text(e->u.edit.body, body);
	case IN_REACTION:
		return same_text(e->u.reaction.emoji, body);
	case IN_POLL_VOTE:
		return fits_options(&e->u.poll_vote, body);
	case IN_GROUP_CHANGE:
		return same_text(e->u.group_change.text, body) || same_text(e->u.group_change.group.name, body);
	case IN_CONTACT:
		return same_text(e->u.contact.full_name, body) || same_text(e->u.contact.party.name, body);
	case IN_IDENTITY_CHANGE:
		return same_text(e->u.identity_change.text, body);
	case IN_OPT_OUT:
		return e->u.opt_out.stop == str_is(body, "stop");
	case IN_SESSION_STATE:
		return fits_session_body(c, body);
	case IN_ACCOUNT_NOTICE:
		return same_text(e->u.account_notice.text, body);
	case IN_TEMPLATE_STATUS:
		return same_text(e->u.template_status.status, body) || same_text(e->u.template_status.quality, body);
	case IN_REVOKE: /* has no text */
		return body.n == 0;
	default:
		return false;
	}
}

static bool fits_body_sha256(const struct cmp *c, const json *want)
{
	uint8_t hash[32];
	char hex[64];

	sha256(c->s->m->body, hash);
	hex_encode(hash, sizeof(hash), hex);
	return str_eq(json_str(want), (struct str){ hex, sizeof(hex) });
}

static bool is_number(const json *want, int64_t n)
{
	int64_t w;

	return json_to_i64(want, &w) && w == n;
}

static bool fits_body_chars(const struct cmp *c, const json *want)
{
	return is_number(want, (int64_t)utf8_length(c->s->m->body));
}

static bool fits_ts(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->ms / 1000) && !c->s->e->time_suspect;
}

static bool fits_created(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->state->group_created_ms / 1000);
}

static bool fits_target_id(const struct cmp *c, const json *want)
{
	const struct target *t = target_of(c->s);

	return t && target_is(c->run, t, json_str(want));
}

static bool fits_target_stanza(const struct cmp *c, const json *want)
{
	const struct target *t = target_of(c->s);

	return t && (str_eq(t->stanza, json_str(want)) || has_suffix(t->key, json_str(want)));
}

static bool fits_participant(const struct cmp *c, const json *want)
{
	return party_has(&c->s->e->u.status.participant, json_str(want));
}

static bool has_participant(const struct participant *list, size_t n, struct str want)
{
	struct str address, role;

	str_cut(want, ':', &address, &role);
	for (size_t i = 0; i < n; i++) {
		if (!party_has(&list[i].party, address))
			continue;
		if (str_is(role, "superadmin"))
			return list[i].super_admin;
		return str_is(role, "admin") ? list[i].admin : true;
	}
	return false;
}

static bool fits_participants(const struct cmp *c, const json *want)
{
	const struct in_group_change *g = &c->s->e->u.group_change;
	const struct participant *list = c->s->state ? c->s->state->participants : g->participants;
	size_t n = c->s->state ? c->s->state->n_participants : g->n_participants;
	struct json_iter it = json_iter(want);
	const json *v;

	if (n != json_count(want) || (c->s->state && !c->s->state->has_participants))
		return false;
	while ((v = json_next(&it)))
		if (!has_participant(list, n, json_str(v)))
			return false;
	return true;
}

static bool fits_unread(const struct cmp *c, const json *want)
{
	return c->s->state->has_unread && is_number(want, c->s->state->unread);
}

static bool fits_archived(const struct cmp *c, const json *want)
{
	return c->s->state->has_archived && c->s->state->archived == json_true(want);
}

static bool fits_error_code(const struct cmp *c, const json *want)
{
	const struct provider_error *e = error_of(c->s);

	return e && str_eq(e->code, json_text(want, c->run->arena));
}

static bool fits_reply_to(const struct cmp *c, const json *want)
{
	return c->s->m->quoted.present && target_is(c->run, &c->s->m->quoted.target, json_str(want));
}

static bool fits_media_id(const struct cmp *c, const json *want)
{
	return c->s->m->media.present && str_eq(c->s->m->media.provider_media_id, json_str(want));
}

static bool fits_mime(const struct cmp *c, const json *want)
{
	return c->s->m->media.present && str_eq(c->s->m->media.mime, json_str(want));
}

static bool fits_standby(const struct cmp *c, const json *want)
{
	return contains(c->s->m->extra, STR("\"standby\":true")) == json_true(want);
}

static bool fits_echo(const struct cmp *c, const json *want)
{
	return (c->s->m->direction == DIR_OUTBOUND) == json_true(want);
}

static bool fits_subtype(const struct cmp *c, const json *want)
{
	struct json_doc *doc = NULL;
	bool fits;

	if (c->s->m->extra.n == 0)
		return json_type(want) == JSON_NULL;
	if (json_parse(&doc, c->s->m->extra, NULL) < 0)
		return false;
	fits = same_text(json_str(json_path(json_root(doc), "unsupported.type")), json_str(want));
	json_free(doc);
	return fits;
}

static bool fits_selected(const struct cmp *c, const json *want)
{
	return contains(c->s->m->extra, json_str(want));
}

/* A provider's word or number for the status of a message that the account sent; of inbound messages no status is
 * kept. */
static bool fits_ack(const struct cmp *c, const json *want)
{
	static const struct {
		const char *word;
		enum message_status status;
	} words[] = {
		{ "0", STATUS_PENDING },
		{ "1", STATUS_SENT },
		{ "SERVER_ACK", STATUS_SENT },
		{ "2", STATUS_DELIVERED },
		{ "DELIVERY_ACK", STATUS_DELIVERED },
		{ "3", STATUS_READ },
		{ "READ", STATUS_READ },
	};
	struct str word = json_text(want, c->run->arena);

	if (!c->s->m || c->s->m->direction != DIR_OUTBOUND)
		return true;
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_is(word, words[i].word))
			return c->s->m->status == words[i].status;
	return false;
}

static bool fits_history_status(const struct cmp *c, const json *want)
{
	static const struct {
		const char *word;
		enum message_status status;
	} words[] = {
		{ "READ", STATUS_READ },
		{ "DELIVERED", STATUS_DELIVERED },
		{ "PENDING", STATUS_PENDING },
		{ "ERROR", STATUS_FAILED },
	};

	for (size_t i = 0; i < COUNT(words); i++)
		if (str_is(json_str(want), words[i].word))
			return c->s->m->status == words[i].status;
	return false;
}

static bool fits_phase(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.history_state.phase);
}

static bool fits_chunk(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.history_state.chunk);
}

static bool fits_progress(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.history_state.progress);
}

static bool fits_action(const struct cmp *c, const json *want)
{
	return str_is(json_str(want), c->s->e->u.contact.action == CONTACT_REMOVE ? "remove" : "add") &&
		c->s->e->u.contact.from_address_book;
}

static bool fits_old(const struct cmp *c, const json *want)
{
	return party_has(&c->s->e->u.identity_change.old_party, json_str(want));
}

static bool fits_new(const struct cmp *c, const json *want)
{
	return party_has(&c->s->e->u.identity_change.new_party, json_str(want));
}

static bool fits_phone(const struct cmp *c, const json *want)
{
	return str_eq(c->s->e->u.contact.party.phone, json_str(want));
}

static bool fits_sync_id(const struct cmp *c, const json *want)
{
	struct str id = c->s->e->u.sync_batch_end.sync_id;

	return json_type(want) == JSON_NULL ? str_starts(id, STR("s:")) : str_eq(id, json_str(want));
}

static bool fits_index(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.sync_batch_end.index);
}

static bool fits_total(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.sync_batch_end.total);
}

static bool fits_last(const struct cmp *c, const json *want)
{
	return c->s->e->u.sync_batch_end.last == json_true(want);
}

static bool fits_chats(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.sync_batch_end.chats);
}

static bool fits_rejected(const struct cmp *c, const json *want)
{
	return is_number(want, c->s->e->u.sync_batch_end.rejected);
}

static const struct key {
	const char *name;
	bool (*fits)(const struct cmp *c, const json *want);
} keys[] = {
	{ "kind", fits_always },
	{ "source", fits_always }, /* app or api: the message key shows the direction */
	{ "channel", fits_channel },
	{ "id", fits_id },
	{ "stanza_id", fits_stanza },
	{ "chat", fits_chat },
	{ "chat_alias", fits_chat_alias },
	{ "sender", fits_sender },
	{ "sender_alias", fits_sender },
	{ "direction", fits_direction },
	{ "type", fits_type },
	{ "body", fits_body },
	{ "body_sha256", fits_body_sha256 },
	{ "body_chars", fits_body_chars },
	{ "ts", fits_ts },
	{ "created", fits_created },
	{ "target_id", fits_target_id },
	{ "target_stanza", fits_target_stanza },
	{ "participant", fits_participant },
	{ "participants", fits_participants },
	{ "unread", fits_unread },
	{ "archived", fits_archived },
	{ "error_code", fits_error_code },
	{ "reply_to", fits_reply_to },
	{ "reply_to_stanza", fits_reply_to },
	{ "media_id", fits_media_id },
	{ "mime", fits_mime },
	{ "echo", fits_echo },
	{ "standby", fits_standby },
	{ "subtype", fits_subtype },
	{ "selected", fits_selected },
	{ "ack", fits_ack },
	{ "history_status", fits_history_status },
	{ "phase", fits_phase },
	{ "chunk", fits_chunk },
	{ "progress", fits_progress },
	{ "action", fits_action },
	{ "old", fits_old },
	{ "new", fits_new },
	{ "phone", fits_phone },
	{ "sync_id", fits_sync_id },
	{ "index", fits_index },
	{ "total", fits_total },
	{ "last", fits_last },
	{ "chats", fits_chats },
	{ "rejected", fits_rejected },
};

/* ---- comparing: an event, a list */

static bool is_message_of(const struct seen *s, enum origin origin)
{
	return s->m && s->e->origin == origin;
}

static bool kind_fits(const struct seen *s, struct str kind)
{
	static const struct {
		const char *word;
		enum inbound_kind kind;
	} words[] = {
		{ "status", IN_STATUS },
		{ "edit", IN_EDIT },
		{ "revoke", IN_REVOKE },
		{ "reaction", IN_REACTION },
		{ "poll_vote", IN_POLL_VOTE },
		{ "group", IN_GROUP_CHANGE },
		{ "sync_end", IN_SYNC_BATCH_END },
		{ "history_progress", IN_HISTORY_STATE },
		{ "contact_upsert", IN_CONTACT },
		{ "contact_sync", IN_CONTACT },
		{ "contact_changed", IN_IDENTITY_CHANGE },
		{ "identity_alias", IN_IDENTITY_CHANGE },
		{ "user_preference", IN_OPT_OUT },
		{ "session", IN_SESSION_STATE },
		{ "account", IN_ACCOUNT_NOTICE },
		{ "account", IN_TEMPLATE_STATUS },
		{ "call", IN_CALL },
	};

	if (str_is(kind, "message") || str_is(kind, "message_pending"))
		return is_message_of(s, ORIGIN_LIVE);
	if (str_is(kind, "history_message") || str_is(kind, "history_media"))
		return is_message_of(s, ORIGIN_HISTORY) || is_message_of(s, ORIGIN_SYNC);
	if (str_is(kind, "chat_upsert"))
		return s->state != NULL;
	if (str_is(kind, "channel_error"))
		return s->e->kind == IN_ACCOUNT_NOTICE && str_eq(s->e->u.account_notice.kind, kind);
	if (str_is(kind, "history_declined"))
		return s->e->kind == IN_HISTORY_STATE && s->e->u.history_state.declined;
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_is(kind, words[i].word) && s->e->kind == words[i].kind)
			return true;
	return false;
}

static bool key_fits(const struct cmp *c, struct str name, const json *want)
{
	for (size_t i = 0; i < COUNT(keys); i++)
		if (str_is(name, keys[i].name))
			return keys[i].fits(c, want);
	return false;
}

/* The number of keys that differ; their names are appended to `which`. */
static size_t misfits(const struct cmp *c, const json *want, char *which, size_t size)
{
	struct json_iter it = json_iter(want);
	size_t n = 0, used = 0;
	const json *v;

	which[0] = 0;
	while ((v = json_next(&it))) {
		if (key_fits(c, json_iter_key(&it), v))
			continue;
		n++;
		if (used < size)
			used += (size_t)snprintf(which + used, size - used, " %.*s", STR_ARG(json_iter_key(&it)));
	}
	return n;
}

/* Marks the expected event as found, or reports how the most similar event differs. */
static int event_compare(struct run *r, const json *want)
{
	struct str kind = json_str(json_get(want, "kind"));
	size_t best = SIZE_MAX;
	char which[512], nearest[512] = " (no such kind)";

	for (size_t i = 0; i < r->n_seen; i++) {
		struct cmp c = { r, &r->seen[i], kind };
		size_t n;

		if (r->seen[i].used || !kind_fits(&r->seen[i], kind))
			continue;
		n = misfits(&c, want, which, sizeof(which));
		if (n == 0) {
			r->seen[i].used = true;
			return 0;
		}
		if (n < best) {
			best = n;
			memcpy(nearest, which, sizeof(nearest));
		}
	}
	print_error("%s: %.*s %.*s: differs in%s\n", r->file, STR_ARG(kind), STR_ARG(json_str(json_get(want, "id"))),
		nearest);
	return 1;
}

static int ignored_compare(const struct run *r, struct str kind)
{
	for (size_t i = 0; i < r->in.n_ignored; i++)
		if (str_is(kind, r->in.ignored[i].kind) || str_is(kind, "ignored"))
			return 0;
	print_error("%s: %.*s: not counted as ignored\n", r->file, STR_ARG(kind));
	return 1;
}

static bool reject_is(const struct intake_reject *got, const json *want)
{
	int64_t item;

	if (json_get(want, "path") && !str_eq(got->path, json_str(json_get(want, "path"))))
		return false;
	if (json_to_i64(json_get(want, "item"), &item) && got->item != (size_t)item)
		return false;
	return str_eq(got->message, json_str(json_get(want, "reason")));
}

/* An expected status means that the whole body was rejected; the 200 of a dead letter of Meta's is 400 in other
 * dialects. */
static int rejected_compare(const struct run *r, const json *want)
{
	int64_t status = 0;
	char code[16];

	json_to_i64(json_get(want, "status"), &status);
	snprintf(code, sizeof(code), "%" PRId64, status == 200 ? 400 : status);
	if ((status > 0) != (r->rc < 0) || (r->rc < 0 && strcmp(r->err.code, code) != 0)) {
		print_error("%s: answered %d %s\n", r->file, r->rc, r->rc < 0 ? r->err.code : "");
		return 1;
	}
	if (!json_get(want, "path"))
		return 0;
	for (size_t i = 0; i < r->in.n_rejected; i++)
		if (reject_is(&r->in.rejected[i], want))
			return 0;
	print_error("%s: no such rejected item\n", r->file);
	return 1;
}

static int one_compare(struct run *r, const json *want)
{
	struct str kind = json_str(json_get(want, "kind"));

	if (str_is(kind, "rejected"))
		return rejected_compare(r, want);
	if (str_is(kind, "status_post") || str_is(kind, "newsletter_post") || str_is(kind, "ignored"))
		return ignored_compare(r, kind);
	return event_compare(r, want);
}

static int leftovers(const struct run *r, size_t expected_rejects)
{
	int bad = 0;

	for (size_t i = 0; i < r->n_seen; i++)
		if (!r->seen[i].used) {
			print_error("%s: nobody expected a %s\n", r->file, inbound_kind_word(r->seen[i].e->kind));
			bad++;
		}
	if (r->in.n_rejected > expected_rejects) {
		print_error("%s: %.*s: %.*s\n", r->file, STR_ARG(r->in.rejected[0].path),
			STR_ARG(r->in.rejected[0].message));
		bad++;
	}
	return bad;
}

static int list_compare(struct run *r, const json *want)
{
	struct json_iter it = json_iter(want);
	size_t rejects = 0;
	const json *v;
	int bad = 0;

	while ((v = json_next(&it))) {
		rejects += str_is(json_str(json_get(v, "kind")), "rejected");
		bad += one_compare(r, v);
	}
	return bad + leftovers(r, rejects);
}

/* Of a long list only the count and both ends are written down. */
static int ends_compare(struct run *r, const json *want)
{
	char which[512];
	struct cmp first = { r, &r->seen[0], json_str(json_path(want, "first.kind")) };
	struct cmp last = { r, &r->seen[r->n_seen - 1], json_str(json_path(want, "last.kind")) };

	if (r->n_seen == 0 || !is_number(json_get(want, "_count"), (int64_t)r->n_seen)) {
		print_error("%s: %zu events\n", r->file, r->n_seen);
		return 1;
	}
	if (misfits(&first, json_get(want, "first"), which, sizeof(which)) ||
		misfits(&last, json_get(want, "last"), which, sizeof(which))) {
		print_error("%s: differs in%s\n", r->file, which);
		return 1;
	}
	return 0;
}

/* ---- what holds for every body */

static unsigned turn_of(const struct inbound_event *e)
{
	if (e->kind == IN_STATUS)
		return 2;
	return e->kind == IN_EDIT || e->kind == IN_REVOKE || e->kind == IN_REACTION || e->kind == IN_POLL_VOTE;
}

static int records_check(const struct run *r)
{
	struct inbound_event back;
	struct err err;
	int bad = 0;

	for (size_t i = 0; i < r->in.n_events; i++) {
		if (inbound_decode(&back, r->in.records[i], r->arena, &err) < 0 ||
			!uuid_eq(&back.id, &r->in.events[i]->id)) {
			print_error("%s: event %zu does not come back: %s\n", r->file, i, err.msg);
			bad++;
		}
		if (i > 0 && turn_of(r->in.events[i - 1]) > turn_of(r->in.events[i])) {
			print_error("%s: event %zu comes too late\n", r->file, i);
			bad++;
		}
	}
	return bad;
}

static bool is_secret(struct str name)
{
	for (size_t i = 0; i < intake_secret_members_count; i++)
		if (str_is(name, intake_secret_members[i]))
			return true;
	return false;
}

static int secret_check(const struct run *r, struct str secret)
{
	for (size_t i = 0; i < r->in.n_events; i++)
		if (contains(r->in.records[i], secret)) {
			print_error("%s: a secret in event %zu\n", r->file, i);
			return 1;
		}
	for (size_t i = 0; i < r->in.n_rejected; i++)
		if (contains(r->in.rejected[i].body, secret)) {
			print_error("%s: a secret in a rejected item\n", r->file);
			return 1;
		}
	return 0;
}

static int secrets_check(const struct run *r, const json *v, bool inside)
{
	struct json_iter it = json_iter(v);
	int bad = inside && json_str(v).n >= 12 ? secret_check(r, json_str(v)) : 0;
	const json *child;

	while ((child = json_next(&it)))
		bad += secrets_check(r, child, inside || is_secret(json_iter_key(&it)));
	return bad;
}

static int body_run(struct run *r, const json *body, const json *want)
{
	r->arena = arena_new(65536);
	intake_init(&r->in, r->arena, NOW_MS, r->dialect->provider == PROVIDER_META ? NULL : &account);
	r->in.by_phone_number_id = by_number;
	r->in.by_waba = by_waba;
	r->rc = r->dialect->read(&r->in, body, &r->err);
	if (r->rc < 0)
		r->in.n_events = 0;
	intake_finish(&r->in);
	see(r);
	return (json_is_arr(want) ? list_compare(r, want) : ends_compare(r, want)) + records_check(r) +
		secrets_check(r, body, false);
}

static int file_run(const struct dialect *dialect, const char *file, const json *want)
{
	struct run r = { .file = file, .dialect = dialect };
	struct str text = workspace_put(file_read(file));
	struct json_doc *doc = NULL;
	int bad;

	if (json_parse(&doc, text, &r.err) < 0)
		fail_msg("%s: %s", file, r.err.msg);
	bad = body_run(&r, json_root(doc), want);
	arena_free(r.arena);
	json_free(doc);
	free((char *)(uintptr_t)text.p);
	return bad;
}

static void every_body_becomes_the_expected_events(void **state)
{
	const struct dialect *dialect = *state;
	struct str text = file_read("expected.json");
	struct json_doc *doc = NULL;
	struct json_iter it;
	size_t files = 0;
	const json *want;
	int bad = 0;

	account.provider = dialect->provider;
	account.bridge = dialect->bridge;
	assert_true(uuid_parse(STR(WORKSPACE), &account.workspace));
	assert_int_equal(json_parse(&doc, text, NULL), 0);
	it = json_iter(json_get(json_root(doc), "files"));
	while ((want = json_next(&it))) {
		char file[256];

		if (!str_starts(json_iter_key(&it), str_of(dialect->folder)))
			continue;
		snprintf(file, sizeof(file), "%.*s", STR_ARG(json_iter_key(&it)));
		bad += file_run(dialect, file, want);
		files++;
	}
	json_free(doc);
	free((char *)(uintptr_t)text.p);
	assert_true(files > 0);
	assert_int_equal(bad, 0);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(dialects)];

	for (size_t i = 0; i < COUNT(dialects); i++)
		tests[i] = (struct CMUnitTest){ dialects[i].folder, every_body_becomes_the_expected_events, NULL, NULL,
			(void *)(uintptr_t)&dialects[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
