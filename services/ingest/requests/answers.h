/* The JSON bodies of responses (README.md, Answers). Pure. */
#ifndef INGEST_ANSWERS_H
#define INGEST_ANSWERS_H

#include "base/buf.h"
#include "ingest/dialects/intake.h"

#define ANSWER_MAX_DETAILS 100

/* Appends {"status":"queued","events":n,"rejected":m}. */
void answer_queued(struct buf *out, size_t events, size_t rejected);
/* Appends {"error":"..."}. */
void answer_error(struct buf *out, const char *error);
/* Appends {"error":"...","details":[{"path":"...","message":"..."}]}, for a body that is rejected as a whole. A
 * message that begins with a path ("data.message: not an object") is split at the colon; without one the path is "". */
void answer_invalid(struct buf *out, const char *error, const char *message);
/* The same with one detail per rejected item, for the first ANSWER_MAX_DETAILS of them. */
void answer_rejected(struct buf *out, const char *error, const struct intake_reject *rejected, size_t n);

/* The value of Retry-After for a wait: whole seconds, rounded up. */
int64_t answer_retry_after_s(int64_t wait_ms);
/* "unauthorized" for 401 and so on. */
const char *answer_word(int status);

#endif
