/* JSON that a jsonb column is to hold as it stands. */
#ifndef WIRE_JSON_OBJECT_H
#define WIRE_JSON_OBJECT_H

#include "base/err.h"
#include "base/str.h"

/* Beyond these a number is refused. numeric holds 131,072 digits before the point and 16,383 behind it, but PostgreSQL writes
 * each one out, so that six bytes of 1e9999 come back as ten thousand; and no fact of a message comes near. */
#define WIRE_MAX_JSON_DIGITS   1000
#define WIRE_MAX_JSON_EXPONENT 1000
#define WIRE_MAX_JSON_DEPTH    60 /* it is stored inside another object, which JSON_MAX_DEPTH bounds */

/* An object that jsonb takes and gives back in at most `max` bytes, blanks aside: no \u0000, no lone surrogate, no number that is
 * too long. ERR_INPUT, DEAD_RULE. */
int json_object_check(struct str text, size_t max, struct err *err) ERR_MUST_USE;

#endif
