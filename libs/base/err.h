/* Errors that carry the decision.
 *
 * Every fallible function returns 0 or -1, takes `struct err *err` last, and leaves its outputs untouched on
 * failure. The kind says what the caller does, and the reason what a dead letter of it says; nothing is decided on the
 * code, which is for the log and for people, as is the message.
 * Messages never hold a secret, message text or a full phone number.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/dead_reason.h"

#define ERR_MUST_USE __attribute__((warn_unused_result))

enum err_kind {
	ERR_NONE = 0,
	ERR_RETRY,    /* back off and try again; commit nothing */
	ERR_INPUT,    /* the input is at fault: dead letter or 4xx */
	ERR_CONFLICT, /* already done */
	ERR_FENCED, /* another owner took over, and nothing was written: leave it alone until it is assigned again */
	ERR_BUSY, /* push back: 503, or suspend the source */
	ERR_FATAL, /* log and exit */
	ERR_USAGE, /* a command line that is wrong: show how the command is used */
	ERR_CONFIG, /* a command's configuration is wrong or lacks something: nothing was tried */
	ERR_CANCELLED, /* ended early on request: neither done nor failed */
};

struct err {
	enum err_kind kind;
	enum dead_reason reason; /* of an ERR_INPUT made by err_reject(), else DEAD_NONE */
	char code[16]; /* SQLSTATE, HTTP status, librdkafka or libcurl code, or a short word of ours */
	char msg[240]; /* one line, truncated */
};

/* Fills *err (which may be NULL) and returns -1, so that callers write `return err_set(err, ...)`. */
int err_set(struct err *err, enum err_kind kind, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Rejects input from outside: ERR_INPUT with that reason, whose word is the code. Returns -1. */
int err_reject(struct err *err, enum dead_reason reason, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message and keeps the rest. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "retry", "input", ... for logs. */
const char *err_kind_name(enum err_kind kind);

#endif
