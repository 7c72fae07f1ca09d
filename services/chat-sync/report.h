/* Metrics and log lines of chat-sync. Labels are closed sets; log lines that an account can cause without bound are limited.
 *
 * Invariant: what a batch did is counted and logged when the batch commits, once, however often it is retried. Cache look-ups count at once.
 */
#ifndef CHAT_SYNC_REPORT_H
#define CHAT_SYNC_REPORT_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "store/syncs.h"

/* A sync that started or ended. */
struct sync_report {
	struct uuid workspace, account;
	struct sync_state state; /* its strings live as long as the batch */
	int64_t max_chats, window_days;
	const char *status; /* "started", "completed", "failed" */
};

/* A session whose status changed. */
struct session_report {
	struct uuid account;
	char status[16], previous[16];
};

/* A counter's increment in transactions that are not committed yet. */
struct report_count {
	struct metric_cell *cell;
	int64_t n, marked;
};

struct report {
	struct metric *cache, *events, *gaps, *disconnects, *syncs, *sync_seconds, *sync_chats, *over_limit;
	struct log_limit rejected, sync_started, sync_ended, session_changed, session_silent, history_stalled;
	struct sync_report *sync_reports;
	size_t n_syncs, n_syncs_marked, cap_syncs;
	struct session_report *session_reports;
	size_t n_sessions, n_sessions_marked, cap_sessions;
	struct report_count *counts; /* one of each cell: the labels are closed sets */
	size_t n_counts, cap_counts;
};

void report_init(struct report *r);
/* cache: "accounts", "contacts", "groups", "conversations". A miss is a row that is read from the database. Counted at once, whether the
 * transaction commits or not. */
void report_cache(struct report *r, const char *cache, size_t hits, size_t misses);

/* The others are counted and logged by report_committed(). */
void report_event(struct report *r, const char *kind, const char *effect);
/* reason: of whatsapp_accounts.disconnect_reason; absent: unknown. */
void report_disconnect(struct report *r, struct str reason);
void report_gap(struct report *r, const char *kind);
/* Data left out because of a bound. what: "members", "votes", "parked". */
void report_over_limit(struct report *r, const char *what, size_t n);
/* A metric and a log line. */
void report_sync(struct report *r, const char *status, const struct sync_report *sync);
/* A log line. */
void report_session(struct report *r, const struct uuid *account, struct str status, struct str previous);
/* mark: what was reported so far stays if the transaction commits. undo: drops what was reported since the mark. */
void report_mark(struct report *r);
void report_undo(struct report *r);
void report_clear(struct report *r);
void report_committed(struct report *r);
void report_fini(struct report *r);

#endif
