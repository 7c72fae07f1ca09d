/* The steps of a call, in the metadata of its message. */
#ifndef CHAT_SYNC_METADATA_CALL_H
#define CHAT_SYNC_METADATA_CALL_H

#include "base/arena.h"
#include "wire/inbound.h"

/* Takes a step of a call into "steps", "outcome" and "duration" (seconds, when it was answered); see rules.h. True when outcome or
 * duration differ now; *out has the step in either case. */
bool metadata_call(struct str metadata, const struct in_call *c, struct arena *a, struct str *out);

#endif
