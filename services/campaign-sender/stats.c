/* See stats.h. Label values come from closed sets: names of providers, classes, and static words of the code table. */
#include "campaign-sender/stats.h"

#include "metrics/metrics.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, -1 };

static struct {
	struct metric *attempts, *codes, *seconds, *resolved, *skipped, *waiting, *held, *paused, *warned;
	struct metric_cell *direct, *in_flight, *direct_waiting, *campaign_waiting, *oldest_due, *unknown_waiting,
		*unknown, *overdue;
	struct metric_cell *open, *stopped, *duplicates, *waited, *running, *stalled, *prepared;
	const char *holds[STATS_HOLDS]; /* reasons that have a gauge */
	size_t n_holds;
} m;

static struct metric_cell *gauge(const char *name, const char *help)
{
	return METRIC_CELL(metric_gauge(name, help, NULL), NULL);
}

void stats_init(void)
{
	m.attempts = metric_counter("blazz_send_attempts", "Attempts to send by how they ended.", "provider,class");
	m.codes = metric_counter("blazz_send_codes",
		"Attempts that did not succeed, by the reason of the table of codes.", "code");
	m.seconds = metric_histogram("blazz_send_seconds", "Time of an attempt.", "provider", seconds);
	m.resolved = metric_counter("blazz_send_unknown_resolved",
		"Unknown messages resolved by a status, an echo, a look-up, policy or a late answer.", "by");
	m.duplicates = METRIC_CELL(metric_counter("blazz_send_duplicates_suspected",
					   "Messages of which statuses say that they were sent twice.", NULL),
		NULL);
	m.waited = METRIC_CELL(metric_histogram("blazz_send_token_wait_seconds",
				       "Time that a single message waited in memory for its account's limits.", NULL,
				       seconds),
		NULL);
	m.skipped = metric_counter("blazz_send_skipped",
		"Recipients that were skipped, and messages that the check before sending ended.", "reason");
	m.waiting = metric_gauge("blazz_send_waiting", "Messages in memory that wait to be sent.", "kind");
	m.direct = METRIC_CELL(metric_histogram("blazz_send_direct_seconds",
				       "Time from the request of a single message to its attempt.", NULL, seconds),
		NULL);
	m.in_flight = gauge("blazz_send_in_flight", "Requests in flight.");
	m.direct_waiting = METRIC_CELL(m.waiting, "direct");
	m.campaign_waiting = METRIC_CELL(m.waiting, "campaign");
	m.oldest_due = gauge("blazz_send_oldest_due_seconds",
		"Time since the oldest single message of a usable account became due.");
	m.unknown = gauge("blazz_send_unknown", "Messages of which it is unknown whether they were sent.");
	m.overdue = gauge("blazz_send_unknown_overdue",
		"Unknown messages that should have been looked up, or decided by policy, minutes ago.");
	m.unknown_waiting = METRIC_CELL(m.waiting, "unknown");
	m.held = metric_gauge("blazz_send_held", "Accounts that are held because of a provider's code.", "reason");
	m.open = gauge("blazz_send_breaker_open", "Accounts whose circuit breaker is open.");
	m.stopped = gauge("blazz_campaign_stopped", "Segments that their results have stopped.");
	m.running = gauge("blazz_campaign_running", "Campaigns that are running.");
	m.stalled = gauge("blazz_campaign_stalled",
		"Running campaigns without progress for ten minutes that wait for nothing that their rows name.");
	m.warned = metric_counter("blazz_campaign_warned",
		"Campaigns whose messages fail in a way that does not pause them, by reason.", "reason");
	m.paused = metric_counter("blazz_campaign_paused", "Pauses of campaigns by their code.", "code");
	m.prepared =
		METRIC_CELL(metric_counter("blazz_campaign_prepare_rows", "Recipients written from audiences.", NULL),
			NULL);
}

