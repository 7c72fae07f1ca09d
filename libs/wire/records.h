/* The records of one outbox row (proto/blazz/v1/outbox.proto), appended and read one by one. */
#ifndef WIRE_RECORDS_H
#define WIRE_RECORDS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/header.h"

#define RECORD_HEADERS_MAX 32

/* Appends one record to the row's bytes. The topic must not be empty; an absent key or value stays absent; at most RECORD_HEADERS_MAX
 * headers. */
void records_add(struct buf *row, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers);

struct record_view {
	struct str topic, key, value;
	struct header headers[RECORD_HEADERS_MAX];
	size_t n_headers;
};
/* size_t at = 0; while ((rc = records_next(row, &at, &view, &err)) == 1) ...; 0 at the end, -1 (ERR_INPUT,
 * DEAD_DECODE) when the row is corrupt. Borrows from the row. */
int records_next(struct str row, size_t *at, struct record_view *out, struct err *err) ERR_MUST_USE;

#endif
