/* Metrics in the OpenMetrics text format. Instruments are registered at start and updated with relaxed atomics, so the
 * admin thread may read them at any time. Each set of label values is a child of its family, created on first use and
 * never removed: label values come from closed sets, never from input.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/buf.h"

struct metric; /* one family: counter, gauge or histogram */

/* Names without "_total"; labels: comma-separated names, NULL for none. Registered once; never freed. */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* bounds ascending, in the unit of the name (seconds), ended by a negative number. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels, const double *bounds);

/* The child with these label values, in the order of the family's labels (NULL when it has none). Looking it up takes a
 * lock: hot paths should keep the pointer. */
struct metric_cell;
struct metric_cell *metric_with(struct metric *m, const char *const *values);
#define METRIC_CELL(m, ...) metric_with((m), (const char *const[]){ __VA_ARGS__ })

void metric_add(struct metric_cell *c, int64_t n); /* counters, gauges */
void metric_set(struct metric_cell *c, double v); /* gauges; NAN: not exposed until it is set again */
void metric_observe(struct metric_cell *c, double v); /* histograms */
int64_t metric_value(const struct metric_cell *c); /* counters; for tests and progress reports */

/* Appends all registered metrics, followed by "# EOF". */
void metrics_write(struct buf *out);

#endif
