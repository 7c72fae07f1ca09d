/* What the files of the pipeline share. A file calls only those further down in this list:
 *
 *   pipeline                               the order of steps
 *   pipeline_auth, pipeline_meta           authentication; Meta's accounts and items
 *   pipeline_body                          parsing, and reading the other dialects
 *   pipeline_publish, pipeline_charges     Kafka; rate limits of accounts
 *   pipeline_lookup, pipeline_rejections   the account cache; the answers 400, 401, 403 and 422
 */
#ifndef INGEST_PIPELINE_STEPS_H
#define INGEST_PIPELINE_STEPS_H

#include "ingest/requests/request.h"

enum step_result {
	STEP_NEXT, /* run the next step */
	STEP_WAIT, /* the request waits for PostgreSQL, after which this step is repeated; or for its turn */
	STEP_DONE, /* the request is answered, or Kafka has its records; it may be recycled already */
};

/* pipeline_auth.c: finds the account or the app, and verifies the credentials over the raw body. */
enum step_result step_claims(struct request *req);
enum step_result step_account_of_url(struct request *req);
enum step_result step_account_of_session(struct request *req);
enum step_result step_bridge_kind(struct request *req);
enum step_result step_app(struct request *req);
enum step_result step_verify_app(struct request *req);
enum step_result step_challenge(struct request *req); /* Meta's subscription check */

/* pipeline_charges.c: rate limits of accounts. */
enum step_result step_account_rate(struct request *req);
enum step_result step_sync_rate(struct request *req);
/* How long until the account's bucket has a token again; 0: it has one. */
int64_t pipeline_account_wait_ms(const struct request *req, const struct uuid *account);
/* Charges the accounts of the body's items, once per request. */
void pipeline_charge(struct request *req);
enum step_result pipeline_refuse_account(struct request *req, int64_t wait_ms); /* 429 */

/* pipeline_body.c: parses and reads a body. */
enum step_result step_parse(struct request *req);
enum step_result step_read(struct request *req);
enum step_result step_too_large(struct request *req); /* of a body that exceeds a bound nothing else is published */
/* Makes one dead letter of the whole body, without secrets where it is JSON, and publishes it. */
enum step_result pipeline_dead_letter_body(struct request *req, enum dead_reason reason, const struct err *err);

/* pipeline_meta.c: the accounts that a body of Meta's names, and its items. */
enum step_result step_references(struct request *req);
enum step_result step_read_meta(struct request *req);

/* pipeline_publish.c: hands events and dead letters to Kafka, and answers once all of them are acknowledged. */
enum step_result pipeline_publish(struct request *req);

/* pipeline_lookup.c: the account cache. */
const struct catalogue *pipeline_catalogue(const struct request *req);
/* Whether the name is cached, known to be absent, or has to be fetched. */
enum knowledge pipeline_knows(const struct request *req, const struct name *name);
/* Fetches the names from PostgreSQL. Frees the parsed body. STEP_WAIT, or STEP_DONE when the request is answered with
 * 503. */
enum step_result pipeline_fetch(struct request *req, const struct name *names, size_t n);
/* Counts the lookup of an account or app. */
void pipeline_count_lookup(const struct request *req, bool found);

/* pipeline_rejections.c: each answers, and returns STEP_DONE. `why` is for the log. */
/* 401, delayed (request_answer_delayed()), or 429 when the source has failed too often. */
enum step_result pipeline_reject_unauthorized(struct request *req, const char *why);
/* The same at once: for what the request itself lacks, which reveals nothing about the accounts here. */
enum step_result pipeline_reject_unauthorized_at_once(struct request *req, const char *why);
/* 403, for Meta's subscription check; else as pipeline_reject_unauthorized(). */
enum step_result pipeline_reject_verify_token(struct request *req);
enum step_result pipeline_reject_body(struct request *req, const struct err *err); /* 400 */
enum step_result pipeline_reject_items(struct request *req); /* 422, with the rejected items as details */

#endif
