/* From a complete body to an answer: who posts, what may he, what does it say, publish. Each step goes on, waits for the
^ * account cache (and is run again then), or has answered.
 *
 * Invariant: a body is parsed only after its signature fits; before that it is scanned, once, for the name of the session whose own
 * secrets must fit. No parsed body survives a wait, and of large ones only the first in line is parsed (turns.h), so that there are at
 * most two at a time; nothing borrowed from the account cache survives a wait or a turn.
 */
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "ingest/answers.h"
#include "ingest/dialects/dialects.h"
#include "ingest/dialects/sync_batch.h"
#include "ingest/request.h"
#include "ingest/session.h"
#include "ingest/stats.h"
#include "ingest/turns.h"

#define BYTES_PER_EVENT (16.0 * 1024) /* of a body, that cost as much as one event */

enum step { STEP_ON, STEP_WAIT, STEP_DONE };

/* ---- refusals */

static struct rate failure_rate(const struct ingest *in)
{
	const double per_minute = (double)in->settings->limits_failures_per_minute;

	return (struct rate){ per_minute / 60, per_minute };
}

static struct str source_key(const struct request *req)
{
	return (struct str){ (const char *)req->source_key, req->source_key_n };
}

static int64_t seconds_up(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* Counts against the source; 0: it may be told why, else it has to wait so many seconds. */
static int64_t failure_count(struct request *req)
{
	struct bucket *b = &limiter_entry(req->ingest->failures, source_key(req))->bucket;
	int64_t wait_ms;

	if (bucket_take(b, failure_rate(req->ingest), 1, clock_mono_ms(), &wait_ms))
		return 0;
	stats_refused(REFUSED_FAILURES);
	return seconds_up(wait_ms);
}

/* One answer for every reason; the log knows more. status: 401, or 403 for Meta's check. */
static enum step refuse_source(struct request *req, int status, const char *why)
{
	int64_t wait_s = failure_count(req);

	stats_auth_failure(req->route);
	if (wait_s == 0)
		request_log(req, status, "request refused", why, STR_NONE);
	request_refuse_in_time(req, wait_s > 0 ? 429 : status, wait_s);
	return STEP_DONE;
}

static enum step unauthorized(struct request *req, const char *why)
{
	return refuse_source(req, 401, why);
}

/* What is missing from the request itself tells nothing of what is known here: answered at once. */
static enum step unauthorized_at_once(struct request *req, const char *why)
{
	int64_t wait_s = failure_count(req);

	stats_auth_failure(req->route);
	if (wait_s == 0)
		request_log(req, 401, "request refused", why, STR_NONE);
	request_answer(req, wait_s > 0 ? 429 : 401, STR_NONE, wait_s);
	return STEP_DONE;
}

static void source_did_well(struct request *req)
{
	limiter_entry(req->ingest->good, source_key(req))->last_ok_ms = clock_mono_ms();
}

/* ---- the account cache */

static void accounts_fetched(void *ctx, bool available)
{
	struct request *req = ctx;

	if (available)
		flow_run(req);
	else
		request_unavailable(req, REFUSED_DIRECTORY, NULL);
}

static enum step ask(struct request *req, const struct name *names, size_t n)
{
	struct err err;

	json_free(req->doc);
	req->doc = NULL;
	if (req->in_line) {
		turns_leave(req);
		req->step--; /* in line again before this step is */
	}
	req->asked = true;
	req->wait.done = accounts_fetched;
	req->wait.ctx = req;
	if (account_cache_fetch(req->ingest->account_cache, names, n, &req->wait, &err) < 0) {
		request_unavailable(req, REFUSED_DIRECTORY, &err);
		return STEP_DONE;
	}
	return STEP_WAIT;
}

static const struct catalogue *catalogue(const struct request *req)
{
	return account_cache_catalogue(req->ingest->account_cache);
}

static enum knowledge knows(struct request *req, const struct name *name)
{
	return account_cache_knows(req->ingest->account_cache, name);
}

static void found(const struct request *req, bool any)
{
	stats_lookup(!any ? LOOKUP_ABSENT : req->asked ? LOOKUP_MISS : LOOKUP_HIT);
}

static void account_take(struct request *req, const struct catalogue_account *a)
{
	req->account = a;
	req->account_id = a->info.id;
	req->workspace_id = a->info.workspace;
}

/* ---- who it is */

static enum auth_proof proof_of(const struct request *req, const struct secrets *secrets)
{
	return auth_verify(req->route->auth, secrets, &req->claims, http_body(req->http), req->now_ms);
}

static void authenticate(struct request *req, enum auth_proof proof)
{
	request_authenticated(req, proof);
	source_did_well(req);
}

/* What names nobody costs as much as a wrong signature. */
static enum step unknown(struct request *req, const char *why)
{
	found(req, false);
	(void)proof_of(req, &auth_dummy);
	return unauthorized(req, why);
}

static enum step step_account_of_url(struct request *req)
{
	const struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&req->target) };
	enum knowledge k = knows(req, &name);
	enum auth_proof proof;

	if (k == UNKNOWN)
		return ask(req, &name, 1);
	if (k == KNOWN_ABSENT)
		return unknown(req, "unknown account");
	found(req, true);
	account_take(req, catalogue_account(catalogue(req), &name));
	proof = proof_of(req, &req->account->secrets);
	if (proof == PROOF_NONE)
		return unauthorized(req, "wrong signature");
	authenticate(req, proof);
	return STEP_ON;
}

