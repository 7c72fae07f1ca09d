/* The ledger of erasures as validated structs: ErasureRecord with its encoding and decoding. proto/blazz/v1/erasure.proto
 * says what each field means. */
#ifndef WIRE_ERASURE_H
#define WIRE_ERASURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"

struct erasure_record {
	struct uuid erasure, workspace, contact;
	bool forget_opt_outs;
	int64_t requested_at_ms;
	int64_t until_ms, completed_at_ms; /* 0: not yet */
};

/* ERR_INPUT with DEAD_DECODE or DEAD_RULE; *out is unchanged then. */
int erasure_record_decode(struct erasure_record *out, struct str bytes, struct arena *a, struct err *err) ERR_MUST_USE;
/* Appends. ERR_INPUT for a record that could not be decoded. */
int erasure_record_encode(const struct erasure_record *r, struct buf *out, struct err *err) ERR_MUST_USE;
/* "<workspace>:<contact>". */
void erasure_record_key(const struct erasure_record *r, char out[static 74]);

#endif
