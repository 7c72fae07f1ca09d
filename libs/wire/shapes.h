/* The shapes of all messages; those that several messages contain are in common_shapes.c. Only this library and its tests
 * include it. */
#ifndef WIRE_SHAPES_H
#define WIRE_SHAPES_H

#include "wire/shape.h"

extern const struct shape party_shape, group_ref_shape, chat_ref_shape, target_shape, provider_error_shape, media_shape,
	location_shape, quoted_shape, participant_shape;

extern const struct envelope inbound_envelope;
extern const struct envelope chat_event_envelope;
extern const struct shape send_record_shape;
extern const struct shape campaign_command_shape;

#endif
