/* Calls to a bridge about its sessions and itself: one table of routes for each kind. Pure: the caller sends the request
 * (http/sender), reads the answer with bridge_answer_read(), and decides. Invariant: a call may be repeated; after an
 * unknown outcome the caller looks. Source: README.md. */
#ifndef BRIDGE_CALL_H
#define BRIDGE_CALL_H

#include "base/arena.h"
#include "http/signing.h"
#include "provider/request.h"
#include "wire/party.h"

enum bridge_action {
	BRIDGE_PROBE, /* does the instance answer, with our key; kind blazz: renews its lease */
	BRIDGE_HEALTH, /* the same without a lease: kind blazz while it is down */
	BRIDGE_LIST,
	BRIDGE_LOOK,
	BRIDGE_CREATE,
	BRIDGE_UPDATE, /* WAHA: the settings of a session that exists, after CREATE was answered with "already done" */
	BRIDGE_START,
	BRIDGE_STOP,
	BRIDGE_RESTART, /* where the kind has none: STOP, then START */
	BRIDGE_LOGOUT,
	BRIDGE_DELETE,
	BRIDGE_FETCH_QR,
	BRIDGE_SYNC, /* posts the history again */
	BRIDGE_ACTIONS
};
const char *bridge_action_word(enum bridge_action action); /* "probe", "fetch_qr", ... */

struct bridge_instance {
	enum bridge_kind kind;
	struct uuid uuid;
	struct str url;
	struct str key; /* waha, evolution, wwebjs: the API key */
	const struct signing_keys *signing; /* blazz: of the instance's key */
};

/* The session that a call is about. Strings are borrowed. */
struct bridge_session {
	struct str name;
	/* Of CREATE and UPDATE, of blazz also START. */
	struct uuid workspace;
	int64_t epoch; /* blazz: accounts' assignment_epoch */
	struct str webhook_url;
	struct str webhook_secret; /* WAHA: key of the HMAC; Evolution: bearer token */
	const struct str *signing_keys; /* blazz: the account's */
	size_t n_signing_keys;
	struct str token; /* Evolution: the session's own API key; absent: Evolution makes one */
};

struct bridge_call {
	enum bridge_action action;
	struct bridge_session session; /* not of PROBE, HEALTH and LIST */
	struct str lease_token; /* PROBE of blazz: from the previous answer; absent: the first */
	int64_t lease_ttl_s;
};

struct bridge_request {
	struct provider_request http; /* its body may contain keys */
	int timeout_ms;
	size_t response_bytes; /* limit of the answer; a longer one is cut off and then is not JSON */
};
/* Zeroed is ready to be built; a built one may be built again. */
void bridge_request_fini(struct bridge_request *r); /* wipes headers and body */

/* Whether the kind has this call. Not: BRIDGE_STOP of Evolution, BRIDGE_RESTART of blazz, and others (README.md). */
bool bridge_has(enum bridge_kind kind, enum bridge_action action);
/* Whether a session of this kind may have this name: 1 to WIRE_MAX_ID_BYTES bytes, of wwebjs [A-Za-z0-9_-]. */
bool bridge_name_fits(enum bridge_kind kind, struct str name);
/* ERR_INPUT when the kind has no such call, or URL, key, name or webhook cannot be used; the message quotes none. */
int bridge_request_build(const struct bridge_instance *at, const struct bridge_call *call, int64_t now_ms,
	struct arena *a, struct bridge_request *out, struct err *err) ERR_MUST_USE;

#endif
