/* The votes of a poll, in the metadata of its message. */
#ifndef CHAT_SYNC_METADATA_VOTE_H
#define CHAT_SYNC_METADATA_VOTE_H

#include "base/arena.h"
#include "wire/inbound.h"

/* Takes one voter's vote into "votes": {"<voter>": {"at": ms, "options": [...]}}. It is kept under the first of the voter's names, and
 * replaces those under the others. Otherwise than taken, *out is unchanged. A poll's votes are written anew with each: beyond the
 * bounds one is refused. */
#define VOTE_MAX_BYTES  8192
#define VOTES_MAX_BYTES 262144
enum vote_effect {
	VOTE_OLD, /* one of that voter that is as new is there */
	VOTE_STORED,
	VOTE_OVER_LIMIT
};
struct voter {
	const struct str *names;
	size_t n;
};
enum vote_effect metadata_vote(struct str metadata, struct voter voter, const struct str *options, size_t n,
	int64_t at_ms, struct arena *a, struct str *out);

#endif
