/* One request that was let on: from its header to its answer, and beyond it as long as Kafka still has records of it. */
#ifndef INGEST_REQUEST_H
#define INGEST_REQUEST_H

#include "ingest/ingest.h"
#include "ingest/routes.h"
#include "ingest/stats.h"

struct request {
	TAILQ_ENTRY(request) link; /* in ingest's deadlines or idle */
	struct ingest *ingest;
	struct http_request *http; /* NULL: answered or gone */
	const struct route *route;
	struct uuid target; /* of the URL; else nil */
	struct arena *arena;
	size_t body_bytes; /* counted, until it is answered */
	size_t kept_bytes; /* counted, until Kafka is through with it */
	int64_t now_ms, begun_mono_ms, deadline_mono_ms; /* 0: not handled yet */
	uint8_t source_key[16];
	size_t source_key_n;
	struct source *source; /* NULL: authenticated */
	TAILQ_ENTRY(request) refusal; /* in ingest's refusals while refused is set */
	int refused; /* the status */
	int64_t refused_retry_s, refuse_mono_ms;
	struct str traceparent;
	char trace_own[56];

	size_t step; /* of flow_run() */
	TAILQ_ENTRY(request) turn; /* in ingest's turns while in_line is set */
	bool in_line;
	struct account_cache_wait wait;
	struct auth_claims claims;
	enum auth_proof proof;
	bool asked; /* the account cache had to read */
	struct str session; /* as the raw body names it */
	struct json_doc *doc; /* never kept while it waits, but for its next turn */
	const struct catalogue_account *account; /* only until the next wait or turn */
	const struct catalogue_app *app; /* likewise */
	struct uuid workspace_id, account_id; /* for the log; nil: not known */

	struct intake intake;
	bool publishing;
	int64_t published_mono_us;
	struct request_records records;
	struct kafka_publication publication;
};

/* http's user from now on; source: address_key(). */
struct request *request_new(struct ingest *in, struct http_request *http, const struct route *route,
	const struct uuid *target, struct str source);
/* n bytes more of the body. */
void request_grow(struct request *req, size_t n);
/* It holds room in its own right from now on, no longer in its source's. */
void request_authenticated(struct request *req, enum auth_proof proof);
/* Counts what was made of the body. ERR_BUSY: there is no room for it. */
int request_keep(struct request *req, struct err *err) ERR_MUST_USE;
/* Makes room for n bytes more of req, or of anybody's when it is NULL: bodies still coming go first, the oldest first, then strangers
 * that wait for the account cache. False: there is none. */
bool request_room(struct ingest *in, const struct request *req, size_t n);
/* The client is gone, or is answered: nothing waits for it, its memory is used again when Kafka is through with it. */
void request_leave(struct request *req);
/* Kafka is through with what was left behind. */
void request_recycle(struct request *req);
/* The body is complete: sets the deadline. */
void request_begin(struct request *req);
/* Frees the idle ones. */
void requests_free(struct ingest *in);

/* Answers and leaves. body: JSON, absent: {"error": ...} of the status. retry_after_s: 0 for none. */
void request_answer(struct request *req, int status, struct str body, int64_t retry_after_s);
void request_answer_text(struct request *req, int status, struct str text);
/* 429 or 503, counted, with a line in the log. */
void request_refuse_for_now(struct request *req, int status, enum refusal why, int64_t retry_after_s);
/* 503, counted, with a line in the log that says why. */
void request_unavailable(struct request *req, enum refusal why, const struct err *err);
/* A refusal that depends on what is known here: answered a whole number of quanta after the request was complete, so that the
 * time says nothing of it. */
void request_refuse_in_time(struct request *req, int status, int64_t retry_after_s);
void requests_refuse(void *ingest); /* those whose time has come */
/* A line in the log for what was refused, dead-lettered or failed: at most one a second for the same reason and account. */
void request_log(const struct request *req, int status, const char *event, const char *why, struct str detail);

/* flow.c: from the complete body to the answer, in steps that may wait. */
void flow_run(struct request *req);
/* Its turn has come (turns.h). */
void flow_resume(struct request *req);

#endif
