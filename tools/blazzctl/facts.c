/* See facts.h. */
#include "facts.h"

#include <stdio.h>

#include "pg/pg.h"

struct table *facts_new(void)
{
	static const char *const columns[] = { "name", "value", NULL };

	return table_new(columns);
}

void fact_text(struct table *t, const char *name, struct str value)
{
	table_text(t, str_of(name));
	table_text(t, value);
}

void fact_i64(struct table *t, const char *name, int64_t value)
{
	table_text(t, str_of(name));
	table_i64(t, value);
}

void fact_bool(struct table *t, const char *name, bool value)
{
	table_text(t, str_of(name));
	table_bool(t, value);
}

void fact_uuid(struct table *t, const char *name, const struct uuid *value)
{
	table_text(t, str_of(name));
	table_uuid(t, value);
}

void table_time(struct table *t, int64_t us)
{
	if (us == INT64_MAX)
		table_text(t, STR("infinity"));
	else
		table_time_ms(t, us == PG_NO_TIME ? 0 : us / 1000);
}

void fact_time(struct table *t, const char *name, int64_t us)
{
	table_text(t, str_of(name));
	table_time(t, us);
}

void tables_print(const struct titled_table *tables, bool json)
{
	for (const struct titled_table *t = tables; t->title; t++) {
		if (json)
			printf("%s\"%s\": ", t == tables ? "{" : ", ", t->title);
		else if (t != tables)
			printf("\n%s\n", t->title);
		table_print(t->table, json);
	}
	if (json)
		printf("}\n");
}