/* The first of the known candidates whose own secrets verify the body. known: how many there are, where none does. */
static bool candidate_take(struct request *req, const struct session_names *names, size_t *known)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct catalogue_account *a = catalogue_account(catalogue(req), &names->names[i]);
		enum auth_proof proof = a ? proof_of(req, &a->secrets) : PROOF_NONE;

		*known += a != NULL;
		if (proof == PROOF_NONE)
			continue;
		account_take(req, a);
		authenticate(req, proof);
		return true;
	}
	return false;
}

/* A session's name may be another account's number or public id: none beats the other, its secrets decide. What is not cached is
 * asked for only when nothing that is fits. */
static enum step step_account_of_session(struct request *req)
{
	struct session_names names;
	size_t known = 0;

	if (!req->session.p)
		req->session = session_scan(http_body(req->http), req->route->session, req->arena);
	if (req->session.n == 0)
		return unauthorized_at_once(req, "no session");
	session_names(&names, req->session);
	if (candidate_take(req, &names, &known)) {
		found(req, true);
		return STEP_ON;
	}
	for (size_t i = 0; i < names.n; i++)
		if (knows(req, &names.names[i]) == UNKNOWN)
			return ask(req, names.names, names.n);
	for (size_t i = known > 0 ? known : 1; i < names.n; i++)
		(void)proof_of(req, &auth_dummy); /* each name costs the same, whether it is known or not */
	return known > 0 ? unauthorized(req, "wrong signature") : unknown(req, "unknown account");
}

static enum step step_app(struct request *req)
{
	const struct name name = { .kind = NAME_APP, .text = uuid_bytes(&req->target) };
	enum knowledge k = knows(req, &name);

	if (k == UNKNOWN)
		return ask(req, &name, 1);
	req->app = k == KNOWN ? catalogue_app(catalogue(req), &req->target) : NULL;
	if (req->app)
		found(req, true);
	return STEP_ON;
}

static enum step step_claims(struct request *req)
{
	for (enum auth_claim c = 0; c < AUTH_CLAIMS; c++)
		if (auth_asks(req->route->auth, c))
			req->claims.value[c] = http_header(req->http, auth_claim_headers[c]);
	return auth_claimed(req->route->auth, &req->claims) ? STEP_ON : unauthorized_at_once(req, "no signature");
}

