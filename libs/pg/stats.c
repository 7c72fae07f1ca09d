/* Metrics of all connections of the process, which may be used by different threads, and the log line of a slow
 * statement.
 *
 * Invariant: `missing` is the number of connections that were lost, or could not be established, and have not been
 * replaced. */
#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "pg/private.h"

#define SLOW_MS 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int missing;
static struct metric_cell *up, *reconnects;
static struct metric *slow;

void pg_stats_init(void)
{
	pthread_mutex_lock(&lock);
	up = METRIC_CELL(metric_gauge("blazz_pg_up", "1 while every connection to PostgreSQL is established.", NULL),
		NULL);
	reconnects = METRIC_CELL(metric_counter("blazz_pg_reconnects",
					 "Connections made after one was lost or could not be made.", NULL),
		NULL);
	slow = metric_counter("blazz_pg_slow", "Statements whose answer was waited for longer than a second.",
		"statement");
	pthread_mutex_unlock(&lock);
}

void pg_stats_connected(void)
{
	pthread_mutex_lock(&lock);
	if (missing > 0) {
		missing--;
		metric_add(reconnects, 1);
	}
	metric_set(up, missing == 0);
	pthread_mutex_unlock(&lock);
}

void pg_stats_lost(void)
{
	pthread_mutex_lock(&lock);
	missing++;
	metric_set(up, 0);
	pthread_mutex_unlock(&lock);
}

/* A failed attempt to replace a connection that is already counted as missing changes nothing. */
void pg_stats_unreachable(void)
{
	pthread_mutex_lock(&lock);
	if (missing == 0)
		missing = 1;
	metric_set(up, 0);
	pthread_mutex_unlock(&lock);
}

int64_t pg_stats_answered(struct pg *pg, const char *statement, int64_t since_mono_ms)
{
	int64_t now = clock_mono_ms();
	uint64_t suppressed;

	if (now - since_mono_ms <= SLOW_MS)
		return now;
	metric_add(METRIC_CELL(slow, statement), 1);
	if (log_limit_pass(&pg->slow_log, now, &suppressed))
		log_warn("slow statement", LOG_S("statement", statement), LOG_I("ms", now - since_mono_ms),
			LOG_I("suppressed", suppressed));
	return now;
}
