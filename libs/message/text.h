/* The author's text of a campaign's message: compiled once, written once for each recipient. Pure.
 *
 *   Hi {{contact.first_name|there}}, {see you|until} {{var.day}}!
 *
 * A variable stands in double braces, with a fallback behind a bar for recipients without it. A choice, where the
 * caller allows it, stands in single braces; its options are texts with variables and choices of their own. Two braces
 * always begin a variable. A backslash before a brace or a bar makes it an ordinary character, also within a fallback.
 * Values and fallbacks are copied, never scanned: data cannot contain a variable.
 *
 * Everything is in the arena given to text_compile() and lives as long.
 */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include "base/buf.h"
#include "message/reasons.h"
#include "json/json.h"

#define TEXT_MAX_BYTES      16384 /* source: WhatsApp's 4,096 characters */
#define TEXT_MAX_REFERENCES 64
#define TEXT_MAX_CHOICES    64
#define TEXT_MAX_OPTIONS    32 /* of one choice */
#define TEXT_MAX_DEPTH      4 /* choices within each other */
#define TEXT_MAX_WRITTEN    65536 /* bytes, before they are cleaned */
#define VARIABLE_MAX_BYTES  64 /* NAME of var.NAME */

/* What the variables stand for; absent or without a visible character: the recipient has none. Borrowed, UTF-8. */
struct values {
	struct str first_name, last_name, full_name, phone, campaign_name;
	const json *vars; /* object; its strings and numbers are var.NAME */
};

struct reference {
	struct str variable; /* "contact.first_name", "var.day" */
	size_t field; /* offset in struct values; of vars: var.NAME */
	struct str key; /* NAME */
	struct str fallback; /* absent: none was given */
};

struct text_op;
struct text {
	const struct text_op *ops;
	size_t n_ops;
	const struct reference *references; /* in the order of the text */
	size_t n_references;
};

/* Compiles the source, which is copied. choices: whether single braces mean a choice. -1 after adding to `why` each
 * fault that was found, with the character (1-based) at which it begins; *out is then untouched. An empty source
 * compiles; it is never written (TEXT_MISSING). */
int text_compile(struct text *out, struct str source, bool choices, struct arena *a, struct reasons *why) ERR_MUST_USE;
/* A text without variables: braces in it have no meaning. The literal is borrowed. */
struct text text_literal(struct str literal, struct arena *a);

/* Whether a text can name the variable as var.NAME: 1 to 64 letters, digits, `_` and `-` of ASCII. */
bool variable_name_is_valid(struct str name);

enum text_form {
	TEXT_MESSAGE, /* sent as it is: data is written by clean_formatting(); the author's text is unchanged */
	TEXT_PARAMETER, /* of a template, to be read: written by clean_text(); longer than max_chars: cut (grapheme.h) */
	TEXT_TOKEN, /* of a template, for programs (a link, a code): written by clean_text(), never cut */
};

enum text_outcome {
	TEXT_WRITTEN,
	TEXT_MISSING, /* a variable without a fallback has no value, or nothing visible was written */
	TEXT_TOO_LONG, /* more than max_chars code points or TEXT_MAX_WRITTEN bytes, and the form does not allow a cut */
};

/* Appends the text for one recipient. random selects the options of the choices: the same number, the same text. On
 * TEXT_MISSING *missing is the first variable without a value, borrowed from the text, or absent if there is none. For
 * any result but TEXT_WRITTEN, out is unchanged. */
enum text_outcome text_write(const struct text *t, const struct values *v, enum text_form form, size_t max_chars,
	uint64_t random, struct buf *out, struct str *missing) ERR_MUST_USE;

#endif
