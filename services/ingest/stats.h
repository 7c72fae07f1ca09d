/* ingest's metrics. Every label's values are closed sets: routes, statuses, kinds, reasons. */
#ifndef INGEST_STATS_H
#define INGEST_STATS_H

#include "ingest/routes.h"

void stats_init(void);
void stats_request(const struct route *route, int status); /* route NULL: none fits */
void stats_event(const struct route *route, enum inbound_kind kind);
void stats_rejected(const char *reason);
void stats_ignored(const char *kind, size_t n);
void stats_auth_failure(const struct route *route);
void stats_kafka_seconds(double seconds); /* from the first record of a request to its last acknowledgement */

struct stats_gauges {
	size_t requests, bytes, connections;
	size_t accounts, apps;
	int64_t directory_age_ms;
};
void stats_gauges(const struct stats_gauges *g);

#endif
