/* See report.h. */
#include "chat-sync/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

void report_init(struct report *r)
{
	static const double seconds[] = { 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, -1 };

	*r = (struct report){
		.cache = metric_counter("blazz_chat_sync_cache",
			"Cache look-ups of batches, by cache and result (hit, miss).", "cache,result"),
		.events = metric_counter("blazz_chat_sync_events", "Events by kind and effect.", "kind,effect"),
		.gaps = metric_counter("blazz_chat_sync_gaps", "Signs of missing data, by kind.", "kind"),
		.disconnects = metric_counter("blazz_chat_sync_disconnects",
			"Sessions that disconnected or failed, by reason.", "reason"),
		.syncs = metric_counter("blazz_chat_sync_syncs", "Initial syncs that started, completed or failed.",
			"status"),
		.sync_seconds = metric_histogram("blazz_chat_sync_sync_seconds",
			"Time of a completed sync, from its first batch to its last.", NULL, seconds),
		.over_limit = metric_counter("blazz_chat_sync_over_limit",
			"Data left out because of a bound, by what it is.", "what"),
		.sync_chats =
			metric_counter("blazz_chat_sync_sync_chats", "Chats of syncs that ended, by result.", "result"),
	};
}

void report_cache(struct report *r, const char *cache, size_t hits, size_t misses)
{
	metric_add(METRIC_CELL(r->cache, cache, "hit"), (int64_t)hits);
	metric_add(METRIC_CELL(r->cache, cache, "miss"), (int64_t)misses);
}

static void count_later(struct report *r, struct metric_cell *cell, size_t n)
{
	size_t i = 0;

	while (i < r->n_counts && r->counts[i].cell != cell)
		i++;
	if (i == r->n_counts) {
		r->counts = vec_grow(r->counts, r->n_counts, &r->cap_counts, sizeof(*r->counts));
		r->counts[r->n_counts++] = (struct report_count){ .cell = cell };
	}
	r->counts[i].n += (int64_t)n;
}

void report_event(struct report *r, const char *kind, const char *effect)
{
	count_later(r, METRIC_CELL(r->events, kind, effect), 1);
}

void report_disconnect(struct report *r, struct str reason)
{
	enum session_reason k = REASON_NONE;

	while (k < REASON_UNKNOWN && !str_is(reason, session_reason_word(k)))
		k++;
	count_later(r, METRIC_CELL(r->disconnects, session_reason_word(k)), 1);
}

void report_gap(struct report *r, const char *kind)
{
	count_later(r, METRIC_CELL(r->gaps, kind), 1);
}

static void count_sync(const struct report *r, const char *status, const struct sync_state *s)
{
	metric_add(METRIC_CELL(r->syncs, status), 1);
	if (strcmp(status, "started") == 0)
		return;
	metric_add(METRIC_CELL(r->sync_chats, "synced"), s->synced);
	metric_add(METRIC_CELL(r->sync_chats, "skipped"), s->skipped);
	metric_add(METRIC_CELL(r->sync_chats, "rejected"), s->rejected);
	if (s->complete)
		metric_observe(METRIC_CELL(r->sync_seconds, NULL), (double)store_sync_duration_ms(s) / 1e3);
}

void report_over_limit(struct report *r, const char *what, size_t n)
{
	if (n > 0)
		count_later(r, METRIC_CELL(r->over_limit, what), n);
}

void report_sync(struct report *r, const char *status, const struct sync_report *sync)
{
	r->sync_reports = vec_grow(r->sync_reports, r->n_syncs, &r->cap_syncs, sizeof(*r->sync_reports));
	r->sync_reports[r->n_syncs] = *sync;
	r->sync_reports[r->n_syncs++].status = status;
}

static void word_copy(char out[static 16], struct str word)
{
	size_t n = word.n < 15 ? word.n : 15;

	if (n > 0)
		memcpy(out, word.p, n);
	out[n] = '\0';
}

