/* ingest's metrics. Every label's values are closed sets: routes, statuses, kinds, reasons. */
#ifndef INGEST_STATS_H
#define INGEST_STATS_H

#include "ingest/routes.h"

/* Why a request was refused that may be welcome later. */
enum refusal {
	REFUSED_ROOM,         /* too many bytes are in flight */
	REFUSED_SOURCE_SHARE, /* its source holds its share of them, or of requests */
	REFUSED_FAILURES,     /* its source failed too often */
	REFUSED_ACCOUNT_RATE,
	REFUSED_SYNC_RATE,
	REFUSED_NOT_LOADED, /* accounts */
	REFUSED_DIRECTORY,  /* PostgreSQL was needed and is down, or too slow */
	REFUSED_KAFKA,      /* it did not acknowledge, or too late */
	REFUSALS
};
extern const char *const refusal_words[REFUSALS];

/* Of what names an account or app: cached, read when it was asked for, not there. */
enum lookup { LOOKUP_HIT, LOOKUP_MISS, LOOKUP_ABSENT, LOOKUPS };

void ingest_stats_init(void);
void stats_request(const struct route *route, int status); /* route NULL: none fits */
void stats_event(const struct route *route, enum inbound_kind kind);
void stats_rejected(enum dead_reason reason);
void stats_ignored(const char *kind, size_t n);
void stats_refused(enum refusal why);
void stats_lookup(enum lookup result);
/* Connections closed since the last call, by libs/http's reasons. */
void stats_closed(uint64_t address, uint64_t idle, uint64_t slow);
void stats_auth_failure(const struct route *route);
void stats_kafka_seconds(double seconds); /* from the first record of a request to its last acknowledgement */

struct stats_gauges {
	size_t requests, bytes, connections;
	size_t accounts, apps;
	int64_t directory_age_ms;
};
void ingest_stats_gauges(const struct stats_gauges *g);

#endif