static enum step step_verify_app(struct request *req)
{
	enum auth_proof proof;

	if (!req->app)
		return unknown(req, "unknown app");
	proof = proof_of(req, &req->app->secrets);
	if (proof == PROOF_NONE)
		return unauthorized(req, "wrong signature");
	authenticate(req, proof);
	return STEP_ON;
}

/* Meta's subscription check: the bare challenge comes back. */
static enum step step_challenge(struct request *req)
{
	struct str challenge = http_query(req->http, "hub.challenge");

	if (!req->app || !str_is(http_query(req->http, "hub.mode"), "subscribe") || challenge.n == 0 ||
		!auth_verify_token(&req->app->secrets, http_query(req->http, "hub.verify_token")))
		return refuse_source(req, 403, "verify token");
	source_did_well(req);
	request_answer_text(req, 200, challenge);
	return STEP_DONE;
}

static enum step step_kind(struct request *req)
{
	const struct intake_account *a = &req->account->info;

	if (a->provider != PROVIDER_WEBJS || !(req->route->bridge_kinds & 1U << a->bridge))
		return unauthorized(req, "another kind of bridge");
	return STEP_ON;
}

/* What a signed body says itself of whose it is; NULL: nothing else. */
static const char *misfit(const struct request *req)
{
	const struct route *route = req->route;
	const json *body = json_root(req->doc);

	for (size_t i = 0; i < 2 && route->session[i]; i++)
		if (!session_fits(json_text(json_get(body, route->session[i]), req->arena), req->account))
			return "another session";
	if (route->subject != SUBJECT_SESSION)
		return NULL;
	if (!str_eq(session_of(body, route->session, req->arena), req->session))
		return "another session"; /* the scan read what the parser did not */
	return session_workspace_fits(body, req->account, req->arena) ? NULL : "another workspace";
}

/* ---- what it says */

static enum step publish_begin(struct request *req);
static void charge(struct request *req);

static enum step answer_bad_body(struct request *req, const struct err *err)
{
	struct buf *out = &req->ingest->answer;

	request_log(req, 400, "request refused", "body", str_of(err->msg));
	buf_clear(out);
	answer_invalid(out, answer_word(400), err->msg);
	request_answer(req, 400, buf_str(out), 0);
	return STEP_DONE;
}

static enum step step_parse(struct request *req)
{
	struct err err;

	if (json_parse(&req->doc, http_body(req->http), &err) == 0)
		return STEP_ON;
	charge(req);
	return answer_bad_body(req, &err);
}

/* The whole body is one dead letter, without secrets where it is JSON: it costs too much to be read item by item, or Meta sent it,
 * who cannot be asked again and repeats for days what is not answered with 200. */
static enum step keep_whole(struct request *req, enum dead_reason reason, const struct err *err)
{
	struct intake *in = &req->intake;
	struct str body = req->doc ? intake_json(in, json_root(req->doc)) : http_body(req->http);

	if (req->route->subject == SUBJECT_APP)
		charge(req); /* else it was, when it was read */
	intake_reject_whole(in, in->too_large ? DEAD_TOO_LARGE : reason, body, err->msg);
	return publish_begin(req);
}

static struct name number_name(const struct request *req, struct str id)
{
	return (struct name){ NAME_NUMBER, req->target, id };
}

static struct name waba_name(const struct request *req, struct str id)
{
	return (struct name){ NAME_WABA, req->target, id };
}

static size_t unknown_names(const struct request *req, const struct meta_references *refs, struct name *out)
{
	size_t n = 0;

	for (size_t i = 0; i < refs->n_phone_number_ids; i++) {
		out[n] = number_name(req, refs->phone_number_ids[i]);
		n += account_cache_knows(req->ingest->account_cache, &out[n]) == UNKNOWN;
	}
	for (size_t i = 0; i < refs->n_waba_ids; i++) {
		out[n] = waba_name(req, refs->waba_ids[i]);
		n += account_cache_knows(req->ingest->account_cache, &out[n]) == UNKNOWN;
	}
	return n;
}

