/* Records that are one message: packing, unpacking and keys. */
#include "wire/party.h"
#include "wire/shapes.h"

const ProtobufCMessage *record_unpack(const struct shape *s, struct str bytes, struct arena *a, struct err *err)
{
	if (bytes.n > WIRE_MAX_RECORD_BYTES) {
		err_reject(err, DEAD_RULE, "larger than %d bytes", WIRE_MAX_RECORD_BYTES);
		return NULL;
	}
	return message_unpack(s->descriptor, bytes, a, err);
}

void record_pack(const struct shape *s, const void *ours, struct buf *out)
{
	struct scratch m;
	const ProtobufCMessage *theirs;
	size_t n;

	scratch_init(&m);
	theirs = shape_fill(s, ours, &m);
	n = protobuf_c_message_get_packed_size(theirs);
	protobuf_c_message_pack(theirs, (uint8_t *)buf_reserve(out, n));
	out->n += n;
	scratch_fini(&m);
}

void record_key(const struct uuid *workspace, const struct uuid *subject, char out[static 74])
{
	uuid_format(workspace, out);
	out[36] = ':';
	uuid_format(subject, out + 37);
}
