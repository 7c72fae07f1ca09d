/* The intake that dialects fill. Invariant: every event in it has an id, was checked and is encoded; an event that
 * fails the check is a rejected item instead.
 */
#include "ingest/dialects/intake.h"

#include <string.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "crypto/digest.h"

#define YEAR_2009_MS INT64_C(1230768000000) /* WhatsApp's first year */
#define DAY_MS       INT64_C(86400000)

const char *const intake_secret_members[] = {
	"apikey",
	"apiKey",
	"api_key",
	"apiToken",
	"token",
	"accessToken",
	"access_token",
	"secret",
	"password",
	"mediaKey",
	"media_key",
	"messageSecret",
	"base64",
	"jpegThumbnail",
	"thumbnail",
	"thumbnailBase64",
	"qr",
	"qrcode",
	"qrCode",
	"pairingCode",
	"pairing_code",
};
const size_t intake_secret_members_count = sizeof(intake_secret_members) / sizeof(intake_secret_members[0]);

void intake_init(struct intake *in, struct arena *arena, int64_t now_ms, const struct intake_account *account)
{
	*in = (struct intake){ .arena = arena, .now_ms = now_ms, .account = account };
	in->used_before = arena_used_bytes(arena);
	in->max_bytes = INTAKE_MEMORY_MAX_BYTES;
}

void intake_bound(struct intake *in, size_t body_bytes)
{
	const size_t most = (INTAKE_MEMORY_MAX_BYTES - INTAKE_MEMORY_SPARE_BYTES) / INTAKE_MEMORY_FACTOR;

	in->max_bytes = INTAKE_MEMORY_SPARE_BYTES + INTAKE_MEMORY_FACTOR * (body_bytes < most ? body_bytes : most);
}

bool intake_is_full(struct intake *in)
{
	if (in->n_items > INTAKE_MAX_ITEMS || arena_used_bytes(in->arena) - in->used_before > in->max_bytes)
		in->too_large = true;
	return in->too_large;
}

int intake_too_large(struct err *err)
{
	return err_reject(err, DEAD_TOO_LARGE, "too many items, or too many rejected items");
}

void intake_delivery(struct intake *in, struct str id, struct str time)
{
	int64_t seconds;

	if (!str_to_i64(time, &seconds))
		return;
	in->delivery_id = id;
	in->delivery_time_ms = seconds * 1000;
}

/* What intake_event() allocates: the event and its account. */
struct made_event {
	struct inbound_event event; /* first member, so that a pointer to it also points to the whole */
	const struct intake_account *account;
};

struct inbound_event *intake_event(struct intake *in, const struct intake_account *account, enum inbound_kind kind)
{
	struct made_event *made = in->unused ? in->unused : ARENA_NEW(in->arena, struct made_event);

	in->unused = made;
	*made = (struct made_event){ .account = NULL };
	made->account = account;
	made->event.workspace = account->workspace;
	made->event.account = account->id;
	made->event.provider = account->provider;
	made->event.bridge = account->bridge;
	made->event.ingest_time_ms = in->now_ms;
	made->event.origin = ORIGIN_LIVE;
	made->event.kind = kind;
	return &made->event;
}

bool intake_time_is_suspect(const struct intake *in, int64_t source_time_ms)
{
	return source_time_ms != 0 && (source_time_ms < YEAR_2009_MS || source_time_ms > in->now_ms + DAY_MS);
}

void intake_time(struct intake *in, struct inbound_event *e, int64_t source_time_ms)
{
	if (source_time_ms == 0)
		return;
	e->time_suspect = intake_time_is_suspect(in, source_time_ms);
	if (source_time_ms > 0 && source_time_ms <= WIRE_MAX_TIME_MS)
		e->source_time_ms = source_time_ms;
}

struct str intake_json(struct intake *in, const json *v)
{
	struct buf out = BUF_INIT;
	struct str text = STR_NONE;

	if (json_write_without(v, intake_secret_members, intake_secret_members_count, &out, NULL) == 0)
		text = arena_str(in->arena, buf_str(&out));
	buf_fini(&out);
	return text;
}

void intake_envelope(struct intake *in, struct json_writer *w, const json *from, const char *const *names)
{
	for (; *names; names++) {
		const json *v = json_get(from, *names);

		if (json_type(v) == JSON_STR)
			jw_member_str(w, *names, utf8_truncate(json_str(v), INTAKE_MAX_ENVELOPE_BYTES));
		else
			jw_member_raw(w, *names, json_text(v, in->arena));
	}
}

void intake_raw_text(struct intake *in, struct inbound_event *e, struct str text)
{
	e->raw = utf8_truncate(text, WIRE_MAX_RAW_BYTES);
	e->raw_truncated = e->raw.n < text.n;
	if (e->raw_truncated) {
		uint8_t *hash = arena_alloc(in->arena, 32);

		sha256(text, hash);
		e->raw_sha256 = (struct str){ (const char *)hash, 32 };
	}
}

void intake_raw(struct intake *in, struct inbound_event *e, const json *item)
{
	intake_raw_text(in, e, intake_json(in, item));
}

static void event_push(struct intake *in, struct inbound_event *e, struct str record)
{
	size_t cap = in->cap_events;

	in->events = vec_grow_in(in->arena, in->events, in->n_events, &in->cap_events, sizeof(struct inbound_event *));
	in->records = vec_grow_in(in->arena, in->records, in->n_events, &cap, sizeof(struct str));
	in->events[in->n_events] = e;
	in->records[in->n_events++] = record;
}

/* A later part of a chat; only the first part carries the chat's raw JSON. */
static bool is_continued(const struct inbound_event *e)
{
	return e->kind == IN_SYNC_CHAT && e->u.sync_chat.continued;
}

