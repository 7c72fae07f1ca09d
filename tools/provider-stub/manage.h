/* Calls to instances of bridges: which they are, what they do to a session's state, and how each kind answers. The other
 * half of libs/bridge, written from the same documents. */
#ifndef PROVIDER_STUB_MANAGE_H
#define PROVIDER_STUB_MANAGE_H

#include "instances.h"

/* What a call led to. */
enum managed {
	MANAGED_DONE,
	MANAGED_EXISTS, /* CREATE */
	MANAGED_RUNS, /* START */
	MANAGED_STOPPED_ALREADY, /* LOGOUT of Evolution */
	MANAGED_ABSENT,
	MANAGED_STALE, /* an epoch below the highest seen */
	MANAGED_NO_LEASE,
	MANAGED_OPEN, /* DELETE of Evolution */
	MANAGED_NO_QR,
	MANAGED_INVALID,
};

/* Finds act and session by method and path below the instance. False: no such route. */
bool manage_route(struct stub_call *c, enum stub_provider provider, struct str method, struct str path);
/* Sets the account from the body, where the path has none. */
void manage_name(struct stub_call *c);
/* Does it. *l is set when the session is known. */
enum managed manage_do(struct instance *at, const struct stub_call *c, int64_t now_mono_ms, struct live **l);
/* Writes the answer of the instance's kind. */
void manage_answer(struct instance *at, const struct stub_call *c, const struct live *l, enum managed result,
	int64_t now_mono_ms, struct stub_answer *out);

#endif
