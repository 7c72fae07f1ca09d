/* Private to accounts/. */
#ifndef CLEANUP_ACCOUNTS_PRIVATE_H
#define CLEANUP_ACCOUNTS_PRIVATE_H

#include "base/log_limit.h"
#include "base/map.h"
#include "cleanup/accounts/accounts.h"

struct accounts {
	struct accounts_options options;
	struct map *by_uuid; /* to struct account; freed by accounts_clear() only, as calls point to them */
	struct map *by_name; /* "<kind>:<session>" to struct account */
	struct account **list;
	size_t n, cap;
	struct uuid *reload; /* accounts whose rows have changed under a decision */
	size_t n_reload, cap_reload;
	bool pending; /* some account is to be written */
	int64_t since_us; /* when all accounts were read first: since this replica leads */
	int64_t ended; /* accounts that were deleted or expired as jobs asked */
	bool rooms_changed; /* accounts_assign() is due at once */
	int64_t assign_mono_ms; /* when it is due */
	struct log_limit strays;
};

/* table.c */
struct account *accounts_add(struct accounts *all, const struct cleanup_account *row); /* its row is still to be set */
void accounts_put_session(struct accounts *all, struct account *a); /* by its name */
/* The account that is assigned to this instance, with a session of this name; NULL: none. */
struct account *accounts_find_session(const struct accounts *all, enum bridge_kind kind, int64_t index,
	struct str name);
/* The account whose session this is although it is assigned elsewhere: it was here before, or no other account can have this name. NULL:
 * none. */
struct account *accounts_find_stray(const struct accounts *all, enum bridge_kind kind, int64_t index, struct str name);
/* Of a deleted account: whether a live one has a session of its name at this instance, or is about to, or another deleted one is known by
 * the name there. What runs there is that one's. */
bool account_name_is_taken(const struct account *a, const struct instance *at);
/* Of a deleted account: whether a live one has a session of its name at another instance of this one's storage group, or is about to. Both
 * have the same files. */
bool account_files_are_used(const struct account *a, const struct instance *at);
/* One of its sessions runs where it should not: logged now and then, and counted. */
void account_stray(const struct account *a, const struct instance *at);
/* The registered instance it is assigned to; NULL: none. */
struct instance *account_instance(const struct account *a);
void account_wake(struct account *a); /* to be decided about in the next turn */
void account_mark(struct account *a); /* its control row is to be written */
/* Publishes a notice, once while the account is not desired anew. */
void account_notice(struct account *a, enum account_notice_kind what);

/* observe.c: what a look that began at asked_us has found. */
void account_observe(struct account *a, enum bridge_observed observed, struct str phone, int64_t asked_us);
/* Checks whether a difference has lasted long enough to be published. */
void account_compare(struct account *a, int64_t now_us);

/* act.c: decides about one account and begins its next call. */
void account_step(struct account *a, int64_t now_us);

/* assign.c */
void accounts_count(struct accounts *all); /* counts the accounts of each instance */
void accounts_assign(struct accounts *all);
/* Whether the account is to leave its instance, and so is stopped there. */
bool account_moves(const struct account *a);

#endif