/* An event without a time of its own, in a signed delivery, gets the delivery's time, and an id from the delivery and
 * the item's index in it: not from the ingest time, which is new when the sender retries. Chats and the ends of a sync
 * keep their own time, or none. */
static void id_derive(const struct intake *in, struct inbound_event *e, struct str provider_key, struct str content)
{
	struct inbound_event timeless;

	if (e->source_time_ms != 0 || in->delivery_id.n == 0 || e->kind == IN_SYNC_CHAT ||
		e->kind == IN_SYNC_BATCH_END) {
		inbound_derive_id(e, provider_key, content);
		return;
	}
	timeless = *e;
	timeless.ingest_time_ms = 0;
	content = arena_printf(in->arena, "%zu:%.*s:%.*s", in->n_items, STR_ARG(in->delivery_id), STR_ARG(content));
	inbound_derive_id(&timeless, provider_key, content);
	e->id = timeless.id;
	e->source_time_ms = in->delivery_time_ms;
}

bool intake_add(struct intake *in, struct inbound_event *e, struct str provider_key, struct str content,
	struct str path, struct str (*body)(void *ctx), void *body_ctx)
{
	const struct made_event *made = (const struct made_event *)(const void *)e;
	struct str record;
	struct err err;

	if (e->time_suspect && !e->raw.p && body && !is_continued(e))
		intake_raw_text(in, e, body(body_ctx));
	id_derive(in, e, provider_key, content);
	if (inbound_check(e, &err) < 0 || inbound_encode(e, in->arena, &record, &err) < 0) {
		intake_reject(in, made->account, err.reason, path, body ? body(body_ctx) : STR_NONE, err.msg);
		return false;
	}
	event_push(in, e, record);
	in->unused = NULL;
	in->n_items++;
	return true;
}

static void rejected_push(struct intake *in, const struct intake_account *account, enum dead_reason reason,
	struct str path, struct str body, const char *message)
{
	in->rejected_bytes += body.n;
	in->rejected =
		vec_grow_in(in->arena, in->rejected, in->n_rejected, &in->cap_rejected, sizeof(struct intake_reject));
	in->rejected[in->n_rejected++] = (struct intake_reject){
		.account = account,
		.path = path,
		.message = arena_str(in->arena, str_of(message)),
		.reason = reason,
		.body = body,
		.item = in->n_items++,
	};
}

void intake_reject(struct intake *in, const struct intake_account *account, enum dead_reason reason, struct str path,
	struct str body, const char *message)
{
	if (in->n_rejected == INTAKE_MAX_REJECTED || in->rejected_bytes + body.n > INTAKE_MAX_REJECTED_BYTES)
		in->too_large = true;
	else
		rejected_push(in, account, reason, path, body, message);
}

void intake_reject_whole(struct intake *in, enum dead_reason reason, struct str body, const char *message)
{
	in->n_events = in->n_rejected = in->n_ignored = in->n_qr = 0;
	rejected_push(in, in->account, reason, STR(""), body, message);
}

void intake_ignore(struct intake *in, const char *kind)
{
	const size_t max = sizeof(in->ignored) / sizeof(in->ignored[0]);
	size_t i = 0;

	in->n_items++;
	while (i < in->n_ignored && strcmp(in->ignored[i].kind, kind) != 0)
		i++;
	if (i == max)
		i--;
	if (i == in->n_ignored)
		in->ignored[in->n_ignored++].kind = kind;
	in->ignored[i].n++;
}

void intake_keep_qr(struct intake *in, const struct intake_account *account, struct str code, bool pairing)
{
	const struct intake_qr qr = { account, code, pairing };

	for (size_t i = 0; i < in->n_qr; i++)
		if (in->qr[i].account == account) {
			in->qr[i] = qr;
			return;
		}
	in->qr = vec_grow_in(in->arena, in->qr, in->n_qr, &in->cap_qr, sizeof(struct intake_qr));
	in->qr[in->n_qr++] = qr;
}

/* The sort order: events that refer to a message follow it; statuses come last (README.md, Reading). */
static unsigned turn_of(enum inbound_kind kind)
{
	switch (kind) {
	case IN_EDIT:
	case IN_REVOKE:
	case IN_REACTION:
	case IN_POLL_VOTE:
		return 1;
	case IN_STATUS:
		return 2;
	case IN_NONE:
	case IN_MESSAGE:
	case IN_GROUP_CHANGE:
	case IN_CHAT_STATE:
	case IN_SYNC_CHAT:
	case IN_SYNC_BATCH_END:
	case IN_HISTORY_STATE:
	case IN_CONTACT:
	case IN_IDENTITY_CHANGE:
	case IN_OPT_OUT:
	case IN_SESSION_STATE:
	case IN_ACCOUNT_NOTICE:
	case IN_TEMPLATE_STATUS:
	case IN_CALL:
	case IN_READ_MARKER:
	case IN_MESSAGE_DELETE:
	case IN_DISPATCH:
	case IN_CONTACT_ERASE:
	case IN_KINDS:
		break;
	}
	return 0;
}

void intake_finish(struct intake *in)
{
	struct inbound_event **events = ARENA_ARRAY(in->arena, struct inbound_event *, in->n_events);
	struct str *records = ARENA_ARRAY(in->arena, struct str, in->n_events);
	size_t n = 0;

	for (unsigned turn = 0; turn <= 2; turn++)
		for (size_t i = 0; i < in->n_events; i++)
			if (turn_of(in->events[i]->kind) == turn) {
				events[n] = in->events[i];
				records[n++] = in->records[i];
			}
	in->events = events;
	in->records = records;
	in->cap_events = n;
}
