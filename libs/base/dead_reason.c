/* The reasons as text; see dead_reason.h. */
#include "base/dead_reason.h"

static const char *const words[DEAD_REASONS] = {
	[DEAD_NONE] = "none",
	[DEAD_DECODE] = "decode",
	[DEAD_UNSUPPORTED] = "unsupported",
	[DEAD_RULE] = "rule",
	[DEAD_UNKNOWN_REFERENCE] = "unknown_reference",
	[DEAD_EXPIRED] = "expired",
	[DEAD_DATA_ERROR] = "data_error",
	[DEAD_TOO_LARGE] = "too_large",
	[DEAD_EXHAUSTED] = "exhausted",
};

const char *dead_reason_word(enum dead_reason reason)
{
	return words[reason];
}
