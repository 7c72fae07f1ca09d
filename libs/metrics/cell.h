/* The layout of metric_cell. Only the instruments (metrics.c) and the exposition (write.c) include it. */
#ifndef METRICS_CELL_H
#define METRICS_CELL_H

#include "base/map.h"
#include "metrics/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define METRIC_CACHE_LINE_BYTES 64

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	struct metric *next; /* in order of registration */
	char *name, *help;
	enum metric_kind kind;
	char **labels; /* n_labels names */
	size_t n_labels;
	double *bounds; /* histograms: n_bounds ascending upper limits, without the infinite one */
	size_t n_bounds;
	struct map *cells; /* from the label values, each followed by a NUL, to struct metric_cell */
};

/* Aligned to a cache line, to avoid false sharing between hot counters. */
struct metric_cell {
	const struct metric *metric;
	_Atomic int64_t count;      /* counters */
	_Atomic double number;      /* gauges: the value; histograms: the sum */
	_Atomic uint64_t buckets[]; /* histograms: n_bounds + 1, not cumulative */
};

/* Guards the list of families and their children: creation and reading, but not updates of cells. */
extern pthread_mutex_t metrics_lock;
extern struct metric *metrics_first;

#endif
