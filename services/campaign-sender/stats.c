/* See stats.h. Label values come from closed sets: names of providers, classes, and static words of the code table. */
#include "campaign-sender/stats.h"

#include "metrics/metrics.h"

static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, -1 };

static struct {
	struct metric *attempts, *codes, *seconds, *resolved, *skipped, *waiting;
	struct metric_cell *direct, *in_flight, *direct_waiting, *campaign_waiting, *oldest_due, *unknown_waiting,
		*unknown, *overdue;
	struct metric_cell *held, *open, *stopped;
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
		"Unknown messages resolved by a look-up or by policy; statuses resolve others.", "by");
	m.skipped = metric_counter("blazz_send_skipped", "Messages that the check before sending ended.", "reason");
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
	m.held = gauge("blazz_send_held", "Accounts that are held because of a provider's code.");
	m.open = gauge("blazz_send_breaker_open", "Accounts whose circuit breaker is open.");
	m.stopped = gauge("blazz_campaign_stopped", "Segments that their results have stopped.");
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

void stats_skipped(struct str reason)
{
	static const char *const words[] = { "deadline", "opted_out", "erased" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(reason, words[i]))
			metric_add(METRIC_CELL(m.skipped, words[i]), 1);
}

void stats_gauges(const struct stats_gauges *g)
{
	metric_set(m.in_flight, (double)g->in_flight);
	metric_set(m.direct_waiting, (double)g->direct_waiting);
	metric_set(m.campaign_waiting, (double)g->campaign_waiting);
	metric_set(m.oldest_due, (double)g->oldest_due_ms / 1e3);
	metric_set(m.unknown_waiting, (double)g->unknown_waiting);
	metric_set(m.held, (double)g->held);
	metric_set(m.open, (double)g->breakers_open);
	metric_set(m.stopped, (double)g->campaigns_stopped);
}

void stats_unknown(int64_t unknown, int64_t overdue)
{
	metric_set(m.unknown, (double)unknown);
	metric_set(m.overdue, (double)overdue);
}
