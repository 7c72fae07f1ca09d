/* How Blazz's structs ("ours") and protobuf-c's ("theirs") correspond, as tables: a shape for each message, a row for
 * each of its fields.
 *
 *   bytes ──message_unpack──► theirs ──envelope_read──► ours ──envelope_check──► valid
 *   bytes ◄─────pack───────── theirs ◄─envelope_fill─── ours
 *
 * shape_read, shape_check and shape_fill do the same for a message that is not an envelope with kinds.
 *
 * Filling a message, reading one and checking a struct use the same tables, so they always agree. Invariant
 * (tests/unit/wire/test_shapes.c): every field of every message has exactly one row.
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
	ROW_ENUM,     /* the same numbers in both structs */
	ROW_PART,     /* a message, absent when no field in it is set */
	ROW_OPTIONAL, /* a message, present when a bool in Blazz's struct is set */
	ROW_LIST,     /* of messages */
	ROW_TEXTS,    /* a list of texts */
};

enum text_form { FORM_ANY, FORM_PHONE, FORM_DIGITS, FORM_UUID, FORM_JSON_OBJECT, FORM_JSON_ARRAY };

struct row {
	const char *name; /* as in the .proto */
	enum row_type type;
	enum text_form form;
	uint16_t ours, theirs;     /* offsets of the value */
	uint16_t n_ours, n_theirs; /* offsets of a list's count; n_ours: also of an optional's bool */
	uint16_t case_at,
		case_no; /* for a member of a oneof: offset and value of its case; case_no 0: not in a oneof */
	int64_t min; /* for a number */
	int64_t max; /* for a number, a double's magnitude or an enum; bytes of a text; items of a list */
	const struct shape *shape; /* for a message */
};

struct shape {
	const ProtobufCMessageDescriptor *descriptor;
	size_t size; /* of Blazz's struct */
	const struct row *rows;
	size_t n_rows;
};

/* One kind of event: a member of the envelope's oneof and of the union in Blazz's struct. */
struct variant {
	const char *word;
	unsigned case_no;
	const struct shape *shape;
};

/* The table of a whole event. */
struct envelope {
	const struct shape *shape;
	const struct variant *variants; /* by kind; the first is "none" */
	size_t n_variants;
	uint16_t kind, u; /* ours: the enum and the union */
	uint16_t case_at, event; /* theirs: the oneof's case and pointer */
};

/* Memory for filling: a part on the caller's stack, which suffices for all messages without long lists. */
struct scratch {
	size_t used;
	struct arena *spill; /* NULL until needed */
	alignas(max_align_t) char block[4096];
};
void scratch_init(struct scratch *m);
void scratch_fini(struct scratch *m);

/* Unpacks into the arena; nothing else needs to be freed. NULL and ERR_INPUT, DEAD_DECODE when the bytes are not such a
 * message. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, struct str bytes, struct arena *a,
	struct err *err);

/* Reads a message into a zeroed struct; texts are borrowed from the message. ERR_INPUT with DEAD_RULE for a list that
 * is too long or an id that is not a UUID. shape_check() checks everything else. */
int shape_read(const struct shape *s, const ProtobufCMessage *theirs, void *ours, struct arena *a,
	struct err *err) ERR_MUST_USE;
/* Checks a struct: storable text, formats, lengths, ranges. ERR_INPUT with DEAD_DECODE, DEAD_UNSUPPORTED or
 * DEAD_RULE. */
int shape_check(const struct shape *s, const void *ours, struct err *err) ERR_MUST_USE;
/* Returns a message ready to be packed, allocated in `m` and borrowing from `ours`. */
const ProtobufCMessage *shape_fill(const struct shape *s, const void *ours, struct scratch *m);

/* The same for an envelope and its kind. Reading and checking reject an event of a kind that is not in the table with
 * DEAD_UNSUPPORTED; filling requires a known kind. */
int envelope_read(const struct envelope *env, const ProtobufCMessage *theirs, void *ours, struct arena *a,
	struct err *err) ERR_MUST_USE;
int envelope_check(const struct envelope *env, const void *ours, struct err *err) ERR_MUST_USE;
const ProtobufCMessage *envelope_fill(const struct envelope *env, const void *ours, struct scratch *m);

#endif
