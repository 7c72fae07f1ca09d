/* The version of the schema, which every release's last migration sets. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "pg/pg.h"

#define SCHEMA_VERSION 15 /* what this build needs */

/* ERR_RETRY "schema" when the database is older than `want`: a migration is still to come, the service is not ready. A
 * newer one is fine: every release works on the schema of the next. */
int store_schema_version_check(struct pg *pg, int want, struct err *err) ERR_MUST_USE;

#endif
