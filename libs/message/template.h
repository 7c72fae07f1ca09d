/* A Meta template, as its components describe it: what its parameters are, and its text. Pure.
 *
 * Source: Meta, Business Management API, Message templates: the field `components` of GET message_templates.
 */
#ifndef MESSAGE_TEMPLATE_H
#define MESSAGE_TEMPLATE_H

#include "base/arena.h"
#include "base/err.h"

#define TEMPLATE_MAX_BYTES      65536 /* of the JSON */
#define TEMPLATE_MAX_PARAMETERS 64 /* of one text; Meta allows 1,024 characters */
#define TEMPLATE_MAX_BUTTONS    10

/* A text with placeholders: {{1}}, {{2}} or {{first_name}}. */
struct template_text {
	struct str text;
	bool named;
	const struct str *names; /* named: each once, in the order of the text */
	size_t n; /* parameters: the number of names, or the highest number */
};

enum header_format { HEADER_NONE, HEADER_TEXT, HEADER_IMAGE, HEADER_VIDEO, HEADER_DOCUMENT, HEADER_LOCATION };

enum button_type {
	BUTTON_URL,
	BUTTON_QUICK_REPLY,
	BUTTON_COPY_CODE,
	BUTTON_OTP, /* of an authentication template: Meta builds its URL from the code */
	BUTTON_PHONE_NUMBER,
	BUTTON_FLOW,
	BUTTON_OTHER, /* what it needs is left to Meta */
};

struct template_button {
	enum button_type type;
	struct str text; /* absent where Meta chooses it */
	bool takes_text; /* its URL ends with a parameter */
};

struct template
{
	enum header_format header;
	struct template_text header_text; /* HEADER_TEXT */
	struct template_text body;
	struct str footer; /* absent: none */
	struct template_button buttons[TEMPLATE_MAX_BUTTONS];
	size_t n_buttons;
	struct str
		unsupported; /* the first component or header format that Blazz does not send (a carousel); else absent */
};

/* Parses the JSON list of components. Everything is copied into the arena. ERR_INPUT: it is not JSON, contradicts
 * itself, or passes one of the bounds above or of json.h; *out is then untouched. */
int template_parse(struct template *out, struct str components, struct arena *a, struct err *err) ERR_MUST_USE;

#endif
