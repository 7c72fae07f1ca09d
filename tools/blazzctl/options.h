/* A command's options as one table: parsing and --help are derived from it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/buf.h"
#include "base/err.h"

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_TEXTS, OPTION_NUMBER, OPTION_TIME, OPTION_DURATION };

/* The value is stored at an offset in the command's own struct: bool; const char *; struct option_texts; int64_t. A
 * member whose option is not given keeps its value. OPTION_TIME is RFC 3339 ("2026-01-31T12:00:00Z", "2026-01-31") or
 * an age ("2h", "30m", "7d"), in ms since 1970. OPTION_DURATION is "15s", "24h", in ms. */
struct option_row {
	const char *name; /* without -- */
	enum option_type type;
	size_t offset;
	const char *value; /* its placeholder in --help */
	const char *help;
};

#define OPTION_TEXTS_MAX 16
struct option_texts {
	const char *text[OPTION_TEXTS_MAX];
	size_t n;
};

/* Parses the options in argv ("--name value" or "--name=value", anywhere before "--") into *out and moves the other
 * arguments to its front; *n_rest is their number. Values are borrowed from argv. A row without a name terminates rows.
 * ERR_USAGE. */
int options_parse(const struct option_row *rows, void *out, int argc, char **argv, int64_t now_ms, int *n_rest,
	struct err *err) ERR_MUST_USE;
void options_help(const struct option_row *rows, struct buf *out);
/* Parse a value like that of OPTION_TIME and of OPTION_DURATION. */
bool option_time_parse(struct str text, int64_t now_ms, int64_t *out);
bool option_duration_parse(struct str text, int64_t *out);

#endif