/* ---- what it costs */

static struct rate account_rate(const struct ingest *in)
{
	return (struct rate){ (double)in->settings->limits_account_rate, (double)in->settings->limits_account_burst };
}

static int64_t account_wait_ms(const struct request *req, const struct uuid *account)
{
	struct ingest *in = req->ingest;
	const struct bucket *b = &limiter_entry(in->accounts, uuid_bytes(account))->bucket;

	return bucket_wait_ms(b, account_rate(in), 1, clock_mono_ms());
}

static void account_charge(const struct request *req, const struct uuid *account, double cost)
{
	struct ingest *in = req->ingest;

	bucket_charge(&limiter_entry(in->accounts, uuid_bytes(account))->bucket, account_rate(in), cost,
		clock_mono_ms());
}

static const struct uuid *account_of_item(const struct request *req, size_t i)
{
	const struct intake *in = &req->intake;
	const struct intake_account *a;

	if (i < in->n_events)
		return &in->events[i]->account;
	a = in->rejected[i - in->n_events].account;
	return a ? &a->id : NULL;
}

/* Each item costs its account a token and its share of the body's bytes. What is nobody's, or was ignored, costs the account that
 * posted, or Meta's app. */
static void charge(struct request *req)
{
	const struct intake *in = &req->intake;
	const struct uuid *poster = req->route->subject == SUBJECT_APP ? &req->target : &req->account_id;
	size_t named = in->n_events + in->n_rejected, items = in->n_items > named ? in->n_items : named, n = 0;
	double cost;

	items = items > 0 ? items : 1;
	cost = 1 + (double)http_body(req->http).n / BYTES_PER_EVENT / (double)items;
	for (size_t i = 0; i < named; i += n) {
		const struct uuid *account = account_of_item(req, i), *owner = account ? account : poster;

		for (n = 1; i + n < named && account_of_item(req, i + n) == account; n++)
			;
		account_charge(req, owner, cost * (double)n);
	}
	account_charge(req, poster, cost * (double)(items - named));
}

static enum step refuse_account(struct request *req, int64_t wait_ms)
{
	request_refuse_for_now(req, 429, REFUSED_ACCOUNT_RATE, seconds_up(wait_ms));
	return STEP_DONE;
}

/* Of the accounts that a POST of Meta's is about: how long the first and the last of them have to wait. */
struct debts {
	int64_t shortest_ms, longest_ms;
	size_t n;
};

static void debt_add(struct request *req, struct debts *debts, const struct catalogue_account *a)
{
	int64_t wait_ms = account_wait_ms(req, &a->info.id);

	if (debts->n++ == 0 || wait_ms < debts->shortest_ms)
		debts->shortest_ms = wait_ms;
	if (wait_ms <= debts->longest_ms)
		return;
	debts->longest_ms = wait_ms;
	req->account_id = a->info.id;
	req->workspace_id = a->info.workspace;
}

/* Meta puts what it has for several accounts into one POST. In the platform's app these are several tenants': none waits for
 * another's debt. A tenant's own app is signed for by the tenant, who could hide behind any account without one. */
static enum step numbers_admit(struct request *req, const struct meta_references *refs)
{
	struct debts debts = { .longest_ms = account_wait_ms(req, &req->target) };
	const struct catalogue_account *a;

	for (size_t i = 0; i < refs->n_phone_number_ids; i++) {
		struct name name = number_name(req, refs->phone_number_ids[i]);

		if ((a = catalogue_account(catalogue(req), &name)))
			debt_add(req, &debts, a);
	}
	for (size_t i = 0; i < refs->n_waba_ids; i++) {
		struct name name = waba_name(req, refs->waba_ids[i]);

		for (a = catalogue_account(catalogue(req), &name); a; a = a->waba_next)
			debt_add(req, &debts, a);
	}
	if (debts.longest_ms == 0 || (req->app->shared && debts.n > 0 && debts.shortest_ms == 0))
		return STEP_ON;
	return refuse_account(req, debts.longest_ms);
}

