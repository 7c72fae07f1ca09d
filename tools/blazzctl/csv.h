/* Reads CSV as RFC 4180 has it, record by record, in memory that does not grow with the file: fields separated by
 * commas, quoted fields with commas, line breaks and doubled quotes in them; LF or CR LF; a byte order mark of UTF-8 is
 * skipped, and so are empty lines. */
#ifndef CSV_H
#define CSV_H

#include <stdio.h>

#include "base/buf.h"

#define CSV_MAX_FIELDS       64
#define CSV_MAX_RECORD_BYTES 65536

struct csv {
	FILE *file; /* borrowed */
	int64_t line; /* of the byte that is read next, from 1 */
	struct buf text;
	size_t starts[CSV_MAX_FIELDS + 1];
};
struct csv_record {
	int64_t line; /* its first */
	struct str fields[CSV_MAX_FIELDS]; /* valid until the next call */
	size_t n;
	const char *wrong; /* NULL: nothing; why the record was discarded */
};

void csv_init(struct csv *c, FILE *file);
void csv_fini(struct csv *c);
/* True: *out is the next record, or says why it was discarded; reading goes on behind the line in which that was found.
 * False: the end of the file, or it cannot be read (ferror()). */
bool csv_next(struct csv *c, struct csv_record *out);

#endif
