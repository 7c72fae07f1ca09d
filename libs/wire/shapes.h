/* The shapes of all messages; common_shapes.c has what both events share. Seen by this library and its tests only. */
#ifndef WIRE_SHAPES_H
#define WIRE_SHAPES_H

#include "wire/shape.h"

extern const struct shape party_shape, group_ref_shape, chat_ref_shape, target_shape, provider_error_shape, media_shape,
	location_shape, quoted_shape, participant_shape;

extern const struct envelope inbound_envelope;
extern const struct envelope chat_event_envelope;

#endif
