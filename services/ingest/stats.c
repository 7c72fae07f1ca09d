/* Metrics; see stats.h. Cells used for every request are looked up once, at start. */
#include "ingest/stats.h"

#include <stdio.h>

#include "metrics/metrics.h"

const char *const refusal_words[REFUSALS] = {
	[REFUSED_ROOM] = "room",
	[REFUSED_SOURCE_SHARE] = "source_share",
	[REFUSED_FAILURES] = "failures",
	[REFUSED_ACCOUNT_RATE] = "account_rate",
	[REFUSED_SYNC_RATE] = "sync_rate",
	[REFUSED_NOT_LOADED] = "not_loaded",
	[REFUSED_DIRECTORY] = "directory",
	[REFUSED_KAFKA] = "kafka",
};

static const int statuses[] = { 200, 202, 400, 401, 403, 404, 405, 413, 415, 422, 429, 503 };
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static struct metric *requests, *events, *rejected, *ignored, *auth_failures, *refused, *closed;
static struct metric_cell *lookup_cells[LOOKUPS];
static struct metric_cell *request_cells[ROUTES + 1][STATUSES];
static struct metric_cell *event_cells[ROUTES][IN_KINDS];
static struct metric_cell *kafka_seconds;
static struct metric_cell *gauge_requests, *gauge_bytes, *gauge_connections, *gauge_accounts, *gauge_apps, *gauge_age;

static struct metric_cell *gauge(const char *name, const char *help)
{
	return metric_with(metric_gauge(name, help, NULL), NULL);
}

static void gauges_init(void)
{
	gauge_requests = gauge("blazz_ingest_requests_in_flight", "Requests admitted and not yet answered.");
	gauge_bytes = gauge("blazz_ingest_bytes_in_flight",
		"Bytes of bodies received so far, and of records that Kafka has not acknowledged.");
	gauge_connections = gauge("blazz_ingest_connections", "Open connections.");
	gauge_accounts = gauge("blazz_ingest_directory_accounts", "Accounts cached.");
	gauge_apps = gauge("blazz_ingest_directory_apps", "Provider apps cached.");
	gauge_age = gauge("blazz_ingest_directory_age_seconds", "Time since PostgreSQL last answered.");
}

static void lookups_init(void)
{
	struct metric *lookups = metric_counter("blazz_ingest_directory_lookups",
		"Accounts and apps looked up for requests: cached, read from PostgreSQL, or absent.", "result");

	lookup_cells[LOOKUP_HIT] = METRIC_CELL(lookups, "hit");
	lookup_cells[LOOKUP_MISS] = METRIC_CELL(lookups, "miss");
	lookup_cells[LOOKUP_ABSENT] = METRIC_CELL(lookups, "absent");
}

void ingest_stats_init(void)
{
	static const double seconds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, -1 };

	requests = metric_counter("blazz_ingest_requests", "Requests by route and status.", "route,status");
	events = metric_counter("blazz_ingest_events", "Events acknowledged by Kafka.", "dialect,kind");
	rejected = metric_counter("blazz_ingest_rejected", "Items that became dead letters.", "reason");
	ignored = metric_counter("blazz_ingest_ignored", "Items that are known not to be events.", "kind");
	auth_failures = metric_counter("blazz_ingest_auth_failures", "Requests that failed to authenticate.", "route");
	refused = metric_counter("blazz_ingest_refused", "Requests refused with 429 or 503, by reason.", "reason");
	closed = metric_counter("blazz_ingest_connections_closed",
		"Connections closed because there were too many: of one address, silent or idle, slow with a body.",
		"reason");
	lookups_init();
	kafka_seconds =
		metric_with(metric_histogram("blazz_ingest_kafka_seconds",
				    "From a request's first record to its last acknowledgement.", NULL, seconds),
			NULL);
	gauges_init();
}

static size_t status_index(int status)
{
	for (size_t i = 0; i < STATUSES; i++)
		if (statuses[i] == status)
			return i;
	return STATUSES - 1;
}

void stats_request(const struct route *route, int status)
{
	size_t s = status_index(status);
	struct metric_cell **cell = &request_cells[route ? route->id : ROUTES][s];
	char text[12];

	if (!*cell) {
		snprintf(text, sizeof(text), "%d", statuses[s]);
		*cell = METRIC_CELL(requests, route ? route->name : "none", text);
	}
	metric_add(*cell, 1);
}

void stats_event(const struct route *route, enum inbound_kind kind)
{
	struct metric_cell **cell = &event_cells[route->id][kind];

	if (!*cell)
		*cell = METRIC_CELL(events, route->dialect, inbound_kind_word(kind));
	metric_add(*cell, 1);
}

void stats_rejected(enum dead_reason reason)
{
	metric_add(METRIC_CELL(rejected, dead_reason_word(reason)), 1);
}

void stats_ignored(const char *kind, size_t n)
{
	metric_add(METRIC_CELL(ignored, kind), (int64_t)n);
}

void stats_refused(enum refusal why)
{
	metric_add(METRIC_CELL(refused, refusal_words[why]), 1);
}

void stats_lookup(enum lookup result)
{
	metric_add(lookup_cells[result], 1);
}

void stats_closed(uint64_t address, uint64_t idle, uint64_t slow)
{
	metric_add(METRIC_CELL(closed, "address"), (int64_t)address);
	metric_add(METRIC_CELL(closed, "idle"), (int64_t)idle);
	metric_add(METRIC_CELL(closed, "slow"), (int64_t)slow);
}

void stats_auth_failure(const struct route *route)
{
	metric_add(METRIC_CELL(auth_failures, route->name), 1);
}

void stats_kafka_seconds(double s)
{
	metric_observe(kafka_seconds, s);
}

void ingest_stats_gauges(const struct stats_gauges *g)
{
	metric_set(gauge_requests, (double)g->requests);
	metric_set(gauge_bytes, (double)g->bytes);
	metric_set(gauge_connections, (double)g->connections);
	metric_set(gauge_accounts, (double)g->accounts);
	metric_set(gauge_apps, (double)g->apps);
	metric_set(gauge_age, (double)g->cache_age_ms / 1000);
}
