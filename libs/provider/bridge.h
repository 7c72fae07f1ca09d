/* What the bridges' requests and answers share. */
#ifndef PROVIDER_BRIDGE_H
#define PROVIDER_BRIDGE_H

#include "provider/webjs.h"

/* Appends the session's name to the path, or only checks that there is one. ERR_INPUT. */
int bridge_session_path(struct provider_request *r, const struct provider_account *from, struct err *err) ERR_MUST_USE;
int bridge_session_check(const struct provider_account *from, struct err *err) ERR_MUST_USE;

/* Decides an answer that is no success: by our contract's word, where the body has one, else by its status; 422 of other
 * kinds is a lost session when the body has a member `session`. A status of 4xx that a proxy may have sent (no JSON
 * object, and none of 401, 403 and 429) and 5xx stay undecided. */
void bridge_error_read(enum bridge_kind bridge, const json *body, int http_status, struct str word, struct str title,
	struct arena *a, struct provider_answer *out);

#endif
