/* The votes of a poll, in the metadata of its message. */
#ifndef CHAT_SYNC_METADATA_VOTE_H
#define CHAT_SYNC_METADATA_VOTE_H

#include "base/arena.h"
#include "wire/inbound.h"

/* Stores a vote in "votes": {"<voter>": {"at": ms, "options": [...]}}, under the first of the voter's names; it replaces the votes under the
 * other names. *out is unchanged unless the vote is stored. Each vote rewrites all votes of its poll: one beyond the bounds is ignored. */
#define VOTE_MAX_BYTES  8192
#define VOTES_MAX_BYTES 262144
enum vote_effect {
	VOTE_OLD, /* a vote of this voter is stored that is as new or newer */
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
