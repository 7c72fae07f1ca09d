/* Checks JSON text that will be stored unchanged in a jsonb column. */
#ifndef WIRE_JSON_OBJECT_H
#define WIRE_JSON_OBJECT_H

#include "base/err.h"
#include "base/str.h"

/* Limits of a number. PostgreSQL's numeric stores 131,072 digits before the decimal point and 16,383 after it, but
 * writes each one out: the six bytes of 1e9999 would come back as ten thousand. No number in a real message comes
 * near. */
#define WIRE_MAX_JSON_DIGITS   1000
#define WIRE_MAX_JSON_EXPONENT 1000
#define WIRE_MAX_JSON_DEPTH    60 /* below JSON_MAX_DEPTH, as it is stored inside another object */

/* An object that jsonb accepts and returns in at most `max` bytes, not counting white space: no \u0000, no unpaired
 * surrogate, no number above the limits. ERR_INPUT, DEAD_RULE. */
int json_object_check(struct str text, size_t max, struct err *err) ERR_MUST_USE;
/* The same for an array. */
int json_array_check(struct str text, size_t max, struct err *err) ERR_MUST_USE;

#endif
