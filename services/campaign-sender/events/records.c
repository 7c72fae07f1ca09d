/* Records of inbound; see records.h. Invariant: what is emitted has passed inbound_check(), so that chat-sync never rejects it; and the id of an event
 * depends on what happened only, so that a repeat has no effect. */
#include "campaign-sender/events/private.h"

#include "base/log.h"
#include "base/utf8.h"
#include "crypto/ids.h"
#include "wire/cloudevents.h"
#include "json/writer.h"

#define SOURCE STR("campaign-sender")

void record_emit(const struct record_target *to, const struct record_names *names, const struct uuid *id,
	const char *key, struct str value, int64_t time_ms)
{
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	size_t n = cloudevents_headers(headers, &storage, id, names->family, names->kind, SOURCE, time_ms, STR_NONE);

	owner_tx_emit(to->tx, to->partition, str_of(to->topics->of[names->topic]), str_of(key), value, headers, n);
}

void record_not_emitted(const char *kind, const struct uuid *subject, const struct err *err)
{
	char id[37];

	uuid_format(subject, id);
	log_error("record not published", LOG_S("kind", kind), LOG_S("subject", id), LOG_ERR(err));
}

struct str record_text(struct str text, size_t max_bytes, struct arena *a)
{
	text = utf8_truncate(text, max_bytes);
	return text.n > 0 && utf8_storable(text) ? arena_str(a, text) : STR_NONE;
}

static struct inbound_event *event_new(const struct record_target *to, const struct account *account,
	enum inbound_kind kind, int64_t at_ms, struct arena *a)
{
	struct inbound_event *e = ARENA_NEW(a, struct inbound_event);

	e->kind = kind;
	e->workspace = account->workspace;
	e->account = account->uuid;
	e->provider = account->from.provider;
	e->bridge = account->from.bridge;
	e->source_time_ms = at_ms;
	e->ingest_time_ms = to->now_ms;
	e->origin = ORIGIN_LIVE;
	return e;
}

static void event_emit(const struct record_target *to, const struct inbound_event *e, struct arena *a)
{
	const char *kind = inbound_kind_word(e->kind);
	struct str value;
	struct err err;
	char key[74];

	if (inbound_check(e, &err) < 0 || inbound_encode(e, a, &value, &err) < 0) {
		record_not_emitted(kind, &e->account, &err);
		return;
	}
	inbound_key(e, key);
	record_emit(to, &(struct record_names){ TOPIC_INBOUND, "inbound", kind }, &e->id, key, value,
		inbound_time_ms(e));
}

/* UUIDv8 of (account, client_message_id, outcome), whenever it is published (proto/README.md, A Dispatch). */
static void outcome_id(struct inbound_event *e, struct str client_message_id, const char *outcome)
{
	const struct str parts[] = { uuid_bytes(&e->account), client_message_id, str_of(outcome) };

	uuid_v8(&e->id, parts, sizeof(parts) / sizeof(parts[0]));
}

/* A BSUID is one of the account's business portfolio. */
static struct chat_ref chat_of(const struct account *account, const struct chat_ref *to)
{
	struct chat_ref chat = *to;

	if (chat.contact.bsuid.n > 0 && chat.contact.bsuid_scope.n == 0)
		chat.contact.bsuid_scope = account->business_id;
	return chat;
}

static struct str user_of(const struct uuid *user, struct arena *a)
{
	char text[37];

	if (uuid_is_nil(user))
		return STR_NONE;
	uuid_format(user, text);
	return arena_str(a, str_of(text));
}

static void member_copy(struct json_writer *w, struct str key, const json *v)
{
	struct buf value = BUF_INIT;

	if (json_write_without(v, NULL, 0, &value, NULL) == 0) {
		jw_key_str(w, key);
		jw_raw(w, buf_str(&value));
	}
	buf_fini(&value);
}

/* The members of `extra` and wa_id, which may differ from the number dialled. */
static struct str metadata_of(struct str extra, struct str wa_id, struct arena *a)
{
	struct json_doc *doc = NULL;
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct json_iter it = json_iter(NULL);
	struct str metadata;
	const json *v;

	if (wa_id.n == 0 || (extra.n > 0 && json_parse(&doc, extra, NULL) < 0))
		return extra;
	if (doc)
		it = json_iter(json_root(doc));
	jw_obj(&w);
	while ((v = json_next(&it)))
		member_copy(&w, json_iter_key(&it), v);
	jw_member_str(&w, "wa_id", wa_id);
	jw_obj_end(&w);
	metadata = out.n <= WIRE_MAX_JSON_BYTES ? arena_str(a, buf_str(&out)) : extra;
	buf_fini(&out);
	json_free(doc);
	return metadata;
}

