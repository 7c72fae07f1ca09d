/* Dead letters, and events about endpoints; see private.h. Invariant: each exhausted delivery, and each endpoint that is disabled or recovers, is
 * reported by one event, in the commit that writes it; a delivery of such an event causes no further one. */
#include "webhook-dispatcher/commit/private.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/ids.h"
#include "wire/cloudevents.h"

static int dead_emit(struct owner_tx *tx, const struct event *e, const struct uuid *endpoint, enum dead_reason reason,
	const char *code, const char *message, bool retryable, struct err *err)
{
	struct header address = { STR("x-dlq-endpoint"), STR_NONE };
	struct record_view view;
	struct dead_record dead;
	char uuid[37];
	size_t at = 0;

	if (records_next(buf_str(&e->record), &at, &view, err) != 1)
		return -1;
	dead = (struct dead_record){ .partition = chat_event_partition(e->partition),
		.offset = e->offset,
		.timestamp_ms = e->timestamp_ms,
		.key = view.key,
		.value = view.value,
		.headers = view.headers,
		.n_headers = view.n_headers };
	if (endpoint) { /* a replay of the dead letter is delivered to this endpoint only */
		uuid_format(endpoint, uuid);
		address.value = str_of(uuid);
		dead.extra = &address;
		dead.n_extra = 1;
	}
	owner_tx_dead_record(tx, &dead, reason, code, message, retryable);
	return 0;
}

int emit_dead(struct owner_tx *tx, const struct journal *j, struct err *err)
{
	const struct delivery *d;

	for (size_t i = 0; i < j->dead.n; i++) {
		const struct dead *dead = &ITEMS(&j->dead, struct dead)[i];

		if (dead_emit(tx, dead->event, NULL, dead->why.reason, "", dead->why.msg,
			    dead->why.reason == DEAD_UNSUPPORTED, err) < 0)
			return -1;
	}
	TAILQ_FOREACH (d, &j->ends, in_list)
		if (d->end == END_EXHAUSTED &&
			dead_emit(tx, d->event, &d->endpoint, DEAD_EXHAUSTED, d->code, d->error, true, err) < 0)
			return -1;
	return 0;
}

static const char *finding_word(enum endpoint_finding f)
{
	return f == ENDPOINT_EXHAUSTED ? "failing" : f == ENDPOINT_ANSWERS ? "recovered" : "disabled";
}

static int finding_emit(struct owner_tx *tx, const struct finding *f, struct str topic, struct err *err)
{
	struct chat_event e = {
		.kind = CE_ENDPOINT, .workspace = f->workspace, .origin = ORIGIN_LIVE, .occurred_at_ms = clock_now_ms()
	};
	struct header headers[CLOUDEVENTS_MAX];
	struct cloudevents_storage storage;
	struct buf value = BUF_INIT;
	struct uuid cause;
	char key[74];
	size_t n;
	int rc;

	uuid_v4(&cause);
	if (f->event) {
		cause = f->event->id;
		e.u.endpoint.subject_event = f->event->id;
	}
	e.u.endpoint.endpoint = f->endpoint;
	e.u.endpoint.kind = str_of(finding_word(f->change.finding));
	e.u.endpoint.reason = str_of(f->change.reason);
	e.source = owner_tx_source(tx, chat_event_partition(f->partition));
	chat_event_derive_id(&e, &cause, &f->endpoint);
	rc = chat_event_encode(&e, &value, err);
	chat_event_key(&e, key);
	n = cloudevents_headers(headers, &storage, &e.id, "chat_event", "endpoint", STR("webhook-dispatcher"),
		e.occurred_at_ms, STR_NONE);
	if (rc == 0)
		owner_tx_emit(tx, chat_event_partition(f->partition), topic, str_of(key), buf_str(&value), headers, n);
	buf_fini(&value);
	return rc;
}

/* Whether an event reports the finding. A delivery of an endpoint's event never causes another such event: otherwise two failing endpoints
 * would cause each other's events without end. */
static bool finding_is_emitted(const struct finding *f)
{
	if (f->change.finding == ENDPOINT_EXHAUSTED)
		return !f->event || f->event->kind != CE_ENDPOINT;
	return f->change.changed && f->change.finding != ENDPOINT_FAILS;
}

static void finding_log(const struct finding *f)
{
	char endpoint[37];

	uuid_format(&f->endpoint, endpoint);
	if (f->change.changed && f->change.finding == ENDPOINT_DISABLE)
		log_warn("endpoint disabled", LOG_S("endpoint", endpoint), LOG_S("reason", f->change.reason));
	else if (f->change.changed && f->change.finding == ENDPOINT_ANSWERS)
		log_info("endpoint recovered", LOG_S("endpoint", endpoint));
}

int emit_findings(struct owner_tx *tx, struct journal *j, struct str topic, struct err *err)
{
	struct endpoint_change *changes = ARENA_ARRAY(owner_tx_arena(tx), struct endpoint_change, j->findings.n + 1);
	struct finding *f = ITEMS(&j->findings, struct finding);

	if (j->findings.n == 0)
		return 0;
	for (size_t i = 0; i < j->findings.n; i++)
		changes[i] = f[i].change;
	if (store_endpoints_change(owner_tx_pg(tx), changes, j->findings.n, err) < 0)
		return -1;
	for (size_t i = 0; i < j->findings.n; i++) {
		f[i].change.changed = changes[i].changed;
		finding_log(&f[i]);
		if (finding_is_emitted(&f[i]) && finding_emit(tx, &f[i], topic, err) < 0)
			return -1;
	}
	return 0;
}
