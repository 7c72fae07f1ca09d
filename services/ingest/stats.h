/* ingest's metrics. The values of every label come from closed sets: routes, statuses, kinds, reasons. */
#ifndef INGEST_STATS_H
#define INGEST_STATS_H

#include "ingest/routes.h"

/* Why a request was refused that may succeed later. */
enum refusal {
	REFUSED_ROOM,         /* too many bytes are in flight */
	REFUSED_SOURCE_SHARE, /* its source has used up its share of bytes or requests */
	REFUSED_FAILURES,     /* its source failed too often */
	REFUSED_ACCOUNT_RATE,
	REFUSED_SYNC_RATE,
	REFUSED_NOT_LOADED, /* accounts are not loaded yet */
	REFUSED_DIRECTORY,  /* PostgreSQL was needed but is down or too slow */
	REFUSED_KAFKA,      /* Kafka did not acknowledge in time */
	REFUSALS
};
extern const char *const refusal_words[REFUSALS];

/* The result of looking up a name: cached, read from PostgreSQL, not there. */
enum lookup { LOOKUP_HIT, LOOKUP_MISS, LOOKUP_ABSENT, LOOKUPS };

void ingest_stats_init(void);
void stats_request(const struct route *route, int status); /* route NULL: no route matches */
void stats_event(const struct route *route, enum inbound_kind kind);
void stats_rejected(enum dead_reason reason);
void stats_ignored(const char *kind, size_t n);
void stats_refused(enum refusal why);
void stats_lookup(enum lookup result);
/* Adds connections closed since the last call, by the reasons of libs/http. */
void stats_closed(uint64_t address, uint64_t idle, uint64_t slow);
void stats_auth_failure(const struct route *route);
void stats_kafka_seconds(double seconds); /* from the first record of a request to its last acknowledgement */

struct stats_gauges {
	size_t requests, bytes, connections;
	size_t accounts, apps;
	int64_t cache_age_ms;
};
void ingest_stats_gauges(const struct stats_gauges *g);

#endif
