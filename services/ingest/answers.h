/* The JSON bodies of answers (README.md, Answers). Pure. */
#ifndef INGEST_ANSWERS_H
#define INGEST_ANSWERS_H

#include "base/buf.h"
#include "ingest/dialects/intake.h"

#define ANSWER_MAX_DETAILS 100

/* Appends {"status":"queued","events":n,"rejected":m}. */
void answer_queued(struct buf *out, size_t events, size_t rejected);
/* Appends {"error":"..."}: the status in words. */
void answer_error(struct buf *out, const char *error);
/* Appends {"error":"...","details":[{"path":"...","message":"..."}]}: a body that cannot be read as a whole. A message that
 * begins with a path ("data.message: not an object") is taken apart; without one the path is "". */
void answer_invalid(struct buf *out, const char *error, const char *message);
/* The same with a detail per rejected item, the first ANSWER_MAX_DETAILS of them. */
void answer_rejected(struct buf *out, const char *error, const struct intake_reject *rejected, size_t n);

/* "unauthorized" for 401 and so on. */
const char *answer_word(int status);

#endif
