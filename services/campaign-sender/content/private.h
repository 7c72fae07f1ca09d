/* The compiled content of a campaign. Private to content/. */
#ifndef CAMPAIGN_SENDER_CONTENT_PRIVATE_H
#define CAMPAIGN_SENDER_CONTENT_PRIVATE_H

#include "campaign-sender/content/composition.h"
#include "provider/provider.h"

#define COMPOSITION_BUTTONS 3 /* source: Meta, interactive reply buttons */

/* A text of the author's with its limits. */
struct part {
	const char *name; /* for reasons: "body"; NULL: the content has no such part */
	struct text text;
	enum text_form form;
	size_t max_chars;
};

struct composed_button {
	struct str id; /* absent: its title */
	struct part title, url; /* url: of one that opens a page */
};

struct composition {
	struct uuid request, workspace;
	enum provider provider;
	int64_t requested_at_ms;
	struct str campaign_name;
	bool uses_vars;
	enum message_type type;
	struct send_template template; /* MSG_TEMPLATE; its components are written from parameters */
	struct parameters parameters;
	/* Of other types. Those without a part for each are joined: text, or the caption of a medium. */
	struct part header, body, footer;
	size_t max_chars; /* of the joined text */
	enum message_type header_media; /* MSG_NONE: none */
	struct media media; /* without url */
	struct part link;
	struct location location;
	struct composed_button buttons[COMPOSITION_BUTTONS]; /* MSG_INTERACTIVE */
	size_t n_buttons;
};

/* Every part that may be written, in the order of the message. */
#define COMPOSITION_PARTS (4 + 2 * COMPOSITION_BUTTONS)
size_t composition_parts(const struct composition *c, const struct part *out[static COMPOSITION_PARTS]);

/* instant.c, of type `instant`. Adds to `why`. */
void instant_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why);
/* part.c: compiles one part; false after adding to `why`, where a part is named as in `name`. */
bool part_compile(struct part *out, const char *name, struct str source, bool choices, enum text_form form,
	size_t max_chars, struct arena *a, struct reasons *why);
/* attachments.c: header_media and buttons_data. */
void media_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why);
void buttons_compile(struct composition *c, const struct campaign_row *d, enum provider provider, struct arena *a,
	struct reasons *why);

/* part.c: what each kind of account can carry. */
const struct provider_limits *limits_of_provider(enum provider provider);

#endif
