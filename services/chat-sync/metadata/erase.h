/* What chats.metadata says of a person who is erased and did not write the message. */
#ifndef CHAT_SYNC_METADATA_ERASE_H
#define CHAT_SYNC_METADATA_ERASE_H

#include "base/arena.h"
#include "wire/erased_names.h"

/* Removes what a quote of the person says, which leaves the quoted message's key, and the person's votes. A quote without a sender counts as
 * the person's: whoever names this message knows that it is. False when there is nothing to remove; else *out is in the arena. */
bool metadata_erase(struct str metadata, const struct erased_names *names, struct arena *a, struct str *out);

#endif
