/* The steps of a call, in the metadata of its message. */
#ifndef CHAT_SYNC_METADATA_CALL_H
#define CHAT_SYNC_METADATA_CALL_H

#include "base/arena.h"
#include "wire/inbound.h"

/* Adds a step of a call to "steps", "outcome" and "duration" (seconds, of an answered call); see rules.h. True when outcome or duration
 * changed; *out has the step in either case. */
bool metadata_call(struct str metadata, const struct in_call *c, struct arena *a, struct str *out);

#endif
