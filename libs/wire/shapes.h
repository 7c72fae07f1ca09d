/* The shapes of all messages; those that several messages contain are in common_shapes.c. Only this library and its tests
 * include it. */
#ifndef WIRE_SHAPES_H
#define WIRE_SHAPES_H

#include "base/buf.h"
#include "base/uuid.h"
#include "wire/shape.h"

extern const struct shape party_shape, group_ref_shape, chat_ref_shape, target_shape, provider_error_shape, media_shape,
	location_shape, quoted_shape, participant_shape;

extern const struct envelope inbound_envelope;
extern const struct envelope chat_event_envelope;
extern const struct shape send_record_shape;
extern const struct shape campaign_command_shape;
extern const struct shape erasure_record_shape;

/* A record that is one message and no envelope. NULL as message_unpack() returns it, and ERR_INPUT, DEAD_RULE for a record
 * beyond WIRE_MAX_RECORD_BYTES. */
const ProtobufCMessage *record_unpack(const struct shape *s, struct str bytes, struct arena *a, struct err *err);
/* Appends the packed message. The caller has checked it, and the limits of its fields keep it far below those of a record. */
void record_pack(const struct shape *s, const void *ours, struct buf *out);
/* "<workspace>:<subject>". */
void record_key(const struct uuid *workspace, const struct uuid *subject, char out[static 74]);

#endif
