/* What chat-sync says of itself: metrics whose labels are closed sets, and limits of the log lines that an account can cause as often as
 * it likes. */
#ifndef CHAT_SYNC_REPORT_H
#define CHAT_SYNC_REPORT_H

#include "base/log_limit.h"
#include "metrics/metrics.h"
#include "store/syncs.h"

struct report {
	struct metric *cache, *events, *gaps, *disconnects, *syncs, *sync_seconds, *sync_chats, *over_limit;
	struct log_limit refused, sync_started, sync_ended, session_changed, session_silent, history_stalled;
};

void report_init(struct report *r);
/* cache: "accounts", "contacts", "groups", "conversations". Misses: what the database was asked for. */
void report_cache(struct report *r, const char *cache, size_t hits, size_t misses);
/* reason: of whatsapp_accounts.disconnect_reason; absent: unknown. */
void report_disconnect(struct report *r, struct str reason);
/* status: "started", "completed", "failed". */
void report_sync(struct report *r, const char *status, const struct sync_state *s);

/* What was left out because there is too much of it. what: "members", "votes", "parked". */
void report_over_limit(struct report *r, const char *what, size_t n);

#endif
