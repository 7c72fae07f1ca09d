/* Publishing: the last step of a request that was read. Invariant: a 2xx is answered only after Kafka has acknowledged
 * every event and dead letter of the request; and while they are in flight nothing refers to the account cache or to
 * the parsed body. */
#include "base/clock.h"
#include "base/failpoint.h"
#include "ingest/pipeline/pipeline_steps.h"
#include "ingest/requests/answers.h"
#include "ingest/requests/turns.h"
#include "ingest/stats.h"

static void qr_put(struct request *req)
{
	for (size_t i = 0; i < req->intake.n_qr; i++) {
		const struct intake_qr *qr = &req->intake.qr[i];
		struct name name = { .kind = NAME_ACCOUNT, .text = uuid_bytes(&qr->account->id) };

		account_cache_put_qr(req->ingest->account_cache, catalogue_account(pipeline_catalogue(req), &name),
			qr->code, qr->pairing);
	}
}

/* Copies what a dead letter needs of its account: the cache may change before the record is made. */
static const struct dead_letter *dead_letters_of(struct request *req)
{
	const struct intake *in = &req->intake;
	struct dead_letter *dead_letters = ARENA_ARRAY(req->arena, struct dead_letter, in->n_rejected);
	struct str route = arena_str(req->arena, http_path(req->http));

	for (size_t i = 0; i < in->n_rejected; i++) {
		const struct intake_reject *r = &in->rejected[i];

		dead_letters[i] = (struct dead_letter){
			.route = route,
			.path = r->path,
			.message = r->message,
			.reason = r->reason,
			.body = r->body,
			.traceparent = req->traceparent,
			.failed_at_ms = req->now_ms,
		};
		if (r->account) {
			dead_letters[i].workspace = r->account->workspace;
			dead_letters[i].account = r->account->id;
		}
	}
	return dead_letters;
}

/* Everything is acknowledged. */
static void answer_published(struct request *req)
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
		(void)pipeline_reject_items(req);
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

/* Called once, when every record is acknowledged or one has failed. */
static void published(void *ctx, const struct err *failure)
{
	struct request *req = ctx;

	req->publishing = false;
	if (!req->http) { /* answered, or its client is gone */
		request_recycle(req);
		return;
	}
	stats_kafka_seconds((double)(clock_mono_us() - req->published_mono_us) / 1e6);
	if (failure)
		request_unavailable(req, REFUSED_KAFKA, failure);
	else
		answer_published(req);
}

static void records_set(struct request *req)
{
	const struct intake *in = &req->intake;

	req->records = (struct request_records){
		.topics = service_topics(req->ingest->service),
		.events = in->events,
		.encoded = in->records,
		.n_events = in->n_events,
		.dead_letters = dead_letters_of(req),
		.n_dead_letters = in->n_rejected,
		.traceparent = req->traceparent,
		.arena = req->arena,
	};
	req->publication = (struct kafka_publication){
		.n = in->n_events + in->n_rejected,
		.record = record_make,
		.done = published,
		.ctx = req,
	};
}

enum step_result pipeline_publish(struct request *req)
{
	struct intake *in = &req->intake;
	struct err err;

	intake_finish(in);
	qr_put(req);
	if (in->n_events + in->n_rejected == 0) {
		answer_published(req);
		return STEP_DONE;
	}
	records_set(req);
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
