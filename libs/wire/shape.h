/* How our structs and protobuf-c's correspond, as tables: a shape for each message, a row for each of its fields.
 *
 * Three walks over the same tables fill a message, read one and check a struct, so what is written, read and refused cannot
 * drift apart. Invariant (tests/unit/wire/test_shapes.c): every field of every message has exactly one row.
 */
#ifndef WIRE_SHAPE_H
#define WIRE_SHAPE_H

#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>

#include "base/arena.h"
#include "base/err.h"

enum row_type {
	ROW_TEXT,
	ROW_BYTES,
	ROW_UUID, /* struct uuid here, text there; nil is empty */
	ROW_BOOL,
	ROW_I32,
	ROW_I64,
	ROW_F64,
	ROW_ENUM,     /* the same numbers on both sides */
	ROW_PART,     /* a message, absent when nothing in it is set */
	ROW_OPTIONAL, /* a message, present when a bool of ours says so */
	ROW_LIST,     /* of messages */
	ROW_TEXTS,    /* a list of texts */
};

enum text_form { FORM_ANY, FORM_PHONE, FORM_DIGITS, FORM_UUID, FORM_JSON_OBJECT };

struct row {
	const char *name; /* as in the .proto */
	enum row_type type;
	enum text_form form;
	uint16_t ours, theirs;     /* offsets of the value */
	uint16_t n_ours, n_theirs; /* offsets of a list's count; n_ours: of an optional's bool */
	uint16_t case_at, case_no; /* of a member of a oneof; no 0: of none */
	int64_t min; /* of a number */
	int64_t max; /* of a number, a double's magnitude or an enum; bytes of a text; items of a list */
	const struct shape *shape; /* of a message */
};

struct shape {
	const ProtobufCMessageDescriptor *descriptor;
	size_t size; /* of our struct */
	const struct row *rows;
	size_t n_rows;
};

/* One kind of event: a member of the envelope's oneof and of our union. */
struct variant {
	const char *word;
	unsigned case_no;
	const struct shape *shape;
};

/* A whole event. */
struct envelope {
	const struct shape *shape;
	const struct variant *variants; /* by kind; the first is "none" */
	size_t n_variants;
	uint16_t kind, u; /* ours: the enum and the union */
	uint16_t case_at, event; /* theirs: the oneof's case and pointer */
};

/* Memory for filling: some on the caller's stack, which is enough for all but long lists. */
struct scratch {
	size_t used;
	struct arena *spill; /* NULL until needed */
	alignas(max_align_t) char block[4096];
};
void scratch_init(struct scratch *m);
void scratch_fini(struct scratch *m);

/* Parses into the arena, which is all that has to be freed. NULL and ERR_INPUT, DEAD_DECODE for what is no such message. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, struct str bytes, struct arena *a,
	struct err *err);

/* Reads a message into a zeroed struct; texts are borrowed from the message. ERR_INPUT with DEAD_RULE: a list too long, an id that is
 * no UUID; DEAD_UNSUPPORTED: an event of a kind that is not in the table. The rest is envelope_check's. */
int envelope_read(const struct envelope *env, const ProtobufCMessage *theirs, void *ours, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* What a struct may hold: text that can be stored, forms, lengths, ranges. ERR_INPUT with DEAD_DECODE, DEAD_UNSUPPORTED or DEAD_RULE. */
int envelope_check(const struct envelope *env, const void *ours, struct err *err) ERR_MUST_USE;
/* A message ready to be packed, which borrows from `ours` and lives in `m`. The kind is known and not none. */
const ProtobufCMessage *envelope_fill(const struct envelope *env, const void *ours, struct scratch *m);

#endif
