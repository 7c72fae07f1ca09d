/* What each kind of bridge knows: its routes, the bodies of its requests, and how it says things. Private. */
#ifndef BRIDGE_KIND_H
#define BRIDGE_KIND_H

#include "bridge/answer.h"
#include "json/json.h"
#include "json/writer.h"

struct bridge_route {
	enum http_method method;
	const char *path; /* "{}" stands for the session's name; NULL: the kind has no such call */
};

/* An answer with a JSON body, or with none. */
struct bridge_reading {
	const struct bridge_call *call;
	const json *body; /* NULL: none */
	int status;
	struct arena *arena;
	struct bridge_answer *out;
};

struct bridge_api {
	const char *key_header; /* "x-api-key: "; NULL: requests are signed */
	bool forbidden_is_bad_key; /* 403 */
	struct bridge_route routes[BRIDGE_ACTIONS];
	/* The request's JSON; NULL: no call has any. */
	void (*body_write)(struct json_writer *w, const struct bridge_call *call, struct arena *a);
	bool (*has_body)(enum bridge_action action);
	/* Called for 2xx, and for refusals other than 401, 429 and 5xx. The outcome is BRIDGE_OK or BRIDGE_REJECTED by then. */
	void (*read)(struct bridge_reading *r);
};

extern const struct bridge_api bridge_api_blazz, bridge_api_waha, bridge_api_evolution, bridge_api_wwebjs;
/* NULL of BRIDGE_NONE. */
const struct bridge_api *bridge_api_of(enum bridge_kind kind);

bool bridge_is_about_session(enum bridge_action action);

/* For the kinds. */

bool bridge_is_success(const struct bridge_reading *r); /* 2xx */
/* 404 with a JSON object: the session is gone, unless it was to be created; `text` is the bridge's message: "Cannot GET
 * /path" is about the route, not the session. */
void bridge_absence_read(struct bridge_reading *r, struct str text);
void bridge_gone(struct bridge_reading *r);
void bridge_odd(struct bridge_reading *r, enum bridge_oddity oddity); /* the answer says nothing: busy */
void bridge_error_text(struct bridge_reading *r, struct str text);
/* False: the answer names another session than the one asked for, and is odd. An absent name fits. */
bool bridge_name_check(struct bridge_reading *r, struct str name);
/* The state by a bridge's word; *known is false for words that are not in the table. */
enum bridge_observed bridge_observed_of(struct str word, bool *known);
/* Observes a state; an unknown word is odd, and an absent one says nothing. */
void bridge_state_read(struct bridge_reading *r, struct str word);
/* The digits of "6281234567890:4@s.whatsapp.net", "…@c.us" or plain digits; anything else is absent. In the arena. */
struct str bridge_phone(struct str address, struct arena *a);
/* Each item of an array becomes a session, those without a usable name are skipped. */
void bridge_list_read(struct bridge_reading *r, const json *list,
	void (*item)(const json *v, struct bridge_listed *out, struct bridge_reading *r));

#endif