/* Again after each wait: a parsed body is not kept meanwhile. */
static enum step step_references(struct request *req)
{
	struct meta_references refs;
	struct name *names;
	struct err err;
	size_t n;

	intake_init(&req->intake, req->arena, req->now_ms, NULL);
	intake_bound(&req->intake, http_body(req->http).n);
	req->app = catalogue_app(catalogue(req), &req->target);
	if (!req->app)
		return unauthorized(req, "unknown app"); /* gone during the wait */
	if (json_parse(&req->doc, http_body(req->http), &err) < 0)
		return keep_whole(req, DEAD_DECODE, &err);
	if (meta_references(&refs, json_root(req->doc), req->arena, &err) < 0)
		return keep_whole(req, DEAD_RULE, &err);
	names = ARENA_ARRAY(req->arena, struct name, refs.n_phone_number_ids + refs.n_waba_ids + 1);
	n = unknown_names(req, &refs, names);
	return n > 0 ? ask(req, names, n) : numbers_admit(req, &refs);
}

/* ---- how much he may */

/* The chats of a batch of an initial sync; 0 for anything else. More than a batch can hold is refused by its reader. */
static size_t sync_chats(const struct request *req)
{
	const json *body = json_root(req->doc);
	size_t n = 0;

	if (req->route->read == bridge_read_sync)
		n = json_count(json_get(body, "chats"));
	else if (req->route->read == wwebjs_read && str_is(json_str(json_get(body, "dataType")), "chats_sync"))
		n = json_count(json_path(body, "data.chats"));
	return n <= SYNC_MAX_CHATS ? n : 0;
}

/* Before it is parsed. */
static enum step step_account_rate(struct request *req)
{
	int64_t wait_ms = account_wait_ms(req, &req->account_id);

	return wait_ms > 0 ? refuse_account(req, wait_ms) : STEP_ON;
}

static enum step step_sync_rate(struct request *req)
{
	const struct ingest_settings *s = req->ingest->settings;
	const struct rate rate = { (double)s->limits_sync_rate, (double)s->limits_sync_burst };
	size_t chats = sync_chats(req);
	struct limiter_entry *e;
	int64_t wait_ms;

	if (chats == 0)
		return STEP_ON;
	e = limiter_entry(req->ingest->syncs, uuid_bytes(&req->account_id));
	if (bucket_take(&e->bucket, rate, (double)chats, clock_mono_ms(), &wait_ms))
		return STEP_ON;
	charge(req);
	request_refuse_for_now(req, 429, REFUSED_SYNC_RATE, seconds_up(wait_ms));
	return STEP_DONE;
}

/* ---- reading and publishing */

static const struct intake_account *by_phone_number_id(void *ctx, struct str id)
{
	const struct request *req = ctx;
	struct name name = number_name(req, id);
	const struct catalogue_account *a = catalogue_account(catalogue(req), &name);

	return a ? &a->info : NULL;
}

static size_t by_waba(void *ctx, struct str waba_id, const struct intake_account **out, size_t max)
{
	const struct request *req = ctx;
	struct name name = waba_name(req, waba_id);
	size_t n = 0;

	for (const struct catalogue_account *a = catalogue_account(catalogue(req), &name); a; a = a->waba_next, n++)
		if (n < max)
			out[n] = &a->info;
	return n;
}

static enum step step_read_meta(struct request *req)
{
	struct intake *in = &req->intake;
	struct err err;

	in->by_phone_number_id = by_phone_number_id;
	in->by_waba = by_waba;
	in->lookup_ctx = req;
	if (meta_read(in, json_root(req->doc), &err) < 0)
		return in->too_large ? STEP_ON : keep_whole(req, DEAD_RULE, &err);
	charge(req);
	return publish_begin(req);
}

