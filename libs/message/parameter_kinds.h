/* How each kind of parameter is written: its type names the member that has its value. */
#ifndef MESSAGE_PARAMETER_KINDS_H
#define MESSAGE_PARAMETER_KINDS_H

#include "message/parameters.h"

#define PARAMETER_KINDS (PARAMETER_ACTION + 1)

struct parameter_shape {
	const char *word;
	enum {
		SHAPE_TEXT, /* a string */
		SHAPE_SHOWN, /* an object, whose fallback_value is shown */
		SHAPE_MEDIA, /* strings and numbers, with an id or a link */
		SHAPE_LOCATION, /* strings and numbers */
		SHAPE_RAW, /* an object */
	} shape;
	enum text_form form;
};
extern const struct parameter_shape parameter_shapes[PARAMETER_KINDS];

#endif
