/* A request under construction: URL, headers and body. Invariant: nothing that comes from an account or a message can
 * end a path segment, a header or a JSON string early. */
#ifndef PROVIDER_REQUEST_H
#define PROVIDER_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "http/sender.h"

#define PROVIDER_HEADERS 6

struct provider_request {
	enum http_method method;
	struct buf url; /* NUL-terminated */
	struct buf body; /* empty: none */
	struct buf header_text; /* secret */
	const char *headers[PROVIDER_HEADERS + 1]; /* "name: value", NULL-terminated, in header_text */
	size_t path_at; /* where the path below the instance begins in url */
};

/* Zeroed is ready to be built; a built one may be built again, which reuses its memory. */
void provider_request_fini(struct provider_request *r); /* wipes the headers */

/* For the providers. Begins at the instance: an http or https URL without user, query and fragment. ERR_INPUT. */
int provider_request_begin(struct provider_request *r, enum http_method method, struct str base_url,
	struct err *err) ERR_MUST_USE;
void provider_request_path(struct provider_request *r, const char *literal); /* "/message/sendText/" */
/* A path segment or the value of a query, percent-encoded. ERR_INPUT when empty, "." or "..": a server would resolve
 * them. `what` names it in the error. */
int provider_request_segment(struct provider_request *r, struct str segment, const char *what,
	struct err *err) ERR_MUST_USE;
/* prefix + secret, as "authorization: Bearer " and a token. ERR_INPUT when the secret is empty or not printable ASCII;
 * the message does not quote it. */
int provider_request_secret(struct provider_request *r, const char *prefix, struct str secret,
	struct err *err) ERR_MUST_USE;
/* Ends URL and headers; adds content-type when there is a body. */
void provider_request_end(struct provider_request *r);

#endif
