/* Accounts as cleanup manages them: what is desired, reported and observed of their sessions, and where they are. Role
 * blazz_cleanup.
 *
 * Times are us since the epoch, PG_NO_TIME for never. Statements that change an account repeat the condition under which
 * cleanup decided: a change that another program has made meanwhile wins. */
#ifndef STORE_CLEANUP_ACCOUNTS_H
#define STORE_CLEANUP_ACCOUNTS_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

/* The row of account_control. */
struct account_control {
	int64_t epoch; /* of the assignment; written by store_cleanup_assign() only */
	struct str observed; /* absent: not observed yet */
	int64_t observed_us;
	struct str action, outcome, reason, error; /* of the last call; reason: why the desired state is not reached */
	int64_t attempt, next_us;
	int64_t restarted_us, relinked_us, moved_us; /* the latest requests that were carried out */
	int64_t starts, starts_since_us, started_us; /* by itself, after losses */
	int64_t gone_us;
};

struct cleanup_account {
	int64_t workspace_id, id;
	struct uuid workspace, uuid;
	enum provider provider;
	enum bridge_kind bridge;
	struct str session_id, provider_ref, phone_number, phone_number_id, secrets; /* secrets: sealed */
	/* "connected", "disconnected" or "deleted"; of a deleted workspace disconnected while it can be restored, then deleted */
	struct str desired;
	bool workspace_deleted; /* its events have no effect */
	int64_t desired_us, restart_us, relink_us, move_us;
	int64_t move_to; /* an index, -1: none */
	struct str status, disconnect_reason, disconnect_details, reported_phone;
	int64_t status_since_us, status_at_us, disconnected_us, first_connected_us, active_us, created_us;
	int64_t deleted_us;
	int64_t instance_index, previous_index; /* -1: none */
	int64_t storage_checked_us; /* when its files were last looked for */
	struct str instance_url;
	struct account_control control;
};

/* Every account that may still have a session: live ones, and deleted ones whose session the bridge has not reported gone
 * (without an instance for at most a week), or that are desired anew. Strings are copied into the arena
 * that ops->arena() returned for the row. */
struct cleanup_account_ops {
	struct arena *(*arena)(void *ctx); /* for the next row */
	void (*each)(void *ctx, const struct cleanup_account *row, struct arena *a); /* takes the arena */
	void *ctx;
};
int store_cleanup_accounts(struct pg *pg, const struct cleanup_account_ops *ops, struct err *err) ERR_MUST_USE;
/* Those of these ids that exist, whatever their state. */
int store_cleanup_accounts_of(struct pg *pg, const struct uuid *uuids, size_t n, const struct cleanup_account_ops *ops,
	struct err *err) ERR_MUST_USE;

/* Which account a row is, without its texts. */
struct account_key {
	int64_t workspace_id, id;
};
/* Writes everything but the epoch. */
int store_cleanup_controls(struct pg *pg, const struct account_key *keys, const struct account_control *rows, size_t n,
	struct err *err) ERR_MUST_USE;

struct account_assignment {
	struct account_key account;
	int64_t from; /* the index that it has now, -1: none; a URL without an index is `to`'s own */
	int64_t to;
	bool migrated; /* counts as a migration: not the first assignment */
};
/* Assigns the instance's index and URL and raises the epoch, which *epoch gets. 0: the account has changed meanwhile. */
int store_cleanup_assign(struct pg *pg, const struct account_assignment *as, int64_t *epoch,
	struct err *err) ERR_MUST_USE;

/* Copies the URLs of instances that have changed to the accounts assigned to them. */
int store_cleanup_follow_urls(struct pg *pg, struct err *err) ERR_MUST_USE;

struct account_deletion {
	struct account_key account;
	struct str status; /* the account as it was when that was decided */
	int64_t status_since_us, desired_us;
	const char *type, *reason; /* of session_cleanup_logs */
	struct str details; /* may be absent */
};
/* Marks the account as deleted and writes the log; when it was its workspace's primary account, *primary gets the id of the one that now is,
 * else 0, also when none is left. 1: done; 0: the account has changed meanwhile. */
int store_cleanup_delete(struct pg *pg, const struct account_deletion *d, int64_t *primary,
	struct err *err) ERR_MUST_USE;
/* Brings a deleted account back that is desired anew, and gives its workspace a primary account. 0: it is not deleted, or its desire is not the one decided upon. ERR_CONFLICT: a live
 * account has its number or name by now. */
int store_cleanup_restore(struct pg *pg, const struct account_key *account, int64_t desired_us,
	struct err *err) ERR_MUST_USE;
/* A start of a session that had been connected. */
int store_cleanup_count_restore(struct pg *pg, const struct account_key *account, struct err *err) ERR_MUST_USE;

#endif
