/* An admitted request: from its header until it is answered and Kafka no longer refers to its records.
 *
 * Invariant: the bytes that a request holds are counted in bytes_in_flight, those of its body until it is answered,
 * those of its records until Kafka has acknowledged them; until it is authenticated its body also counts against its
 * source.
 */
#ifndef INGEST_REQUEST_H
#define INGEST_REQUEST_H

#include "ingest/routes.h"
#include "ingest/state.h"
#include "ingest/stats.h"

struct request {
	TAILQ_ENTRY(request) link; /* in ingest's deadlines or idle */
	struct ingest *ingest;
	struct http_request *http; /* NULL: answered, or its client is gone */
	const struct route *route;
	struct uuid target; /* of the URL; else nil */
	struct arena *arena;
	size_t body_bytes; /* counted until it is answered */
	size_t kept_bytes; /* of the arena, counted until Kafka has acknowledged the records */
	int64_t now_ms, begun_mono_ms, deadline_mono_ms; /* 0: the body is not complete yet */
	uint8_t source_key[16];
	size_t source_key_n;
	struct source *source; /* NULL: authenticated */
	TAILQ_ENTRY(request) delayed; /* in ingest's delayed while delayed_status is set */
	int delayed_status;
	int64_t delayed_retry_s, delayed_until_mono_ms;
	struct str traceparent;
	char trace_own[56];

	size_t step; /* index of the pipeline's step that runs next, or waits */
	TAILQ_ENTRY(request) turn; /* in ingest's turns while queued is set */
	bool queued;
	struct account_cache_wait wait;
	struct auth_claims claims;
	enum auth_proof proof;
	bool fetched; /* names were fetched from PostgreSQL */
	struct str session; /* as the scan of the raw body found it */
	struct json_doc *doc; /* NULL while the request waits for PostgreSQL or Kafka */
	const struct catalogue_account *account; /* valid until the next wait or turn */
	const struct catalogue_app *app; /* likewise */
	struct uuid workspace_id, account_id; /* for the log; nil: not known */

	struct intake intake;
	bool publishing;
	int64_t published_mono_us;
	struct request_records records;
	struct kafka_publication publication;
};

/* Becomes the user of http. source: address_key(). */
struct request *request_new(struct ingest *in, struct http_request *http, const struct route *route,
	const struct uuid *target, struct str source);
/* The source's key; borrowed. */
struct str request_source(const struct request *req);
/* Counts n more bytes of the body. */
void request_grow(struct request *req, size_t n);
/* Its bytes no longer count against its source. */
void request_authenticated(struct request *req, enum auth_proof proof);
/* Counts the bytes of the arena, which hold the records, until Kafka has acknowledged them. ERR_BUSY: there is no
 * room. */
int request_keep(struct request *req, struct err *err) ERR_MUST_USE;
/* Makes room for n more bytes of req: closes the connections of unfinished bodies of others, the oldest first, then
 * answers other unauthenticated requests that wait for PostgreSQL with 503. False: that was not enough. req may be
 * NULL. */
bool request_make_room(struct ingest *in, const struct request *req, size_t n);
/* Ends the connection to the client, which was answered or is gone: cancels all waits but that for Kafka, after which
 * the memory is reused. */
void request_detach(struct request *req);
/* Reuses or frees the memory. Nothing may refer to the request any more. */
void request_recycle(struct request *req);
/* Sets the deadline; the body is complete. */
void request_begin(struct request *req);
/* Frees the idle ones. */
void requests_free(struct ingest *in);

/* Answers and detaches. body: JSON; absent: {"error": ...} for the status. retry_after_s: 0 for none. */
void request_answer(struct request *req, int status, struct str body, int64_t retry_after_s);
void request_answer_text(struct request *req, int status, struct str text);
/* Answers 429 or 503; counts and logs it. */
void request_refuse(struct request *req, int status, enum refusal why, int64_t retry_after_s);
/* Answers 503; counts it, and logs it with the error. */
void request_unavailable(struct request *req, enum refusal why, const struct err *err);
/* Answers later: a multiple of 25 ms after the body was complete. For rejections whose time would otherwise depend on
 * which accounts and secrets exist. */
void request_answer_delayed(struct request *req, int status, int64_t retry_after_s);
/* The callback of the timer: answers the requests that are due. ingest is a struct ingest. */
void requests_answer_delayed(void *ingest);
/* Logs a request that was rejected, refused, dead-lettered or failed: at most one line a second for each reason and
 * account. */
void request_log(const struct request *req, int status, const char *event, const char *why, struct str detail);

#endif