static void message_set(const struct dispatch_record *d, struct arena *a, struct in_message *out)
{
	const struct outgoing *o = d->outgoing;
	struct shown shown;

	outgoing_shown(&o->message, d->template, a, &shown);
	*out = (struct in_message){
		.chat = chat_of(d->account, &o->to_provider.to),
		.key = d->key,
		.provider_id = d->provider_id,
		.client_message_id = o->to_provider.client_message_id,
		.direction = DIR_OUTBOUND,
		.type = shown.type,
		.body = shown.body,
		.media = shown.media,
		.location = shown.location,
		.extra = metadata_of(shown.extra, d->wa_id, a),
		.user_id = user_of(&o->message.user, a),
	};
	out->quoted.target = o->message.reply_to;
	out->quoted.present = out->quoted.target.key.n > 0 || out->quoted.target.stanza.n > 0;
}

static struct provider_error error_of(const struct provider_error *error, struct arena *a)
{
	return (struct provider_error){
		.code = record_text(error->code, WIRE_MAX_ID_BYTES, a),
		.title = record_text(error->title, WIRE_MAX_NAME_BYTES, a),
		.details = record_text(error->details, WIRE_MAX_LINK_BYTES, a),
	};
}

static const char *outcome_word(enum dispatch_outcome outcome)
{
	return outcome == DISPATCH_SENT ? "sent" : outcome == DISPATCH_FAILED ? "failed" : "unknown";
}

static void message_emit(const struct record_target *to, const struct dispatch_record *d, struct arena *a)
{
	struct inbound_event *e = event_new(to, d->account, IN_DISPATCH, d->at_ms, a);

	message_set(d, a, &e->u.dispatch.message);
	e->u.dispatch.outcome = d->outcome;
	if (d->outcome == DISPATCH_FAILED)
		e->u.dispatch.error = error_of(&d->error, a);
	outcome_id(e, d->outgoing->to_provider.client_message_id, outcome_word(d->outcome));
	event_emit(to, e, a);
}

static void reaction_emit(const struct record_target *to, const struct dispatch_record *d, struct arena *a)
{
	const struct outgoing *o = d->outgoing;
	struct inbound_event *e = event_new(to, d->account, IN_REACTION, d->at_ms, a);

	e->u.reaction = (struct in_reaction){
		.target = o->message.reply_to,
		.chat = chat_of(d->account, &o->to_provider.to),
		.direction = DIR_OUTBOUND,
		.emoji = o->to_provider.emoji,
	};
	outcome_id(e, o->to_provider.client_message_id, "reaction");
	event_emit(to, e, a);
}

void record_dispatch(const struct record_target *to, const struct dispatch_record *d, struct arena *a)
{
	switch (d->outgoing->message.kind) {
	case SEND_MESSAGE:
		message_emit(to, d, a);
		break;
	case SEND_REACTION:
		if (d->outcome == DISPATCH_SENT)
			reaction_emit(to, d, a);
		break;
	case SEND_READ:
		break;
	}
}

void record_session(const struct record_target *to, const struct account *account, bool connected, struct str details,
	struct arena *a)
{
	struct inbound_event *e = event_new(to, account, IN_SESSION_STATE, to->now_ms, a);

	e->u.session_state = (struct in_session_state){
		.state = connected ? SESSION_CONNECTED : SESSION_DISCONNECTED,
		.reason = connected ? REASON_NONE : REASON_ERROR,
		.details = record_text(details, WIRE_MAX_NAME_BYTES, a),
	};
	inbound_derive_id(e, STR("session"), connected ? STR("connected") : STR("disconnected"));
	event_emit(to, e, a);
}

void record_opt_out(const struct record_target *to, const struct account *account, struct str address,
	struct str category, bool stop, int64_t at_ms, struct arena *a)
{
	struct inbound_event *e = event_new(to, account, IN_OPT_OUT, at_ms, a);
	struct chat_ref chat;

	address_chat(address, &chat);
	chat = chat_of(account, &chat);
	e->u.opt_out = (struct in_opt_out){ .party = chat.contact, .category = category, .stop = stop };
	inbound_derive_id(e, address, arena_printf(a, "%s %.*s", stop ? "stop" : "resume", STR_ARG(category)));
	event_emit(to, e, a);
}