static enum step answer_nothing_acceptable(struct request *req)
{
	const struct intake *in = &req->intake;
	struct buf *out = &req->ingest->answer;

	request_log(req, 422, "request refused", dead_reason_word(in->rejected[0].reason), in->rejected[0].path);
	buf_clear(out);
	answer_rejected(out, answer_word(422), in->rejected, in->n_rejected);
	request_answer(req, 422, buf_str(out), 0);
	return STEP_DONE;
}

static enum step step_read(struct request *req)
{
	struct intake *in = &req->intake;
	const char *why;
	struct err err;
	int rc;

	intake_init(in, req->arena, req->now_ms, &req->account->info);
	intake_bound(in, http_body(req->http).n);
	if (req->proof == PROOF_DELIVERY)
		intake_delivery(in, req->claims.value[CLAIM_WEBHOOK_ID], req->claims.value[CLAIM_WEBHOOK_TIMESTAMP]);
	rc = req->route->read(in, json_root(req->doc), &err);
	charge(req);
	if (rc < 0 && in->n_rejected == 0 && !in->too_large)
		return answer_bad_body(req, &err);
	why = misfit(req);
	if (why)
		return unauthorized(req, why);
	if (in->too_large)
		return STEP_ON;
	return rc < 0 ? answer_nothing_acceptable(req) : publish_begin(req);
}

/* Of what was read nothing is kept. */
static enum step step_whole(struct request *req)
{
	struct err err;

	(void)intake_too_large(&err);
	if (req->account)
		req->intake.account = &req->account->info;
	return keep_whole(req, DEAD_TOO_LARGE, &err);
}

static void qr_put(struct request *req)
{
	for (size_t i = 0; i < req->intake.n_qr; i++) {
		const struct intake_qr *qr = &req->intake.qr[i];
		struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&qr->account->id) };

		account_cache_put_qr(req->ingest->account_cache, catalogue_account(catalogue(req), &name), qr->code);
	}
}

/* Copies what a dead letter needs of its account: the account cache may change before the letter is queued. */
static const struct dead_letter *letters_of(struct request *req)
{
	const struct intake *in = &req->intake;
	struct dead_letter *letters = ARENA_ARRAY(req->arena, struct dead_letter, in->n_rejected);
	struct str route = arena_str(req->arena, http_path(req->http));

	for (size_t i = 0; i < in->n_rejected; i++) {
		const struct intake_reject *r = &in->rejected[i];

		letters[i] = (struct dead_letter){
			.route = route,
			.path = r->path,
			.message = r->message,
			.reason = r->reason,
			.body = r->body,
			.traceparent = req->traceparent,
			.failed_at_ms = req->now_ms,
		};
		if (r->account) {
			letters[i].workspace = r->account->workspace;
			letters[i].account = r->account->id;
		}
	}
	return letters;
}

static void answer_queued_now(struct request *req)
{
	const struct intake *in = &req->intake;
	struct buf *out = &req->ingest->answer;
	int status = req->route->subject == SUBJECT_APP ? 200 : 202;

	for (size_t i = 0; i < in->n_events; i++)
		stats_event(req->route, in->events[i]->kind);
	for (size_t i = 0; i < in->n_rejected; i++)
		stats_rejected(in->rejected[i].reason);
	for (size_t i = 0; i < in->n_ignored; i++)
		stats_ignored(in->ignored[i].kind, in->ignored[i].n);
	if (in->n_rejected > 0)
		request_log(req, status, "items dead-lettered", dead_reason_word(in->rejected[0].reason),
			in->rejected[0].path);
	(void)failpoint("ingest_acknowledged");
	if (in->too_large && status != 200) {
		answer_nothing_acceptable(req);
		return;
	}
	buf_clear(out);
	answer_queued(out, in->n_events, in->n_rejected);
	request_answer(req, status, buf_str(out), 0);
}

