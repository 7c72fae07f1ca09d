/* Metrics of chat-sync; see report.h. */
#include "chat-sync/report.h"

#include <string.h>

void report_init(struct report *r)
{
	static const double seconds[] = { 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, -1 };

	*r = (struct report){
		.cache = metric_counter("blazz_chat_sync_cache", "What batches looked up among what is kept in memory.",
			"cache,result"),
		.events = metric_counter("blazz_chat_sync_events", "Events by kind and effect.", "kind,effect"),
		.gaps = metric_counter("blazz_chat_sync_gaps",
			"Signs of something missing: expired updates, failed syncs.", "kind"),
		.disconnects = metric_counter("blazz_chat_sync_disconnects", "Sessions lost, by reason.", "reason"),
		.syncs = metric_counter("blazz_chat_sync_syncs", "Initial syncs that started, completed, failed.",
			"status"),
		.sync_seconds = metric_histogram("blazz_chat_sync_sync_seconds",
			"Time of a completed sync, from its first batch to its last.", NULL, seconds),
		.over_limit = metric_counter("blazz_chat_sync_over_limit",
			"What was left out because there is too much of it.", "what"),
		.sync_chats = metric_counter("blazz_chat_sync_sync_chats",
			"Chats of syncs that ended, by what became of them.", "result"),
	};
}

void report_cache(struct report *r, const char *cache, size_t hits, size_t misses)
{
	metric_add(METRIC_CELL(r->cache, cache, "hit"), (int64_t)hits);
	metric_add(METRIC_CELL(r->cache, cache, "miss"), (int64_t)misses);
}

void report_disconnect(struct report *r, struct str reason)
{
	for (enum session_reason k = REASON_NONE; k < REASON_UNKNOWN; k++)
		if (str_is(reason, session_reason_word(k))) {
			metric_add(METRIC_CELL(r->disconnects, session_reason_word(k)), 1);
			return;
		}
	metric_add(METRIC_CELL(r->disconnects, session_reason_word(REASON_UNKNOWN)), 1);
}

void report_sync(struct report *r, const char *status, const struct sync_state *s)
{
	metric_add(METRIC_CELL(r->syncs, status), 1);
	if (strcmp(status, "started") == 0)
		return;
	metric_add(METRIC_CELL(r->sync_chats, "synced"), s->synced);
	metric_add(METRIC_CELL(r->sync_chats, "skipped"), s->skipped);
	metric_add(METRIC_CELL(r->sync_chats, "rejected"), s->rejected);
	if (s->complete)
		metric_observe(METRIC_CELL(r->sync_seconds, NULL), (double)sync_duration_ms(s) / 1e3);
}

void report_over_limit(struct report *r, const char *what, size_t n)
{
	if (n > 0)
		metric_add(METRIC_CELL(r->over_limit, what), (int64_t)n);
}
