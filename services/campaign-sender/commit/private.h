/* What the files of the flush share.
 *
 *   flush.c      the transaction, top to bottom; transaction.c what its steps share
 *   concerned.c  which partitions and lanes it includes
 *   results.c    results as rows; dispatch.c the records that follow from them
 *   connected.c  accounts that send again
 *   backup.c     another account for messages that theirs cannot send
 *   restored.c   single messages that were sent before the database was restored
 *   check.c      what may be sent now
 *   mark.c       send_lanes and campaign_segments
 *   fetch.c      rows to be sent next
 *   acquire.c    lanes of acquired partitions, and what their former owner left
 *   segments.c   campaigns: running, paused, closed, moving
 *   failover.c   accounts that have been unusable for long; successor.c to which account a segment of theirs moves
 *
 * Pointers to lanes, segments and sends that wait are valid until a statement waits: flush_owns() tells whether they still are. */
#ifndef CAMPAIGN_SENDER_COMMIT_PRIVATE_H
#define CAMPAIGN_SENDER_COMMIT_PRIVATE_H

#include "campaign-sender/accounts/choice.h"
#include "campaign-sender/commit/flush.h"
#include "store/send_lanes.h"
#include "store/sends_intake.h"
#include "store/sends_results.h"

/* A row whose result is written in this transaction. */
struct written {
	struct journal_result *result; /* NULL: it waited for an account that cannot be used */
	struct send *waiting; /* then: in its lane */
	struct send_result row;
	int64_t campaign_id;
	struct str address, content;
	struct uuid request;
	enum send_kind kind;
	int64_t moved_to; /* account; 0: it stays */
};

struct lane_keys {
	struct send_lane_key *rows;
	size_t n, cap;
};
struct send_keys {
	struct send_key *rows;
	size_t n, cap;
};
struct account_uuids {
	struct uuid *rows;
	size_t n, cap;
};

/* A message that this process has marked in an epoch of its partition in which the outcome of that commit is not known. Only the next epoch's owner
 * finds that mark in in_flight; what a later one finds, another owner may have marked and sent. */
struct doubt {
	int64_t account_id, id, epoch;
};

/* A hold of an account. */
struct hold_key {
	int64_t account_id, held_at_us;
};

/* The epochs of a partition, one after the other, in which this process has had it. */
struct tenure {
	int64_t first, last;
};

struct flush {
	struct flush_options o;
	struct owner_tx *tx;
	struct arena *arena; /* of the transaction */
	struct journal *journal; /* being written; otherwise empty */
	struct map *doubtful; /* struct doubt: messages whose marking commit is in doubt. They were never begun */
	struct map *announced; /* struct hold_key: holds that are over, and have been said to be */
	uint64_t generation; /* of the owner, when the transaction began */
	int64_t now_ms, now_us;

	int32_t *acquired; /* partitions whose lanes are not read yet */
	size_t n_acquired, cap_acquired;
	struct tenure *tenures; /* by partition */
	size_t n_tenures, cap_tenures;
	bool lanes_stale, segments_stale;
	bool told; /* that campaigns have changed: rows may have come or become due */
	int64_t segments_at_ms, failover_at_ms, release_at_ms; /* when they are looked at next */
	size_t n_segments; /* that are not done, when they were read last */

	/* Of the transaction. */
	bool *included; /* by partition of outbound */
	int64_t *epochs; /* of included ones */
	int32_t any; /* an included one; -1: none */
	struct lane_keys lanes; /* to be locked, and then locked */
	struct written *written;
	size_t n_written;
	struct hold_key *ended_holds; /* that this transaction says to be over */
	size_t n_ended_holds, cap_ended_holds;
	struct send_keys released;
	struct account_uuids notified;
	struct send **chosen; /* CHOSEN, and from flush_check() on IN_FLIGHT */
	size_t n_chosen;
	bool admitted; /* flush_check() has run */
	int64_t checked_ms;
	struct portfolio_use *portfolio;
	size_t n_portfolio, cap_portfolio;
};

/* transaction.c */

