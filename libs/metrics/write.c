/* The exposition: OpenMetrics 1.0 text. A histogram's count is computed from the very bucket values written, so that
 * the exposition is consistent even while other threads observe values.
 */
#include "metrics/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/cell.h"

/* HELP texts and label values share the same three escapes. */
static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			buf_add_char(out, '\\');
		if (*s == '\n')
			buf_add(out, "\\n", 2);
		else
			buf_add_char(out, *s);
	}
}

/* The shortest decimal that parses back to v. as_float: a whole number gets ".0", as bucket limits require. */
static void add_number(struct buf *out, double v, bool as_float)
{
	char text[40];

	if (isinf(v) || isnan(v)) {
		buf_printf(out, "%s", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_printf(out, "%s%s", text, as_float && !strpbrk(text, ".e") ? ".0" : "");
}

/* OpenMetrics requires the unit to be the last word of the name. */
static const char *unit_of(const struct metric *m)
{
	static const char *const units[] = { "seconds", "bytes", "ratio" };
	struct str name = str_of(m->name);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct str unit = str_of(units[i]);

		if (str_ends(name, unit) && name.n > unit.n && name.p[name.n - unit.n - 1] == '_')
			return units[i];
	}
	return NULL;
}

static void write_head(struct buf *out, const struct metric *m)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };

	buf_printf(out, "# TYPE %s %s\n", m->name, types[m->kind]);
	if (unit_of(m))
		buf_printf(out, "# UNIT %s %s\n", m->name, unit_of(m));
	buf_printf(out, "# HELP %s ", m->name);
	add_escaped(out, m->help);
	buf_add_char(out, '\n');
}

/* Name, suffix and labels. `limit`: the bucket's upper bound, or NULL. `values`: the child's key, NUL-terminated
 * strings. */
static void write_name(struct buf *out, const struct metric *m, const char *suffix, const char *values,
	const double *limit)
{
	char before = '{';

	buf_printf(out, "%s%s", m->name, suffix);
	for (size_t i = 0; i < m->n_labels; i++, before = ',') {
		buf_printf(out, "%c%s=\"", before, m->labels[i]);
		add_escaped(out, values);
		buf_add_char(out, '"');
		values += strlen(values) + 1;
	}
	if (limit) {
		buf_printf(out, "%cle=\"", before);
		add_number(out, *limit, true);
		buf_add_char(out, '"');
		before = ',';
	}
	buf_printf(out, "%s ", before == ',' ? "}" : "");
}

static void write_histogram(struct buf *out, const struct metric_cell *c, const char *values)
{
	const struct metric *m = c->metric;
	const double infinite = INFINITY;
	uint64_t count = 0;

	for (size_t i = 0; i <= m->n_bounds; i++) {
		count += atomic_load_explicit(&c->buckets[i], memory_order_relaxed);
		write_name(out, m, "_bucket", values, i < m->n_bounds ? &m->bounds[i] : &infinite);
		buf_printf(out, "%llu\n", (unsigned long long)count);
	}
	write_name(out, m, "_count", values, NULL);
	buf_printf(out, "%llu\n", (unsigned long long)count);
	write_name(out, m, "_sum", values, NULL);
	add_number(out, atomic_load_explicit(&c->number, memory_order_relaxed), false);
	buf_add_char(out, '\n');
}

static void write_gauge(struct buf *out, const struct metric_cell *c, const char *values)
{
	double v = atomic_load_explicit(&c->number, memory_order_relaxed);

	if (isnan(v))
		return;
	write_name(out, c->metric, "", values, NULL);
	add_number(out, v, false);
	buf_add_char(out, '\n');
}

static void write_cell(struct buf *out, const struct metric_cell *c, const char *values)
{
	switch (c->metric->kind) {
	case METRIC_COUNTER:
		write_name(out, c->metric, "_total", values, NULL);
		buf_printf(out, "%lld\n", (long long)metric_value(c));
		break;
	case METRIC_GAUGE:
		write_gauge(out, c, values);
		break;
	case METRIC_HISTOGRAM:
		write_histogram(out, c, values);
		break;
	}
}

void metrics_write(struct buf *out)
{
	pthread_mutex_lock(&metrics_lock);
	for (const struct metric *m = metrics_first; m; m = m->next) {
		struct str values;
		void *cell;
		size_t i = 0;

		write_head(out, m);
		while (map_each(m->cells, &i, &values, &cell))
			write_cell(out, cell, values.p);
	}
	pthread_mutex_unlock(&metrics_lock);
	buf_printf(out, "# EOF\n");
}
