/* The shape of ErasureRecord, its encoding and decoding. Invariant: both run the same check, so every record that is written
 * can be read. */
#include "wire/erasure.h"

#include <string.h>

#include "blazz/v1/erasure.pb-c.h"
#include "wire/party.h"
#include "wire/rows.h"
#include "wire/shapes.h"

static const struct row erasure_rows[] = {
	UUID_AS(erasure_record, erasure, ErasureRecord, erasure_id),
	UUID_AS(erasure_record, workspace, ErasureRecord, workspace_id),
	UUID_AS(erasure_record, contact, ErasureRecord, contact_id),
	BOOL(erasure_record, ErasureRecord, forget_opt_outs),
	TIME(erasure_record, ErasureRecord, requested_at_ms),
	TIME(erasure_record, ErasureRecord, until_ms),
	TIME(erasure_record, ErasureRecord, completed_at_ms),
};
SHAPE(erasure_record_shape, erasure_record, erasure_record, erasure_rows);

static int record_check(const struct erasure_record *r, struct err *err)
{
	if (shape_check(&erasure_record_shape, r, err) < 0)
		return -1;
	if (uuid_is_nil(&r->erasure) || uuid_is_nil(&r->workspace) || uuid_is_nil(&r->contact) ||
		r->requested_at_ms == 0)
		return err_reject(err, DEAD_RULE, "a required field is missing");
	return 0;
}

int erasure_record_decode(struct erasure_record *out, struct str bytes, struct arena *a, struct err *err)
{
	struct erasure_record r = { 0 };
	const ProtobufCMessage *theirs = record_unpack(&erasure_record_shape, bytes, a, err);

	if (!theirs || shape_read(&erasure_record_shape, theirs, &r, a, err) < 0 || record_check(&r, err) < 0)
		return -1;
	*out = r;
	return 0;
}

int erasure_record_encode(const struct erasure_record *r, struct buf *out, struct err *err)
{
	if (record_check(r, err) < 0)
		return -1;
	record_pack(&erasure_record_shape, r, out);
	return 0;
}

void erasure_record_key(const struct erasure_record *r, char out[static 74])
{
	record_key(&r->workspace, &r->contact, out);
}
