/* One POST on its way in: what the dialects fill and what is then published.
 *
 * A dialect is a pure function from a parsed body to events, rejected items and counts of what is knowingly ignored. It sees
 * no socket, no Kafka, no database and no clock. One bad item costs that item: it goes to `rejected` with a path, a reason
 * and a body of its own that a replay can post again.
 */
#ifndef INGEST_INTAKE_H
#define INGEST_INTAKE_H

#include "wire/inbound.h"
#include "json/json.h"
#include "json/writer.h"

/* What one body may cost (README.md, Bounds); one that would cost more is refused as a whole. */
#define INTAKE_MAX_ITEMS          20000
#define INTAKE_MAX_REJECTED       1000
#define INTAKE_MAX_REJECTED_BYTES ((size_t)4 << 20) /* of their bodies */
#define INTAKE_MEMORY_FACTOR      24 /* bytes of the arena for each byte of the body, beside the spare ones */
#define INTAKE_MEMORY_SPARE_BYTES ((size_t)4 << 20)
#define INTAKE_MEMORY_MAX_BYTES   ((size_t)128 << 20)
/* Of a member that is copied beside a rejected item. Cut in a character, an id that is too long stays too long: alone, the item is refused
 * for the same reason, and never names another chat. */
#define INTAKE_MAX_ENVELOPE_BYTES (WIRE_MAX_ID_BYTES + 4)

/* What the dialects need to know of an account. */
struct intake_account {
	struct uuid id, workspace;
	enum provider provider;
	enum bridge_kind bridge;
	struct str session_id, provider_ref, phone_number, phone_number_id, waba_id, business_id;
};

struct intake_reject {
	const struct intake_account *account; /* NULL: not known */
	struct str path; /* "chats[1].contact_phone" */
	struct str message; /* one line for people; never quotes the body */
	enum dead_reason reason;
	struct str body; /* the item alone in its envelope, secrets removed */
	size_t item; /* its place among the items of the POST */
};

/* Sealed later into account_qr; never in an event. */
struct intake_qr {
	const struct intake_account *account;
	struct str code;
};

struct intake {
	struct arena *arena;
	int64_t now_ms;
	const struct intake_account *account; /* of the URL or the session; NULL for Meta */
	/* Meta only: the accounts that the POST names, looked up beforehand (meta_references). */
	const struct intake_account *(*by_phone_number_id)(void *ctx, struct str id);
	/* All accounts of that WABA within the app that signed; returns how many, fills at most max. */
	size_t (*by_waba)(void *ctx, struct str waba_id, const struct intake_account **out, size_t max);
	void *lookup_ctx;
	struct str delivery_id; /* of Standard Webhooks; absent: none that was verified */
	int64_t delivery_time_ms;

	struct inbound_event **events; /* in order of publishing after intake_finish() */
	struct str *records; /* the same events encoded, ready to be published */
	size_t n_events;
	struct intake_reject *rejected;
	size_t n_rejected;
	size_t rejected_bytes; /* of their bodies */
	struct intake_qr *qr; /* the latest of each account */
	size_t n_qr;
	size_t n_items; /* items seen, good, bad or ignored: each call of intake_add, _reject and _ignore counts one */
	struct ignored {
		const char *kind; /* "status_post", "newsletter_post", "presence", ... */
		size_t n;
	} ignored[32];
	size_t n_ignored;
	size_t cap_events, cap_rejected, cap_qr;
	size_t used_before, max_bytes; /* of the arena */
	struct made_event *unused; /* made and not added: the next event's */
	bool too_large; /* the body as a whole is refused */
};

void intake_init(struct intake *in, struct arena *arena, int64_t now_ms, const struct intake_account *account);

/* Bounds the memory by the body's size; without it INTAKE_MEMORY_MAX_BYTES is the bound. */
void intake_bound(struct intake *in, size_t body_bytes);
/* The body costs more than it may: asked before each item, after which the dialect stops and fails with intake_too_large(). */
bool intake_is_full(struct intake *in);
/* Returns -1: ERR_INPUT, DEAD_TOO_LARGE. */
int intake_too_large(struct err *err);
/* The only outcome of the body: nothing of it is published but this dead letter. */
void intake_reject_whole(struct intake *in, enum dead_reason reason, struct str body, const char *message);

/* The POST is a delivery whose id and time (seconds) are signed: events that have no time of their own get this one, and an id that
 * a repeat of the delivery has again. Borrows the id. */
void intake_delivery(struct intake *in, struct str id, struct str time);

/* A new event of `account` with its envelope filled (provider, bridge, ingest time, origin live). Not yet part of the intake; one
 * that is not added gives its memory to the next. */
struct inbound_event *intake_event(struct intake *in, const struct intake_account *account, enum inbound_kind kind);
/* Source time in ms; flags what is before 2009 or more than a day ahead; a time that no event can hold counts as
 * unknown as well. 0: unknown. */
void intake_time(struct intake *in, struct inbound_event *e, int64_t source_time_ms);
/* The same of a time alone: whether it is flagged. */
bool intake_time_is_suspect(const struct intake *in, int64_t source_time_ms);
/* Keeps the text in e->raw as intake_raw() does. */
void intake_raw_text(struct intake *in, struct inbound_event *e, struct str text);
/* Keeps the item's JSON without secrets in e->raw: for items that could not be fully understood. Cut at WIRE_MAX_RAW_BYTES. */
void intake_raw(struct intake *in, struct inbound_event *e, const json *item);
/* Derives the id, checks the rules, encodes and adds the event, which is not changed afterwards; one that breaks a rule becomes a
 * rejected item instead (false). e is from intake_event(). provider_key: the provider's id of the event or its target;
 * content: what else tells two events apart (status word, emoji, new text). body: what intake_reject() would take; it is also
 * kept as raw where the time is suspect and the caller kept none. */
bool intake_add(struct intake *in, struct inbound_event *e, struct str provider_key, struct str content,
	struct str path, struct str (*body)(void *ctx), void *body_ctx);
/* Beyond INTAKE_MAX_REJECTED or INTAKE_MAX_REJECTED_BYTES the body is too large as a whole. */
void intake_reject(struct intake *in, const struct intake_account *account, enum dead_reason reason, struct str path,
	struct str body, const char *message);
void intake_ignore(struct intake *in, const char *kind);
void intake_keep_qr(struct intake *in, const struct intake_account *account, struct str code);
/* Orders: messages (and everything else) first, then edits, revokes, reactions and votes, then statuses; stable within. */
void intake_finish(struct intake *in);

/* Members that never travel: API keys, media keys, pairing and QR codes, inline media ("apikey", "mediaKey", "base64", "qr", ...). */
extern const char *const intake_secret_members[];
extern const size_t intake_secret_members_count;
/* v written again without them, in the arena; absent for an absent v. */
struct str intake_json(struct intake *in, const json *v);
/* Copies the texts and numbers of these names (NULL ends them) beside a rejected item, cut to INTAKE_MAX_ENVELOPE_BYTES each. */
void intake_envelope(struct intake *in, struct json_writer *w, const json *from, const char *const *names);

#endif
