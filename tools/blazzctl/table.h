/* A command's output: rows of named columns, printed as a table or, for programs, as a JSON array of objects. */
#ifndef TABLE_H
#define TABLE_H

#include "base/uuid.h"

struct table;

/* columns: "session_id" is a member in JSON and SESSION ID in a heading; NULL-terminated, borrowed. */
struct table *table_new(const char *const *columns);
void table_free(struct table *t); /* accepts NULL */

/* Adds the next cell; after the last column a new row begins. Absent texts, nil ids and times of 0 are empty cells
 * (null). */
void table_text(struct table *t, struct str v);
void table_i64(struct table *t, int64_t v);
void table_bool(struct table *t, bool v);
void table_time_ms(struct table *t, int64_t ms);
void table_uuid(struct table *t, const struct uuid *id);
void table_none(struct table *t);

/* To standard output. Asserts that the last row is complete. */
void table_print(const struct table *t, bool json);

#endif
