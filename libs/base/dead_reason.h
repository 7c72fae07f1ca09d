/* Why a record or row became a dead letter: the closed list of proto/README.md, Dead-letter headers (x-dlq-reason).
 *
 * An ERR_INPUT made by err_reject() carries the reason, so that callers need not know which check failed.
 */
#ifndef BASE_DEAD_REASON_H
#define BASE_DEAD_REASON_H

enum dead_reason {
	DEAD_NONE, /* the error does not concern a dead letter */
	DEAD_DECODE,
	DEAD_UNSUPPORTED,
	DEAD_RULE,
	DEAD_UNKNOWN_REFERENCE,
	DEAD_EXPIRED,
	DEAD_DATA_ERROR,
	DEAD_TOO_LARGE,
	DEAD_EXHAUSTED,
	DEAD_REASONS
};

/* "decode", "unsupported", ...; "none" for DEAD_NONE. */
const char *dead_reason_word(enum dead_reason reason);

#endif
