/* What chat-sync says of itself: metrics whose labels are closed sets, and limits of the log lines that an account can cause as often as
 * it likes. */
#ifndef CHAT_SYNC_REPORT_H
#define CHAT_SYNC_REPORT_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "store/syncs.h"

/* Of a sync that started or ended; told once that is committed. */
struct sync_report {
	struct uuid workspace, account;
	struct sync_state state; /* its strings live as long as the batch */
	int64_t max_chats, window_days;
	const char *status; /* "started", "completed", "failed" */
};

/* Of a session whose status changed; logged once that is committed. */
struct session_report {
	struct uuid account;
	char status[16], previous[16];
};

/* How often something happened in transactions that are not committed yet. */
struct report_count {
	struct metric_cell *cell;
	int64_t n, kept;
};

struct report {
	struct metric *cache, *events, *gaps, *disconnects, *syncs, *sync_seconds, *sync_chats, *over_limit;
	struct log_limit refused, sync_started, sync_ended, session_changed, session_silent, history_stalled;
	struct sync_report *sync_reports;
	size_t n_syncs, n_syncs_marked, cap_syncs;
	struct session_report *session_reports;
	size_t n_sessions, n_sessions_marked, cap_sessions;
	struct report_count *counts; /* one of each cell: the labels are closed sets */
	size_t n_counts, cap_counts;
};

void report_init(struct report *r);
/* cache: "accounts", "contacts", "groups", "conversations". Misses: what the database was asked for, at once, whatever becomes of the
 * transaction. */
void report_cache(struct report *r, const char *cache, size_t hits, size_t misses);

/* Counted with report_committed(), once, however often a batch is tried. */
void report_event(struct report *r, const char *kind, const char *effect);
/* reason: of whatsapp_accounts.disconnect_reason; absent: unknown. */
void report_disconnect(struct report *r, struct str reason);
void report_gap(struct report *r, const char *kind);
/* What was left out because there is too much of it. what: "members", "votes", "parked". */
void report_over_limit(struct report *r, const char *what, size_t n);
/* A metric and a log line. */
void report_sync(struct report *r, const char *status, const struct sync_report *news);
/* A log line. */
void report_session(struct report *r, const struct uuid *account, struct str status, struct str previous);
/* What came until now holds, if its transaction commits; what came since then does not. */
void report_mark(struct report *r);
void report_undo(struct report *r);
void report_clear(struct report *r);
void report_committed(struct report *r);
void report_fini(struct report *r);

#endif