static int record_make(void *ctx, size_t i, struct kafka_record *out, struct err *err)
{
	struct request *req = ctx;

	if (failpoint("ingest_produce"))
		return err_set(err, ERR_RETRY, "failpoint", "ingest_produce");
	request_record(&req->records, i, &req->ingest->record_room, out);
	return 0;
}

static void published(void *ctx, const struct err *failure)
{
	struct request *req = ctx;

	req->publishing = false;
	if (!req->http) {
		request_recycle(req);
		return;
	}
	stats_kafka_seconds((double)(clock_mono_us() - req->published_mono_us) / 1e6);
	if (failure)
		request_unavailable(req, REFUSED_KAFKA, failure);
	else
		answer_queued_now(req);
}

/* From here on nothing refers to the account cache or to the parsed body. */
static enum step publish_begin(struct request *req)
{
	struct intake *in = &req->intake;
	struct err err;

	intake_finish(in);
	qr_put(req);
	if (in->n_events + in->n_rejected == 0) {
		answer_queued_now(req);
		return STEP_DONE;
	}
	req->records = (struct request_records){
		.topics = service_topics(req->ingest->service),
		.events = in->events,
		.encoded = in->records,
		.n_events = in->n_events,
		.letters = letters_of(req),
		.n_letters = in->n_rejected,
		.traceparent = req->traceparent,
		.arena = req->arena,
	};
	req->publication = (struct kafka_publication){
		.n = in->n_events + in->n_rejected,
		.record = record_make,
		.done = published,
		.ctx = req,
	};
	json_free(req->doc);
	req->doc = NULL;
	turns_leave(req);
	if (request_keep(req, &err) < 0) {
		request_unavailable(req, REFUSED_ROOM, &err);
		return STEP_DONE;
	}
	req->publishing = true;
	req->published_mono_us = clock_mono_us();
	kafka_publication_submit(req->ingest->publications, &req->publication);
	return STEP_DONE;
}

/* ---- the order of steps */

/* A large body's next step is another turn's. */
static enum step step_turn(struct request *req)
{
	if (http_body(req->http).n < TURNS_LARGE_BYTES)
		return STEP_ON;
	turns_wait(req);
	return STEP_WAIT;
}

typedef enum step step_fn(struct request *req);

static step_fn *const session_steps[] = { step_claims, step_turn, step_account_of_session, step_kind, step_account_rate,
	step_turn, step_parse, step_turn, step_sync_rate, step_read, step_turn, step_whole };
static step_fn *const account_steps[] = { step_claims, step_turn, step_account_of_url, step_kind, step_account_rate,
	step_turn, step_parse, step_turn, step_sync_rate, step_read, step_turn, step_whole };
static step_fn *const app_steps[] = { step_claims, step_app, step_turn, step_verify_app, step_turn, step_references,
	step_turn, step_read_meta, step_turn, step_whole };
static step_fn *const challenge_steps[] = { step_app, step_challenge };

static step_fn *const *steps_of(const struct request *req)
{
	switch (req->route->subject) {
	case SUBJECT_SESSION:
		return session_steps;
	case SUBJECT_ACCOUNT:
		return account_steps;
	case SUBJECT_APP:
		break;
	}
	return str_is(http_method(req->http), "POST") ? app_steps : challenge_steps;
}

/* The last step of each list answers or publishes. */
void flow_run(struct request *req)
{
	step_fn *const *steps = steps_of(req);

	while (steps[req->step](req) == STEP_ON)
		req->step++;
}

/* What was borrowed from the account cache is looked up again: it may have been read anew since. */
void flow_resume(struct request *req)
{
	const struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&req->account_id) };

	if (req->account && !(req->account = catalogue_account(catalogue(req), &name))) {
		(void)unauthorized(req, "unknown account");
		return;
	}
	if (req->app && !(req->app = catalogue_app(catalogue(req), &req->target))) {
		(void)unauthorized(req, "unknown app");
		return;
	}
	req->step++;
	flow_run(req);
}
