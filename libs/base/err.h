/* Errors whose kind tells the caller what to do.
 *
 * Every fallible function returns 0 or -1, takes `struct err *err` last, and leaves its outputs untouched on failure.
 * Callers act on the kind alone; the reason goes into the header of a dead letter; code and message are for logs and
 * operators, and no code branches on them. Messages never contain a secret, message text or a full phone number.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/dead_reason.h"

#define ERR_MUST_USE __attribute__((warn_unused_result))

enum err_kind {
	ERR_NONE = 0,
	ERR_RETRY,    /* back off and try again; commit nothing */
	ERR_INPUT,    /* the input is invalid: dead letter or 4xx */
	ERR_CONFLICT, /* already done */
	ERR_FENCED, /* another replica owns the partition now; nothing was written; wait until it is assigned again */
	ERR_BUSY, /* back-pressure: answer 503, or pause the source */
	ERR_FATAL, /* log and exit */
	ERR_USAGE, /* the command line is invalid: print the usage */
	ERR_CONFIG, /* the configuration of a command is invalid or incomplete: nothing was attempted */
	ERR_CANCELLED, /* cancelled on request: neither completed nor failed */
};

struct err {
	enum err_kind kind;
	enum dead_reason reason; /* set by err_reject(), else DEAD_NONE */
	char code[16]; /* SQLSTATE, HTTP status, librdkafka or libcurl code, or a short identifier defined by Blazz */
	char msg[240]; /* one line, truncated */
};

/* Fills *err (which may be NULL) and returns -1, so that callers write `return err_set(err, ...)`. */
int err_set(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Rejects external input: ERR_INPUT with that reason, and the reason's word as the code. Returns -1. */
int err_reject(struct err *err, enum dead_reason reason, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prepends "prefix: " to the message and keeps everything else. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "retry", "input", ... for logs. */
const char *err_kind_name(enum err_kind kind);

#endif