void report_session(struct report *r, const struct uuid *account, struct str status, struct str previous)
{
	struct session_report *n;

	r->session_reports = vec_grow(r->session_reports, r->n_sessions, &r->cap_sessions, sizeof(*r->session_reports));
	n = &r->session_reports[r->n_sessions++];
	n->account = *account;
	word_copy(n->status, status);
	word_copy(n->previous, previous);
}

void report_mark(struct report *r)
{
	r->n_syncs_marked = r->n_syncs;
	r->n_sessions_marked = r->n_sessions;
	for (size_t i = 0; i < r->n_counts; i++)
		r->counts[i].marked = r->counts[i].n;
}

void report_undo(struct report *r)
{
	r->n_syncs = r->n_syncs_marked;
	r->n_sessions = r->n_sessions_marked;
	for (size_t i = 0; i < r->n_counts; i++)
		r->counts[i].n = r->counts[i].marked;
}

void report_clear(struct report *r)
{
	r->n_syncs = r->n_syncs_marked = r->n_counts = 0;
	r->n_sessions = r->n_sessions_marked = 0;
}

static void log_started(struct report *r, const struct sync_report *n)
{
	char workspace[37], account[37];
	uint64_t suppressed;

	if (!log_limit_pass(&r->sync_started, clock_mono_ms(), &suppressed))
		return;
	uuid_format(&n->workspace, workspace);
	uuid_format(&n->account, account);
	log_info("sync started", LOG_S("workspace", workspace), LOG_S("account", account),
		LOG_STR("sync_id", n->state.sync_id), LOG_I("max_chats", n->max_chats),
		LOG_I("window_days", n->window_days), LOG_I("batches_total", n->state.total),
		LOG_I("suppressed", suppressed));
}

static void log_ended(struct report *r, const struct sync_report *n)
{
	const struct sync_state *s = &n->state;
	char workspace[37], account[37];
	uint64_t suppressed;

	if (!log_limit_pass(&r->sync_ended, clock_mono_ms(), &suppressed))
		return;
	uuid_format(&n->workspace, workspace);
	uuid_format(&n->account, account);
	LOG_AT(s->complete ? LOG_INFO : LOG_WARN, s->complete ? "sync completed" : "sync failed",
		LOG_S("workspace", workspace), LOG_S("account", account), LOG_STR("sync_id", s->sync_id),
		LOG_I("synced", s->synced), LOG_I("skipped", s->skipped), LOG_I("rejected", s->rejected),
		LOG_I("total", s->expected), LOG_I("batches", s->batches_ended), LOG_I("batches_total", s->total),
		LOG_I("duration_ms", store_sync_duration_ms(s)), LOG_I("suppressed", suppressed), LOG_LAST);
}

static void log_session(struct report *r, const struct session_report *n)
{
	char account[37];
	uint64_t suppressed;

	if (!log_limit_pass(&r->session_changed, clock_mono_ms(), &suppressed))
		return;
	uuid_format(&n->account, account);
	log_info("session changed", LOG_S("account", account), LOG_S("status", n->status),
		LOG_S("previous", n->previous), LOG_I("suppressed", suppressed));
}

void report_committed(struct report *r)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		log_session(r, &r->session_reports[i]);
	for (size_t i = 0; i < r->n_counts; i++)
		metric_add(r->counts[i].cell, r->counts[i].n);
	for (size_t i = 0; i < r->n_syncs; i++) {
		const struct sync_report *n = &r->sync_reports[i];

		count_sync(r, n->status, &n->state);
		if (strcmp(n->status, "started") == 0)
			log_started(r, n);
		else
			log_ended(r, n);
		if (strcmp(n->status, "failed") == 0)
			metric_add(METRIC_CELL(r->gaps, "sync"), 1);
	}
	report_clear(r);
}

void report_fini(struct report *r)
{
	free(r->sync_reports);
	free(r->session_reports);
	free(r->counts);
}
