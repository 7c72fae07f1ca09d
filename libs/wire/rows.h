/* Macros for the tables of shapes: SHAPE(party, ...), TEXT(party, Party, name, WIRE_MAX_NAME_BYTES).
 *
 * The arguments are the tag of Blazz's struct, protobuf-c's struct without its prefix, and the field, which has the
 * same name in both; in macros with _AS the two names differ. A field whose C type is not the one of its row does not
 * compile.
 */
#ifndef WIRE_ROWS_H
#define WIRE_ROWS_H

#include <stddef.h>

#include "wire/shape.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot be in parentheses. */

/* The offset of member m, which must be of type T. */
#define OFFSET(S, m, T)      ((uint16_t)(offsetof(S, m) + _Generic(((S *)0)->m, T: 0)))
#define OURS(s, m, T)        .ours = OFFSET(struct s, m, T)
#define THEIRS(P, m, T)      .name = #m, .theirs = OFFSET(Blazz__V1__##P, m, T)
#define THEIR_MESSAGE(P, m)  .name = #m, .theirs = (uint16_t)offsetof(Blazz__V1__##P, m)
#define THEIR_COUNT(P, m)    .n_theirs = OFFSET(Blazz__V1__##P, n_##m, size_t)
#define ONEOF(P, at, number) .case_at = (uint16_t)offsetof(Blazz__V1__##P, at), .case_no = (number)

/* clang-format off */
#define FORMED_AS(s, om, P, pm, limit, f) { .type = ROW_TEXT, .form = (f), .max = (limit), OURS(s, om, struct str), \
	THEIRS(P, pm, ProtobufCBinaryData) }
#define TEXT_AS(s, om, P, pm, limit)  FORMED_AS(s, om, P, pm, limit, FORM_ANY)
#define TEXT(s, P, m, limit)          FORMED_AS(s, m, P, m, limit, FORM_ANY)
#define ID_TEXT(s, P, m)              TEXT(s, P, m, WIRE_MAX_ID_BYTES)
#define NAME_TEXT(s, P, m)            TEXT(s, P, m, WIRE_MAX_NAME_BYTES)
#define LINK_TEXT(s, P, m)            TEXT(s, P, m, WIRE_MAX_LINK_BYTES)
#define BODY_TEXT(s, P, m)            TEXT(s, P, m, WIRE_MAX_BODY_BYTES)
#define PHONE(s, P, m)                FORMED_AS(s, m, P, m, WIRE_MAX_ID_BYTES, FORM_PHONE)
#define DIGITS(s, P, m)               FORMED_AS(s, m, P, m, WIRE_MAX_ID_BYTES, FORM_DIGITS)
#define UUID_TEXT(s, P, m)            FORMED_AS(s, m, P, m, WIRE_MAX_ID_BYTES, FORM_UUID)
#define JSON_OBJECT(s, P, m)          FORMED_AS(s, m, P, m, WIRE_MAX_JSON_BYTES, FORM_JSON_OBJECT)
#define JSON_ARRAY(s, P, m)           FORMED_AS(s, m, P, m, WIRE_MAX_JSON_BYTES, FORM_JSON_ARRAY)
#define BYTES_AS(s, om, P, pm, limit) { .type = ROW_BYTES, .max = (limit), OURS(s, om, struct str), \
	THEIRS(P, pm, ProtobufCBinaryData) }
#define UUID_AS(s, om, P, pm) { .type = ROW_UUID, OURS(s, om, struct uuid), THEIRS(P, pm, ProtobufCBinaryData) }
#define UUID(s, P, m)         UUID_AS(s, m, P, m)
#define BOOL_AS(s, om, P, pm) { .type = ROW_BOOL, OURS(s, om, bool), THEIRS(P, pm, protobuf_c_boolean) }
#define BOOL(s, P, m)         BOOL_AS(s, m, P, m)

#define I32_AS(s, om, P, pm, least, most) { .type = ROW_I32, .min = (least), .max = (most), OURS(s, om, int32_t), \
	THEIRS(P, pm, int32_t) }
#define I32(s, P, m, least, most) I32_AS(s, m, P, m, least, most)
#define COUNT(s, P, m)            I32_AS(s, m, P, m, 0, INT32_MAX)
#define I64_AS(s, om, P, pm, most) { .type = ROW_I64, .max = (most), OURS(s, om, int64_t), THEIRS(P, pm, int64_t) }
#define NUMBER(s, P, m)           I64_AS(s, m, P, m, INT64_MAX)
#define TIME_AS(s, om, P, pm)     I64_AS(s, om, P, pm, WIRE_MAX_TIME_MS)
#define TIME(s, P, m)             TIME_AS(s, m, P, m)
#define DEGREES(s, P, m, most)    { .type = ROW_F64, .max = (most), OURS(s, m, double), THEIRS(P, m, double) }
/* Both compilers make enums without negative values unsigned. */
#define ENUM_AS(s, om, P, pm, last) { .type = ROW_ENUM, .max = (last), OURS(s, om, unsigned), THEIRS(P, pm, unsigned) }
#define ENUM(s, P, m, last)         ENUM_AS(s, m, P, m, last)

/* Messages: t is the tag of Blazz's struct for the message, t_shape its shape. FLAT: the message's fields are members
 * of the enclosing struct. */
#define PART_AS(s, om, P, pm, t) { .type = ROW_PART, .shape = &t##_shape, OURS(s, om, struct t), THEIR_MESSAGE(P, pm) }
#define PART(s, P, m, t)         PART_AS(s, m, P, m, t)
#define FLAT_PART(P, pm, sh)     { .type = ROW_PART, .shape = &(sh), THEIR_MESSAGE(P, pm) }
#define ONEOF_PART(s, P, m, t, at, number) { .type = ROW_PART, .shape = &t##_shape, OURS(s, m, struct t), \
	THEIR_MESSAGE(P, m), ONEOF(P, at, number) }
#define OPTIONAL(s, P, m, t) { .type = ROW_OPTIONAL, .shape = &t##_shape, OURS(s, m, struct t), \
	.n_ours = OFFSET(struct s, m.present, bool), THEIR_MESSAGE(P, m) }
#define FLAT_OPTIONAL(s, flag, P, pm, sh) { .type = ROW_OPTIONAL, .shape = &(sh), .n_ours = OFFSET(struct s, flag, bool), \
	THEIR_MESSAGE(P, pm) }
#define LIST(s, P, m, t, limit) { .type = ROW_LIST, .shape = &t##_shape, .max = (limit), OURS(s, m, struct t *), \
	.n_ours = OFFSET(struct s, n_##m, size_t), THEIR_MESSAGE(P, m), THEIR_COUNT(P, m) }
#define TEXTS(s, P, m, limit) { .type = ROW_TEXTS, .max = (limit), OURS(s, m, struct str *), \
	.n_ours = OFFSET(struct s, n_##m, size_t), THEIRS(P, m, ProtobufCBinaryData *), THEIR_COUNT(P, m) }

#define SHAPE(name, s, message, table) const struct shape name = { .descriptor = &blazz__v1__##message##__descriptor, \
	.size = sizeof(struct s), .rows = (table), .n_rows = sizeof(table) / sizeof *(table) }
/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
