/* The result of reading one POST: filled by a dialect, then published.
 *
 * A dialect is a pure function from a parsed body to events, rejected items and counts of ignored items. It has no
 * access to sockets, Kafka, the database or a clock. An invalid item is rejected alone: it is added to `rejected` with
 * a path, a reason and a body of its own, which a replay can post again.
 *
 *   parsed body ──dialect──┬─ intake_add ──► events, encoded ──► published to `inbound`
 *                          ├─ intake_reject ──► rejected ──────► dead letters, and details in the response
 *                          └─ intake_ignore ──► ignored, counted by kind
 */
#ifndef INGEST_INTAKE_H
#define INGEST_INTAKE_H

#include "wire/inbound.h"
#include "json/json.h"
#include "json/writer.h"

/* Limits of one body (README.md, Bounds); a body that exceeds one is rejected as a whole. */
#define INTAKE_MAX_ITEMS          20000
#define INTAKE_MAX_REJECTED       1000
#define INTAKE_MAX_REJECTED_BYTES ((size_t)4 << 20) /* of the bodies of rejected items */
#define INTAKE_MEMORY_FACTOR      24 /* bytes of the arena for each byte of the body, plus a fixed amount */
#define INTAKE_MEMORY_SPARE_BYTES ((size_t)4 << 20)
#define INTAKE_MEMORY_MAX_BYTES   ((size_t)128 << 20)
/* Limit of an envelope member that is copied next to a rejected item. It is above the limit of ids, so that an id
 * that is too long stays too long when truncated: when replayed alone, the item is rejected for the same reason and
 * never names another chat. */
#define INTAKE_MAX_ENVELOPE_BYTES (WIRE_MAX_ID_BYTES + 4)

/* What the dialects need to know about an account. */
struct intake_account {
	struct uuid id, workspace;
	enum provider provider;
	enum bridge_kind bridge;
	struct str session_id, provider_ref, phone_number, phone_number_id, waba_id, business_id;
};

struct intake_reject {
	const struct intake_account *account; /* NULL: unknown */
	struct str path; /* "chats[1].contact_phone" */
	struct str message; /* one line for the client; never quotes the body */
	enum dead_reason reason;
	struct str body; /* the item alone in its envelope, secrets removed */
	size_t item; /* its index among the items of the POST */
};

/* Sealed later into account_qr; never in an event. */
struct intake_qr {
	const struct intake_account *account;
	struct str code;
	bool pairing; /* typed on the phone, instead of scanned */
};

struct intake {
	struct arena *arena;
	int64_t now_ms;
	const struct intake_account *account; /* from the URL or the session; NULL for Meta */
	/* Meta only: the accounts that the POST refers to, looked up beforehand (meta_references). */
	const struct intake_account *(*by_phone_number_id)(void *ctx, struct str id);
	/* All accounts of that WABA that belong to the app that signed; returns how many, fills at most max. */
	size_t (*by_waba)(void *ctx, struct str waba_id, const struct intake_account **out, size_t max);
	void *lookup_ctx;
	struct str delivery_id; /* of Standard Webhooks; absent: no verified one */
	int64_t delivery_time_ms;

	struct inbound_event **events; /* after intake_finish(): in the order in which they are published */
	struct str *records; /* the same events encoded, ready to be published */
	size_t n_events;
	struct intake_reject *rejected;
	size_t n_rejected;
	size_t rejected_bytes; /* total size of their bodies */
	struct intake_qr *qr; /* the latest code of each account */
	size_t n_qr;
	size_t n_items; /* items seen: each call of intake_add, intake_reject and intake_ignore counts one */
	struct ignored {
		const char *kind; /* "status_post", "newsletter_post", "presence", ... */
		size_t n;
	} ignored[32];
	size_t n_ignored;
	size_t cap_events, cap_rejected, cap_qr;
	size_t used_before, max_bytes; /* of the arena */
	struct made_event *unused; /* created but not added: reused for the next event */
	bool too_large; /* the body is rejected as a whole */
};

