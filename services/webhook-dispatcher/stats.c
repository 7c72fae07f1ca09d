/* See stats.h. */
#include "webhook-dispatcher/stats.h"

#include "metrics/metrics.h"

static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, -1 };

static const char *const phases[] = { "dns", "connect", "tls", "first_byte", "total" };
enum { PHASES = sizeof(phases) / sizeof(phases[0]) };

static const char *const lookup_results[] = { "found", "failed", "refused", "broken" };
enum { LOOKUP_RESULTS = sizeof(lookup_results) / sizeof(lookup_results[0]) };

static struct {
	struct metric_cell *attempts[EXCHANGE_CLASSES][2], *phase[PHASES];
	struct metric_cell *delivered, *lost, *reused, *opened, *broadcasts[BROADCAST_FATES];
	struct metric_cell *share_limited, *lookups_in_flight, *lookups_waiting, *lookups[LOOKUP_RESULTS];
	struct metric_cell *in_flight, *waiting, *window_events, *window_bytes;
	struct metric_cell *endpoints, *endpoints_live, *lanes_behind;
	struct metric_cell *pending, *retrying, *rows_waiting, *oldest_due;
} m;

static struct metric_cell *gauge(const char *name, const char *help)
{
	return METRIC_CELL(metric_gauge(name, help, NULL), NULL);
}

static void attempts_init(void)
{
	struct metric *attempts = metric_counter("blazz_webhook_attempts", "Attempts by outcome.", "outcome,try");
	struct metric *phase = metric_histogram("blazz_webhook_phase_seconds",
		"Time from the start of an attempt to the end of a phase.", "phase", seconds);
	struct metric *connections =
		metric_counter("blazz_webhook_connections", "Attempts by connection: reused or newly opened.", "kind");

	for (int i = 0; i < EXCHANGE_CLASSES; i++) {
		m.attempts[i][0] = METRIC_CELL(attempts, exchange_class_word((enum exchange_class)i), "first");
		m.attempts[i][1] = METRIC_CELL(attempts, exchange_class_word((enum exchange_class)i), "retry");
	}
	for (int i = 0; i < PHASES; i++)
		m.phase[i] = METRIC_CELL(phase, phases[i]);
	m.reused = METRIC_CELL(connections, "reused");
	m.opened = METRIC_CELL(connections, "opened");
}

static void broadcasts_init(void)
{
	struct metric *broadcasts = metric_counter("blazz_webhook_broadcasts",
		"Attempts to broadcast by result, and messages that were too late for an attempt.", "fate");

	m.broadcasts[BROADCAST_DELIVERED] = METRIC_CELL(broadcasts, "delivered");
	m.broadcasts[BROADCAST_FAILED] = METRIC_CELL(broadcasts, "failed");
	m.broadcasts[BROADCAST_LATE] = METRIC_CELL(broadcasts, "late");
}

static void lookups_init(void)
{
	struct metric *lookups = metric_counter("blazz_webhook_lookups", "Name look-ups by result.", "result");

	for (int i = 0; i < LOOKUP_RESULTS; i++)
		m.lookups[i] = METRIC_CELL(lookups, lookup_results[i]);
	m.lookups_in_flight = gauge("blazz_webhook_lookups_in_flight", "Name look-ups in flight.");
	m.lookups_waiting = gauge("blazz_webhook_lookups_waiting",
		"Name look-ups that wait for a thread or for their workspace's share.");
}

