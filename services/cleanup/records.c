/* See records.h. Invariant: what is emitted passes inbound_check(), and the id of an event depends on what happened only, so that a repeat
 * has no effect. */
#include "cleanup/records.h"

#include <inttypes.h>

#include "base/log.h"
#include "crypto/ids.h"
#include "wire/chat_event.h"
#include "wire/cloudevents.h"
#include "json/writer.h"

#define SOURCE STR("cleanup")

static void emit(const struct record_target *to, enum topic topic, const char *family, const char *kind,
	const struct uuid *id, const char *key, struct str value, int64_t time_ms)
{
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	size_t n = cloudevents_headers(headers, &storage, id, family, kind, SOURCE, time_ms, STR_NONE);

	lease_emit(to->lease, str_of(to->topics->of[topic]), str_of(key), value, headers, n);
}

static void not_emitted(const char *kind, const struct cleanup_account *account, const struct err *err)
{
	char id[37];

	uuid_format(&account->uuid, id);
	log_error("record not published", LOG_S("kind", kind), LOG_S("account", id), LOG_ERR(err));
}

static struct inbound_event event_of(const struct record_target *to, const struct cleanup_account *account,
	enum inbound_kind kind, int64_t at_us)
{
	return (struct inbound_event){ .kind = kind,
		.workspace = account->workspace,
		.account = account->uuid,
		.provider = account->provider,
		.bridge = account->bridge,
		.source_time_ms = at_us / 1000,
		.ingest_time_ms = to->now_ms,
		.origin = ORIGIN_LIVE };
}

static void inbound_emit(const struct record_target *to, const struct cleanup_account *account,
	const struct inbound_event *e)
{
	const char *kind = inbound_kind_word(e->kind);
	struct str value;
	struct err err;
	char key[74];

	if (inbound_check(e, &err) < 0 || inbound_encode(e, to->arena, &value, &err) < 0) {
		not_emitted(kind, account, &err);
		return;
	}
	inbound_key(e, key);
	emit(to, TOPIC_INBOUND, "inbound", kind, &e->id, key, value, inbound_time_ms(e));
}

/* UUIDv8 of (account, what, word, time). */
static void id_derive(struct uuid *id, const struct cleanup_account *account, const char *what, const char *word,
	int64_t time_us, struct arena *a)
{
	const struct str parts[] = { uuid_bytes(&account->uuid), str_of(what), str_of(word),
		arena_printf(a, "%" PRId64, time_us) };

	uuid_v8(id, parts, sizeof(parts) / sizeof(parts[0]));
}

void record_session(const struct record_target *to, const struct cleanup_account *account,
	const struct session_record *s)
{
	struct inbound_event e = event_of(to, account, IN_SESSION_STATE, s->at_us);

	e.u.session_state = (struct in_session_state){ .state = s->state, .reason = s->reason, .phone = s->phone };
	id_derive(&e.id, account, "observed", s->state == SESSION_STARTING ? "starting" : session_status_word(s->state),
		account->status_at_us, to->arena);
	inbound_emit(to, account, &e);
}

void record_notice(const struct record_target *to, const struct cleanup_account *account, const struct notice_record *n)
{
	struct inbound_event e = event_of(to, account, IN_ACCOUNT_NOTICE, n->at_us);

	e.u.account_notice =
		(struct in_account_notice){ .kind = str_of(n->kind), .severity = n->severity, .text = n->text };
	id_derive(&e.id, account, "notice", n->kind, n->at_us, to->arena);
	inbound_emit(to, account, &e);
}

void record_read(const struct record_target *to, const struct cleanup_account *account, const struct uuid *conversation,
	int64_t read_ms)
{
	struct inbound_event e = event_of(to, account, IN_READ_MARKER, to->now_ms * 1000);
	char id[37];

	uuid_format(conversation, id);
	e.u.read_marker = (struct in_read_marker){ .conversation_id = str_of(id), .read_at_ms = read_ms };
	id_derive(&e.id, account, "read", id, read_ms, to->arena);
	inbound_emit(to, account, &e);
}

void record_erase(const struct record_target *to, const struct cleanup_account *account, const struct uuid *erasure,
	const struct in_contact_erase *what, struct str part)
{
	struct inbound_event e = event_of(to, account, IN_CONTACT_ERASE, to->now_ms * 1000);
	const struct str parts[] = { uuid_bytes(&account->uuid), uuid_bytes(erasure),
		arena_printf(to->arena, "%d", (int)what->stage), part };

	uuid_v8(&e.id, parts, sizeof(parts) / sizeof(parts[0]));
	e.u.contact_erase = *what;
	inbound_emit(to, account, &e);
}

void record_erasure(const struct record_target *to, const struct erasure_record *r, const char *word)
{
	struct buf value = BUF_INIT;
	struct err err;
	char key[74];

	erasure_record_key(r, key);
	if (erasure_record_encode(r, &value, &err) == 0)
		emit(to, TOPIC_ERASURE, "erasure", word, &r->erasure, key, buf_str(&value), to->now_ms);
	else
		log_error("erasure not recorded in the ledger", LOG_S("contact", key), LOG_ERR(&err));
	buf_fini(&value);
}

static void account_emit(const struct record_target *to, const struct cleanup_account *account,
	enum chat_event_kind kind, const struct ce_account *what, int64_t stamp)
{
	struct chat_event e = { .kind = kind,
		.workspace = account->workspace,
		.account = account->uuid,
		.occurred_at_ms = to->now_ms,
		.origin = ORIGIN_LIVE,
		.provider = account->provider,
		.source = lease_source(to->lease) };
	struct buf value = BUF_INIT;
	struct err err;
	char key[74];

	e.u.account = *what;
	id_derive(&e.id, account, chat_event_type(kind), "", stamp, to->arena);
	chat_event_key(&e, key);
	if (chat_event_encode(&e, &value, &err) == 0)
		emit(to, TOPIC_CHAT_EVENT, "chat_event", chat_event_type(kind), &e.id, key, buf_str(&value),
			to->now_ms);
	else
		not_emitted(chat_event_type(kind), account, &err);
	buf_fini(&value);
}

void record_migrated(const struct record_target *to, const struct cleanup_account *account, int64_t from, int64_t index,
	const char *why)
{
	struct buf extra = BUF_INIT;
	struct json_writer w = json_writer(&extra);

	jw_obj(&w);
	jw_member_i64(&w, "from", from);
	jw_member_i64(&w, "to", index);
	jw_obj_end(&w);
	account_emit(to, account, CE_ACCOUNT_MIGRATED,
		&(struct ce_account){ .kind = str_of(why), .severity = STR("info"), .extra = buf_str(&extra) },
		account->control.epoch);
	buf_fini(&extra);
}

void record_cleaned(const struct record_target *to, const struct cleanup_account *account, const char *reason)
{
	account_emit(to, account, CE_ACCOUNT_CLEANED,
		&(struct ce_account){ .kind = str_of(reason), .severity = STR("info") }, account->desired_us);
}
