/* Checks daily that the files of each session are where its instance keeps them, and how large they are. Source: README.md, Storage.
 *
 * The root of all storage is a read-only mount. Invariant: nothing outside of it is read, whatever a path or a link says (openat2(2),
 * RESOLVE_BENEATH), and one account at a time is looked at, STORAGE_FILES_MAX files at most, in a thread of its own: a mount that hangs
 * ends these checks, and nothing else. */
#ifndef CLEANUP_STORAGE_H
#define CLEANUP_STORAGE_H

#include "cleanup/accounts/accounts.h"

#define STORAGE_FILES_MAX 20000
#define STORAGE_DEPTH_MAX 16

struct storage;

struct storage_options {
	struct accounts *accounts; /* borrowed, as fleet */
	struct fleet *fleet;
	const char *root; /* "": nothing is checked */
	int64_t interval_ms; /* between two checks of an account */
};

/* ERR_INPUT: the root is no directory. */
int storage_open(struct storage **out, const struct storage_options *options, struct err *err) ERR_MUST_USE;
void storage_close(struct storage **s);
/* Begins to look at the next account that is due, or writes what was found in a transaction of its own. On failure the caller calls
 * lease_fail(). */
int storage_turn(struct storage *s, const struct record_target *to, struct err *err) ERR_MUST_USE;

/* What is below a path, relative to the root. */
struct storage_found {
	bool exists;
	int64_t bytes; /* of its regular files */
};
/* ERR_INPUT: the path leaves the root, by a link too, or has too many files; *out says nothing then. */
int storage_measure(int root_fd, const char *path, struct storage_found *out, struct err *err) ERR_MUST_USE;

#endif
