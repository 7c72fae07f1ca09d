/* The parameters of a template message: Meta's `template.components`, whose texts may contain variables (text.h).
 * Parsed once, checked against the template, written once for each recipient. Pure.
 *
 *   [{"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.com/{{var.image}}.png"}}]},
 *    {"type": "body", "parameters": [{"type": "text", "text": "{{contact.first_name|there}}"}]},
 *    {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "{{var.code}}"}]}]
 *
 * Source: Meta, Cloud API, Messages: the template object and its components.
 */
#ifndef MESSAGE_PARAMETERS_H
#define MESSAGE_PARAMETERS_H

#include "message/template.h"
#include "message/text.h"

#define PARAMETERS_MAX_BYTES      65536 /* of the JSON */
#define PARAMETERS_MAX_COMPONENTS 12 /* header, body, ten buttons */
#define PARAMETER_MAX_CHARS       1024 /* of a text, a payload or a code, as it is sent */
#define PARAMETER_MAX_LINK_CHARS  2048 /* of each member of a header's media or location */
#define PARAMETER_MAX_MEMBERS     8

enum parameter_kind {
	PARAMETER_TEXT,
	PARAMETER_CURRENCY,
	PARAMETER_DATE_TIME,
	PARAMETER_IMAGE,
	PARAMETER_VIDEO,
	PARAMETER_DOCUMENT,
	PARAMETER_LOCATION,
	PARAMETER_PAYLOAD, /* of a quick reply */
	PARAMETER_COUPON_CODE, /* of a button that copies it */
	PARAMETER_ACTION, /* of a flow and other buttons */
};

/* "link", "id", "filename", "latitude", … */
struct parameter_member {
	struct str key;
	struct text text;
	struct str number; /* as written; absent: it is a text */
};

struct parameter {
	enum parameter_kind kind;
	struct str name; /* parameter_name; absent: it has none */
	struct text text; /* text, payload, coupon_code; of currency and date_time what is shown */
	const struct parameter_member *members; /* image, video, document, location */
	size_t n_members;
	struct str raw; /* currency, date_time, action: JSON, sent as it is */
};

enum component_kind { COMPONENT_HEADER, COMPONENT_BODY, COMPONENT_BUTTON };
struct component {
	enum component_kind kind;
	struct str sub_type; /* of a button, as written */
	size_t index; /* of a button, from 0 */
	const struct parameter *parameters;
	size_t n;
};

struct parameters {
	struct component components[PARAMETERS_MAX_COMPONENTS];
	size_t n;
};

/* Parses the JSON list, which may be absent. variables: whether texts contain variables (those of a campaign do, those
 * of a direct message are sent as they are). Everything is copied into the arena. -1 after adding to `why` each fault
 * that does not need the template to be found; *out is then untouched. */
int parameters_parse(struct parameters *out, struct str list, bool variables, struct arena *a,
	struct reasons *why) ERR_MUST_USE;

/* Adds to `why` each reason for which Meta would reject these parameters of that template: numbers and names of
 * parameters, media that the header needs, what a button needs, components that the template does not have. */
void parameters_check(const struct parameters *p, const struct template *t, struct reasons *why);

/* The variables of all parameters, in their order, in the arena: to compare them with what an audience has. */
const struct reference *const *parameters_references(const struct parameters *p, struct arena *a, size_t *n);

/* Appends the JSON list for one recipient, as it stands in Meta's request. On TEXT_MISSING *missing as for
 * text_write(). For any result but TEXT_WRITTEN, out is unchanged. */
enum text_outcome parameters_write(const struct parameters *p, const struct values *v, struct buf *out,
	struct str *missing) ERR_MUST_USE;

/* What the recipient reads: appends a text of the template (its header_text or body) with the parameters in place. A
 * placeholder without a parameter, or with one that has no text, stays as it is. At most TEMPLATE_SHOWN_CHARS: a longer
 * text is cut (grapheme.h). */
#define TEMPLATE_SHOWN_CHARS 4096
void parameters_show(const struct parameters *p, const struct template_text *t, enum component_kind part,
	const struct values *v, struct buf *out);

/* The component of that kind, for buttons with that index; NULL: none. */
const struct component *parameters_component(const struct parameters *p, enum component_kind kind, size_t index);

#endif