struct topic_partition flush_partition(const struct flush *f, int32_t number);
/* -1: the partitions were revoked while a statement waited: nothing in memory is as it was. */
int flush_owns(const struct flush *f, struct err *err) ERR_MUST_USE;
struct record_target flush_target(const struct flush *f, int32_t partition);
/* The partition itself when it is included, else any other one. */
int32_t flush_slot(const struct flush *f, int32_t partition);
/* Of single messages through this account to this address the next one becomes due. */
void flush_release_address(struct flush *f, int64_t workspace_id, int64_t account_id, struct str address);
struct str doubt_key(const struct doubt *d);
/* The account's lane hears of rows that are due, on whatever replica it is. */
void flush_notify(struct flush *f, const struct account *account);

/* concerned.c */

/* Before the transaction. */
void concerned_collect(struct flush *f);
void concerned_include(struct flush *f, int32_t partition); /* when this replica owns it */
/* Before concerned_lock(). */
void concerned_add_lane(struct flush *f, int64_t workspace_id, int64_t account_id, int32_t partition);
/* Locks their lanes. Inside the transaction. */
int concerned_lock(struct flush *f, struct err *err) ERR_MUST_USE;
/* Whether concerned_lock() has locked the lane. */
bool concerned_has(const struct flush *f, int64_t workspace_id, int64_t account_id);

/* results.c, dispatch.c, backup.c */

/* Before the transaction: those of orphans that say nothing are dropped. */
void results_collect(struct flush *f);
/* Before the lanes are locked: chooses other accounts for results that fail over. */
int results_find_backups(struct flush *f, struct err *err) ERR_MUST_USE;
int results_write(struct flush *f, struct err *err) ERR_MUST_USE;
/* After the commit: their sends are freed. */
void results_release(struct flush *f);
bool results_has(const struct flush *f, int64_t workspace_id, int64_t id);
/* The account, which may be NULL, has sent: when its number was held by a code that disconnects it, that is over, which is said once for each
 * hold. connected_keep(): after the commit. */
void connected_note(struct flush *f, const struct account *a);
void connected_keep(struct flush *f);
int dispatches_emit(struct flush *f, struct err *err) ERR_MUST_USE;
/* One that failed without an attempt. */
void dispatch_failed(struct flush *f, const struct account *account, const struct send_row *row, int32_t partition,
	struct str reason);
void dispatch_unknown(struct flush *f, const struct account *account, const struct send_recovered *row,
	int32_t partition);
/* Chooses another account for these written rows. Those for which there is none stay as they are. */
int backups_choose(struct flush *f, const bool *wanted, const enum failover *rules, struct err *err) ERR_MUST_USE;

/* The others, in the order in which they run. */

int acquire_run(struct flush *f, struct err *err) ERR_MUST_USE;
/* In the arena. */
int32_t *partitions_owned(struct flush *f, size_t *n);
int segments_refresh(struct flush *f, struct err *err) ERR_MUST_USE;
/* Before flush_check() and before failover writes, which then find them changed. */
int restored_resolve(struct flush *f, struct send *const *sends, size_t n, struct err *err) ERR_MUST_USE;
int flush_check(struct flush *f, struct err *err) ERR_MUST_USE;
int flush_mark(struct flush *f, struct err *err) ERR_MUST_USE;
int flush_fetch(struct flush *f, struct err *err) ERR_MUST_USE;
/* What the code allows for which the account is held; FAILOVER_ANY when it is not held. */
enum failover failover_rule(const struct flush *f, int64_t workspace_id, int64_t account_id);
bool lane_is_stranded(const struct lane *lane, int64_t now_ms);
/* The campaign of a segment that may move; NULL: it stays as it is. */
const struct campaign *segment_to_move(const struct flush *f, const struct segment *s);
/* Before successor_of(): reads the templates that other accounts have for segments of stranded lanes. */
int successors_load(struct flush *f, struct err *err) ERR_MUST_USE;
/* NULL: no other account can send the segment. One of another provider only when none of the same can. */
const struct account *successor_of(struct flush *f, const struct segment *s, const struct campaign *c);
/* Whether an account has been unusable for so long that others are to send its messages. */
bool failover_wanted(const struct flush *f, int64_t now_ms);
int failover_run(struct flush *f, struct err *err) ERR_MUST_USE;
/* After its commit: messages that moved or failed leave their lanes. */
void failover_done(struct flush *f);
/* Tells the lane what its account is like now. */
void lane_update_account(struct flush *f, struct lane *lane);
/* Reads the accounts of all lanes that are not cached. */
int lanes_load_accounts(struct flush *f, struct err *err) ERR_MUST_USE;

#endif
