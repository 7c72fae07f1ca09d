/* What the files of the driver share: the campaigns that it works on, in memory, and one transaction.
 *
 *   driver.c     its life, and which of its parts runs
 *   change.c     a new state, and what is published of it
 *   list.c       campaigns in memory: a cache of rows, read again after partitions were revoked or a transaction failed
 *   command.c    what a command does, schedule.c when a campaign starts, audience.c who is meant: without a transaction
 *   apply.c      commands ─► begin.c: validates (plan.c, chunk.c) and writes segments
 *   sweep.c      schedules; counters.c: counters, completion; stalled.c: running campaigns without progress
 *   prepare.c    a chunk of an audience, retry.c of failed rows
 *
 * Invariant: what is in memory only ever repeats rows; every decision that is committed was made on a row that was read or
 * locked in that transaction. */
#ifndef CAMPAIGN_SENDER_DRIVER_PRIVATE_H
#define CAMPAIGN_SENDER_DRIVER_PRIVATE_H

#include "campaign-sender/driver/driver.h"
#include "campaign-sender/events/records.h"

struct driven {
	struct campaign_key key;
	struct uuid workspace, uuid;
	int32_t partition; /* of campaign-command */
	enum campaign_status status;
	bool prepared;
	bool retrying; /* failed rows are being made due: retry_cursor() */
	int64_t due_mono_ms; /* of a scheduled one */
	int quiet; /* how often its counters were found unchanged since they changed */
	int64_t ended_mono_ms; /* of one that has ended: since when that is known here */
	int64_t count_mono_ms; /* when they are added up next */
	int64_t moved_mono_ms; /* when they, or its status, last changed */
};

struct driver {
	const struct shared *shared;
	struct driven *at; /* by key */
	size_t n, cap;
	bool stale; /* to be read again: may be set while a statement waits */
	bool wake;
	int64_t stalled_mono_ms; /* when campaigns without progress are looked for next */
	struct campaign_key turn; /* the campaign that the last step worked on */
};

/* One transaction of the driver. */
struct driving {
	struct driver *d;
	const struct shared *shared;
	struct owner_tx *tx;
	struct pg *pg;
	struct arena *arena;
	int64_t now_us, mono_ms;
};
struct driving driving_open(struct driver *d, struct owner_tx *tx);
/* Publishes campaign.<what> with its counters, under the fence of its partition. */
void driving_record(const struct driving *w, const struct driven *c, const char *what,
	const struct campaign_counters *counters);
/* Writes the new state of a campaign that is locked, publishes campaign.<what> (NULL: nothing) with the code and reason of a
 * pause or the reason of a failure, and keeps the campaign in memory. */
int campaign_change(const struct driving *w, const struct campaign_row *row, const char *what,
	struct err *err) ERR_MUST_USE;

/* Reads the list again if it is out of date. */
int list_refresh(struct driving *w, const struct topic_partition *partitions, size_t n, struct err *err) ERR_MUST_USE;
/* Adds the campaign of a row that was read or written, or brings it up to date; one that is neither active nor ended is
 * removed. */
void list_put(const struct driving *w, const struct campaign_row *row);
struct driven *list_find(const struct driver *d, const struct campaign_key *key);
int campaign_key_cmp(const struct campaign_key *a, const struct campaign_key *b);
struct driven driven_of(const struct driving *w, const struct campaign_row *row);
bool driven_is_ended(const struct driven *c);
/* Forgets campaigns that ended so long ago that no status of their messages is to come. */
void list_forget(const struct driving *w);

/* Where RETRY_FAILED goes on, kept in audience_cursor of a campaign whose audience is written: "retry:<id>". */
bool retry_cursor(const struct campaign_row *row, int64_t *after_id);
struct str retry_cursor_text(int64_t after_id, struct arena *a);

#endif