void intake_init(struct intake *in, struct arena *arena, int64_t now_ms, const struct intake_account *account);

/* Limits the memory in proportion to the body's size; without it INTAKE_MEMORY_MAX_BYTES is the limit. */
void intake_bound(struct intake *in, size_t body_bytes);
/* Whether the body has exceeded a limit. The dialect checks this before each item; if so, it stops and fails with
 * intake_too_large(). */
bool intake_is_full(struct intake *in);
/* Returns -1: ERR_INPUT, DEAD_TOO_LARGE. */
int intake_too_large(struct err *err);
/* Rejects the body as a whole: nothing is published but one dead letter. */
void intake_reject_whole(struct intake *in, enum dead_reason reason, struct str body, const char *message);

/* The POST is a delivery whose id and time (seconds) are signed: events without a time of their own get this one, and
 * an id that is the same when the delivery is repeated. Borrows the id. */
void intake_delivery(struct intake *in, struct str id, struct str time);

/* A new event of `account` with its envelope filled (provider, bridge, ingest time, origin live). It is not part of
 * the intake until intake_add(); the memory of one that is not added is reused for the next. */
struct inbound_event *intake_event(struct intake *in, const struct intake_account *account, enum inbound_kind kind);
/* Sets the source time (ms; 0: unknown) and flags it as suspect when it is before 2009 or more than a day ahead. A time
 * beyond an event's range is also treated as unknown. */
void intake_time(struct intake *in, struct inbound_event *e, int64_t source_time_ms);
/* Whether intake_time() would flag this time. */
bool intake_time_is_suspect(const struct intake *in, int64_t source_time_ms);
/* Stores the text in e->raw, with the limits of intake_raw(). */
void intake_raw_text(struct intake *in, struct inbound_event *e, struct str text);
/* Stores the item's JSON without secrets in e->raw, truncated to WIRE_MAX_RAW_BYTES: for items that the dialect could
 * not fully interpret. */
void intake_raw(struct intake *in, struct inbound_event *e, const json *item);
/* Derives the event's id, checks and encodes the event and adds it; it must not be changed afterwards. An event that
 * breaks a rule becomes a rejected item instead (false). e: from intake_event(). provider_key: the provider's id of
 * the event or its target. content: what else distinguishes two events (status word, emoji, new text). body: as for
 * intake_reject(); it is also stored as raw when the time is suspect and the caller has not set raw. */
bool intake_add(struct intake *in, struct inbound_event *e, struct str provider_key, struct str content,
	struct str path, struct str (*body)(void *ctx), void *body_ctx);
/* Adds a rejected item. Above INTAKE_MAX_REJECTED or INTAKE_MAX_REJECTED_BYTES the body as a whole is too large. */
void intake_reject(struct intake *in, const struct intake_account *account, enum dead_reason reason, struct str path,
	struct str body, const char *message);
void intake_ignore(struct intake *in, const char *kind);
void intake_keep_qr(struct intake *in, const struct intake_account *account, struct str code, bool pairing);
/* Sorts the events for publishing: messages (and everything else) first, then edits, revokes, reactions and votes, then
 * statuses. Stable. */
void intake_finish(struct intake *in);

/* Members that are removed from all stored or published JSON: API keys, media keys, pairing and QR codes, inline media
 * ("apikey", "mediaKey", "base64", "qr", ...). */
extern const char *const intake_secret_members[];
extern const size_t intake_secret_members_count;
/* v as JSON without these members, in the arena; absent for an absent v. */
struct str intake_json(struct intake *in, const json *v);
/* Copies members of the envelope next to a rejected item: the strings and numbers with these names (NULL-terminated),
 * each truncated to INTAKE_MAX_ENVELOPE_BYTES. */
void intake_envelope(struct intake *in, struct json_writer *w, const json *from, const char *const *names);

#endif