void stats_init(void)
{
	lookups_init();
	attempts_init();
	broadcasts_init();
	m.delivered =
		METRIC_CELL(metric_histogram("blazz_webhook_delivered_seconds",
				    "Time from the publication of an event to its acknowledgement, of first attempts.",
				    NULL, seconds),
			NULL);
	m.lost = METRIC_CELL(
		metric_counter("blazz_webhook_lost_records",
			"Records that retention removed before they were delivered to endpoints that were behind.",
			NULL),
		NULL);
	m.share_limited =
		METRIC_CELL(metric_counter("blazz_webhook_share_limited",
				    "Times that a delivery had to wait because its workspace had its share in flight.",
				    NULL),
			NULL);
	m.in_flight = gauge("blazz_webhook_in_flight", "Requests in flight.");
	m.waiting = gauge("blazz_webhook_waiting", "Deliveries that wait in memory.");
	m.window_events = gauge("blazz_webhook_window_events", "Events in memory whose deliveries have not all ended.");
	m.window_bytes =
		gauge("blazz_webhook_window_bytes", "Bytes of events in memory whose deliveries have not all ended.");
	m.endpoints = gauge("blazz_webhook_endpoints", "Endpoints that are not deleted.");
	m.endpoints_live = gauge("blazz_webhook_endpoints_live", "Endpoints to which events are delivered.");
	m.lanes_behind = gauge("blazz_webhook_lanes_behind", "Lanes (endpoints in partitions) that are behind.");
	m.pending = gauge("blazz_webhook_retry_rows_scheduled", "Rows of the retry queue that are due or scheduled.");
	m.retrying =
		gauge("blazz_webhook_retry_rows_leased", "Rows of the retry queue that are leased for an attempt.");
	m.rows_waiting = gauge("blazz_webhook_retry_rows_waiting",
		"Rows of the retry queue that wait behind another one or for their endpoint.");
	m.oldest_due = gauge("blazz_webhook_retry_oldest_due_seconds", "Time since the oldest due row became due.");
}

void stats_attempt(enum exchange_class class, const struct exchange_result *r, bool retry)
{
	const int64_t us[PHASES] = { r->dns_us, r->connect_us, r->tls_us, r->first_byte_us, r->total_us };

	metric_add(m.attempts[r->refused ? CLASS_REFUSED : class][retry], 1);
	for (int i = 0; i < PHASES; i++)
		if (us[i] >= 0)
			metric_observe(m.phase[i], (double)us[i] / 1e6);
	if (r->connect_us >= 0)
		metric_add(r->reused ? m.reused : m.opened, 1);
}

void stats_delivered(int64_t since_published_ms)
{
	metric_observe(m.delivered, since_published_ms > 0 ? (double)since_published_ms / 1e3 : 0);
}

void stats_broadcast(enum broadcast_fate fate)
{
	metric_add(m.broadcasts[fate], 1);
}

void stats_lost(int64_t records)
{
	metric_add(m.lost, records);
}

static void stats_lookups(const struct resolver_stats *s)
{
	const int64_t so_far[LOOKUP_RESULTS] = { s->found, s->failed, s->refused, s->broken };

	for (int i = 0; i < LOOKUP_RESULTS; i++)
		metric_add(m.lookups[i], so_far[i] - metric_value(m.lookups[i]));
	metric_set(m.lookups_in_flight, (double)s->in_flight);
	metric_set(m.lookups_waiting, (double)s->waiting);
}

void stats_gauges(const struct stats_gauges *g)
{
	stats_lookups(&g->lookups);
	metric_add(m.share_limited, (int64_t)g->share_limited);
	metric_set(m.in_flight, (double)g->in_flight);
	metric_set(m.waiting, (double)g->waiting);
	metric_set(m.window_events, (double)g->window_events);
	metric_set(m.window_bytes, (double)g->window_bytes);
	metric_set(m.endpoints, (double)g->endpoints);
	metric_set(m.endpoints_live, (double)g->endpoints_live);
	metric_set(m.lanes_behind, (double)g->lanes_behind);
}

void stats_depth(const struct retry_depth *depth)
{
	metric_set(m.pending, (double)depth->pending);
	metric_set(m.retrying, (double)depth->retrying);
	metric_set(m.rows_waiting, (double)depth->waiting);
	metric_set(m.oldest_due, (double)depth->oldest_due_ms / 1e3);
}
