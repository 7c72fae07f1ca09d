/* One request that was let on: from its header to its answer, and beyond it as long as Kafka still has records of it. */
#ifndef INGEST_REQUEST_H
#define INGEST_REQUEST_H

#include "ingest/ingest.h"
#include "ingest/routes.h"

struct request {
	TAILQ_ENTRY(request) link; /* in ingest's deadlines or idle */
	struct ingest *ingest;
	struct http_request *http; /* NULL: answered or gone */
	const struct route *route;
	struct uuid target; /* of the URL; else nil */
	struct arena *arena;
	size_t reserved_bytes;
	int64_t now_ms, deadline_mono_ms; /* 0: not handled yet */
	uint8_t source_key[16];
	size_t source_key_n;
	struct str traceparent;
	char trace_own[56];

	size_t step; /* of flow_run() */
	struct directory_wait wait;
	struct auth_claims claims;
	struct json_doc *doc;
	const struct catalogue_account *account; /* only until the next wait */
	const struct catalogue_app *app; /* likewise */
	struct uuid workspace_id, account_id; /* for the log; nil: not known */

	struct intake intake;
	bool publishing;
	int64_t published_mono_us;
	struct publication publication;
};

/* With its bytes counted; http's user from now on. */
struct request *request_new(struct ingest *in, struct http_request *http, const struct route *route,
	const struct uuid *target, size_t reserved_bytes);
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
/* 503 with a line in the log that says why. */
void request_unavailable(struct request *req, const char *why, const struct err *err);
/* One line in the log for what was refused, dead-lettered or failed. */
void request_log(const struct request *req, int status, const char *event, const char *why, struct str detail);

/* flow.c: from the complete body to the answer, in steps that may wait. */
void flow_run(struct request *req);

#endif
