/* Importing the members of an audience from CSV: parsing and checking lines is separate from writing them. */
#ifndef AUDIENCE_IMPORT_H
#define AUDIENCE_IMPORT_H

#include "base/arena.h"
#include "base/err.h"
#include "csv.h"
#include "store/contact_groups.h"

#define IMPORT_VARIABLES_MAX_BYTES 16384 /* of contact_group_members.variables */

/* What the columns of the file are, by its first line. */
struct import_columns {
	size_t n, phone;
	size_t name; /* == n: there is none */
	struct str names[CSV_MAX_FIELDS]; /* of variables; in the arena */
};
/* ERR_INPUT when there is no column "phone", a name is there twice, or no text can name it as var.NAME. */
int import_columns_read(struct import_columns *out, const struct csv_record *header, struct arena *a,
	struct err *err) ERR_MUST_USE;

/* Reads a line into a member, in the arena. country: of numbers in national format, ISO 3166 alpha-2; NULL: numbers are
 * international. NULL, or why the line is rejected. */
const char *import_member_read(struct group_member *out, const struct import_columns *columns,
	const struct csv_record *line, const char *country, struct arena *a);

#endif
