/* The instruments. Looking up a family by name, or a child by its label values, takes one lock; updating a child takes
 * none. Invariant: families and children are never freed, so callers may keep a cell's address.
 */
#include "metrics/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "metrics/cell.h"

pthread_mutex_t metrics_lock = PTHREAD_MUTEX_INITIALIZER;
struct metric *metrics_first;

static size_t labels_split(struct str names, char ***out)
{
	char **labels = NULL;
	struct str one;
	size_t n = 0;

	while (names.n > 0) {
		str_cut(names, ',', &one, &names);
		labels = mem_realloc(labels, (n + 1) * sizeof(*labels));
		labels[n++] = mem_cstr(str_trim(one));
	}
	*out = labels;
	return n;
}

static void bounds_copy(struct metric *m, const double *bounds)
{
	while (bounds[m->n_bounds] >= 0) {
		assert(m->n_bounds == 0 || bounds[m->n_bounds] > bounds[m->n_bounds - 1]);
		m->n_bounds++;
	}
	m->bounds = mem_calloc(m->n_bounds + 1, sizeof(*m->bounds));
	memcpy(m->bounds, bounds, m->n_bounds * sizeof(*m->bounds));
}

static struct metric *metric_new(enum metric_kind kind, const char *name, const char *help, const char *labels)
{
	struct metric *m = mem_calloc(1, sizeof(*m));

	m->name = mem_cstr(str_of(name));
	m->help = mem_cstr(str_of(help));
	m->kind = kind;
	m->n_labels = labels_split(str_of(labels), &m->labels);
	m->cells = map_new();
	return m;
}

static struct metric_cell *cell_new(const struct metric *m)
{
	size_t n = sizeof(struct metric_cell);
	struct metric_cell *c;

	if (m->kind == METRIC_HISTOGRAM)
		n += (m->n_bounds + 1) * sizeof(c->buckets[0]);
	n = (n + METRIC_CACHE_LINE_BYTES - 1) / METRIC_CACHE_LINE_BYTES * METRIC_CACHE_LINE_BYTES;
	c = aligned_alloc(METRIC_CACHE_LINE_BYTES, n);
	assert(c);
	memset(c, 0, n);
	c->metric = m;
	return c;
}

static struct metric_cell *cell_find(struct metric *m, const char *const *values)
{
	struct buf key = BUF_INIT;
	void **slot;

	for (size_t i = 0; i < m->n_labels; i++)
		buf_add(&key, values[i], strlen(values[i]) + 1);
	slot = map_slot(m->cells, buf_str(&key));
	if (!*slot)
		*slot = cell_new(m);
	buf_fini(&key);
	return *slot;
}

/* A family without labels gets its only child at once, so that it is exposed as 0 before the first event. */
static struct metric *metric_register(enum metric_kind kind, const char *name, const char *help, const char *labels,
	const double *bounds)
{
	struct metric **at = &metrics_first;
	struct metric *m;

	pthread_mutex_lock(&metrics_lock);
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	if (!*at) {
		*at = metric_new(kind, name, help, labels);
		if (bounds)
			bounds_copy(*at, bounds);
		if ((*at)->n_labels == 0)
			cell_find(*at, NULL);
	}
	m = *at;
	pthread_mutex_unlock(&metrics_lock);
	assert(m->kind == kind);
	return m;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
	return metric_register(METRIC_COUNTER, name, help, labels, NULL);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
	return metric_register(METRIC_GAUGE, name, help, labels, NULL);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels, const double *bounds)
{
	return metric_register(METRIC_HISTOGRAM, name, help, labels, bounds);
}

struct metric_cell *metric_with(struct metric *m, const char *const *values)
{
	struct metric_cell *c;

	pthread_mutex_lock(&metrics_lock);
	c = cell_find(m, values);
	pthread_mutex_unlock(&metrics_lock);
	return c;
}

static void number_add(_Atomic double *at, double v)
{
	double old = atomic_load_explicit(at, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(at, &old, old + v, memory_order_relaxed, memory_order_relaxed))
		;
}

void metric_add(struct metric_cell *c, int64_t n)
{
	assert(c->metric->kind != METRIC_HISTOGRAM);
	if (c->metric->kind == METRIC_GAUGE)
		number_add(&c->number, (double)n);
	else
		atomic_fetch_add_explicit(&c->count, n, memory_order_relaxed);
}

void metric_set(struct metric_cell *c, double v)
{
	assert(c->metric->kind == METRIC_GAUGE);
	atomic_store_explicit(&c->number, v, memory_order_relaxed);
}

void metric_observe(struct metric_cell *c, double v)
{
	const struct metric *m = c->metric;
	size_t i = 0;

	assert(m->kind == METRIC_HISTOGRAM);
	while (i < m->n_bounds && v > m->bounds[i])
		i++;
	atomic_fetch_add_explicit(&c->buckets[i], 1, memory_order_relaxed);
	number_add(&c->number, v);
}

int64_t metric_value(const struct metric_cell *c)
{
	return atomic_load_explicit(&c->count, memory_order_relaxed);
}