void stats_attempt(const char *provider, const char *class, int64_t total_us)
{
	metric_add(METRIC_CELL(m.attempts, provider, class), 1);
	if (total_us >= 0)
		metric_observe(METRIC_CELL(m.seconds, provider), (double)total_us / 1e6);
}

void stats_code(const char *reason)
{
	metric_add(METRIC_CELL(m.codes, reason), 1);
}

void stats_direct(int64_t since_requested_ms)
{
	metric_observe(m.direct, since_requested_ms > 0 ? (double)since_requested_ms / 1e3 : 0);
}

void stats_resolved(const char *by)
{
	metric_add(METRIC_CELL(m.resolved, by), 1);
}

void stats_duplicate(void)
{
	metric_add(m.duplicates, 1);
}

/* The word of the list, so that labels come from a closed set. */
static const char *word_of(struct str s, const char *const *words, size_t n, const char *otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(s, words[i]))
			return words[i];
	return otherwise;
}

void stats_skipped(struct str reason, size_t n)
{
	static const char *const words[] = { "deadline", "opted_out", "erased", "unreachable", "no_address",
		"missing_variable", "window_closed", "invalid_content" };

	metric_add(METRIC_CELL(m.skipped, word_of(reason, words, COUNT(words), "other")), (int64_t)n);
}

void stats_waited(int64_t ms)
{
	metric_observe(m.waited, (double)ms / 1e3);
}

void stats_prepared(size_t recipients)
{
	metric_add(m.prepared, (int64_t)recipients);
}

void stats_paused(struct str code)
{
	static const char *const words[] = { "no_active_account", "missed_schedule", "template_unusable",
		"invalid_content" };

	metric_add(METRIC_CELL(m.paused, code.n > 0 ? word_of(code, words, COUNT(words), "provider") : "user"), 1);
}

void stats_warned(const char *reason)
{
	metric_add(METRIC_CELL(m.warned, reason), 1);
}

void stats_campaigns(size_t running, size_t stalled)
{
	metric_set(m.running, (double)running);
	metric_set(m.stalled, (double)stalled);
}

void stats_hold_add(struct stats_gauges *g, const char *reason)
{
	size_t i = 0;

	while (i < g->n_holds && !str_is(str_of(reason), g->holds[i].reason))
		i++;
	if (i == STATS_HOLDS)
		return;
	if (i == g->n_holds)
		g->holds[g->n_holds++] = (struct stats_hold){ .reason = reason };
	g->holds[i].n++;
}

/* Reasons of which no account is held any more keep a gauge, which says 0. */
static void holds_set(const struct stats_gauges *g)
{
	for (size_t i = 0; i < m.n_holds; i++)
		metric_set(METRIC_CELL(m.held, m.holds[i]), 0);
	for (size_t i = 0; i < g->n_holds; i++) {
		size_t k = 0;

		while (k < m.n_holds && !str_is(str_of(m.holds[k]), g->holds[i].reason))
			k++;
		if (k == STATS_HOLDS)
			continue;
		if (k == m.n_holds)
			m.holds[m.n_holds++] = g->holds[i].reason;
		metric_set(METRIC_CELL(m.held, m.holds[k]), (double)g->holds[i].n);
	}
}

void stats_gauges(const struct stats_gauges *g)
{
	metric_set(m.in_flight, (double)g->in_flight);
	metric_set(m.direct_waiting, (double)g->direct_waiting);
	metric_set(m.campaign_waiting, (double)g->campaign_waiting);
	metric_set(m.oldest_due, (double)g->oldest_due_ms / 1e3);
	metric_set(m.unknown_waiting, (double)g->unknown_waiting);
	holds_set(g);
	metric_set(m.open, (double)g->breakers_open);
	metric_set(m.stopped, (double)g->campaigns_stopped);
}

void stats_unknown(int64_t unknown, int64_t overdue)
{
	metric_set(m.unknown, (double)unknown);
	metric_set(m.overdue, (double)overdue);
}
