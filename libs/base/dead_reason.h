/* Why something became a dead letter: the closed list of proto/README.md, Dead-letter headers (x-dlq-reason).
 *
 * An ERR_INPUT that err_reject() made carries one, so that its caller need not know what was checked.
 */
#ifndef BASE_DEAD_REASON_H
#define BASE_DEAD_REASON_H

enum dead_reason {
	DEAD_NONE, /* of an error that says nothing about dead letters */
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

/* "decode", "unsupported", ...; "none" of DEAD_NONE. */
const char *dead_reason_word(enum dead_reason reason);

#endif
