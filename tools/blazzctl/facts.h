/* One thing with more columns than a table has room for: rows of name and value; and commands that print several tables. */
#ifndef FACTS_H
#define FACTS_H

#include "table.h"

struct table *facts_new(void);
void fact_text(struct table *t, const char *name, struct str value);
void fact_i64(struct table *t, const char *name, int64_t value);
void fact_bool(struct table *t, const char *name, bool value);
void fact_uuid(struct table *t, const char *name, const struct uuid *value);
/* Microseconds since 1970; PG_NO_TIME: none; INT64_MAX: "infinity". */
void fact_time(struct table *t, const char *name, int64_t us);
/* The same as a cell. */
void table_time(struct table *t, int64_t us);

/* Tables with their titles, of which the first is not printed for people; in JSON one object with one member per table.
 * tables ends with a row without a title. */
struct titled_table {
	const char *title;
	const struct table *table;
};
void tables_print(const struct titled_table *tables, bool json);

#endif
